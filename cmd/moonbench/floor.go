//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"

	"moonwire/cmd/moonbench/internal/floor"
)

// floorCommand serves as the forwarder until ctx ends.
func floorCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("moonbench floor", flag.ContinueOnError)
	fs.SetOutput(stderr)
	host := fs.String("addr", "127.0.0.1", "`address` to listen on")
	port := fs.Uint("port", 4222, "port to listen on; 0 picks a free one")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	ip, err := netip.ParseAddr(*host)
	if err != nil || fs.NArg() > 0 || *port > 65535 {
		return fmt.Errorf("%w: floor takes --addr with an IP address and --port from 0 to 65535", errUsage)
	}
	f, err := floor.Listen(netip.AddrPortFrom(ip, uint16(*port)))
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "listening on", f.Addr())
	return f.Serve(ctx)
}
