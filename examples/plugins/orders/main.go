package main

import (
	"log"
	"os"
	"path/filepath"

	"moonwire/plugins/sdk"
)

func main() {
	o := new(orders)
	sdk.Main(o, registrations()...)
	if o.counted != nil { // it was at work
		log.Print(o.counted)
	}
}

// registrations says what the plugin is asked: about all messages, and the operator
// narrows that by the hook's `subjects`.
func registrations() []sdk.Registration {
	return []sdk.Registration{{
		Point: sdk.AtInspect, Fields: []sdk.Field{sdk.Subject, sdk.Headers, sdk.Payload}, MaxPayload: 1 << 20,
	}}
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
