//go:build !unix

package main

import (
	"errors"
	"fmt"
	"os"
)

// watched are the signals that mean something to the broker.
func watched() []os.Signal { return []os.Signal{os.Interrupt} }

func purposeOf(os.Signal) purpose { return stop }

// command fails: there are no signals to send.
func command(string, string) error { return fmt.Errorf("flag -sl: %w", errNoSignals) }

func tell(string, string, string, string) error { return errNoSignals }

var errNoSignals = errors.New("there are no signals on this system")
