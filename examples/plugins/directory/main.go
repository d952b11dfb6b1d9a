package main

import (
	"os"

	"moonwire/plugins/sdk"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(administer(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	d := newDirectory()
	defer d.close()
	sdk.Main(d, registrations()...)
}

// registrations says what the plugin is asked, and all that it needs for that.
func registrations() []sdk.Registration {
	return []sdk.Registration{
		{Point: sdk.AtConnect, Fields: []sdk.Field{sdk.ConnectInfo, sdk.Secrets}},
		{Point: sdk.AtEvent, Events: []string{"connect"}, Fields: []sdk.Field{sdk.ClientID, sdk.User, sdk.Tags}},
	}
}
