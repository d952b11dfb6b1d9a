package main

import (
	"log"
	"os"
	"path/filepath"

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

// beside returns a path as seen from the folder of this program, where a plugin's
// files lie: its working directory is the broker's.
func beside(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	program, err := os.Executable()
	return filepath.Join(filepath.Dir(program), path), err
}
