package main

import (
	"log"

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
