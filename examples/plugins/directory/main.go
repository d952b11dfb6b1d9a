package main

import (
	"os"
	"path/filepath"

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

// beside returns a path as seen from the folder of this program, where a plugin's
// files lie: its working directory is the broker's.
func beside(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	program, err := os.Executable()
	return filepath.Join(filepath.Dir(program), path), err
}
