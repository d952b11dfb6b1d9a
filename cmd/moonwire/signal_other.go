//go:build !unix

package main

import (
	"errors"
	"os"
)

// watched are the signals that mean something to the broker.
func watched() []os.Signal { return []os.Signal{os.Interrupt} }

func purposeOf(os.Signal) purpose { return stop }

// command fails: there are no signals to send.
func command(string, string) error {
	return errors.New("flag -sl: there are no signals on this system")
}
