//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"moonwire/plugins/sdk"
)

// ordersPlugin is the plugin of the scripts: the program orders-plugin. Its first
// argument is its version.
func ordersPlugin() {
	fmt.Fprintln(os.Stderr, "orders", os.Args[1], "is process", os.Getpid())
	sdk.Main(orders{}, sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"orders.>"}})
}

// orders denies what has "deny" in its subject.
type orders struct{}

func (orders) Version() string { return os.Args[1] }

func (orders) Publish(_ context.Context, m *sdk.Message) sdk.Decision {
	if strings.Contains(m.Subject, "deny") {
		return sdk.Deny("by version " + os.Args[1])
	}
	return sdk.Allow()
}
