//go:build !unix

package main

import "os"

// watched are the signals that mean something to the broker.
func watched() []os.Signal { return []os.Signal{os.Interrupt} }

func purposeOf(os.Signal) purpose { return stop }
