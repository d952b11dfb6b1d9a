package main

import (
	"log"

	"moonwire/plugins/sdk"
)

func main() {
	a := new(audit)
	sdk.Main(a, registrations()...)
	if err := a.close(); err != nil {
		log.Print(err)
	}
}

// registrations says what the plugin is told: all events and all messages, without what
// is in them. The operator narrows that by the hook's `subjects`.
func registrations() []sdk.Registration {
	who := []sdk.Field{sdk.ClientID, sdk.User, sdk.Account, sdk.Name, sdk.Host}
	return []sdk.Registration{
		{Point: sdk.AtPublish, Fields: append([]sdk.Field{sdk.Subject, sdk.Size}, who...)},
		{Point: sdk.AtEvent, Fields: append([]sdk.Field{sdk.Subject, sdk.Queue}, who...)},
	}
}
