//go:build linux

package load

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"moonwire/cmd/moonbench/internal/scenario"
)

// What goes wrong with connections that come and go ends the run and leaves
// no descriptor. Not parallel: it counts the process's descriptors.
func TestConnectorFails(t *testing.T) {
	var dialed atomic.Int64
	// The first connection looks what server is there; some later one is the
	// victim.
	victim := func(serve func(net.Conn)) func(net.Conn) {
		return func(nc net.Conn) {
			if dialed.Add(1) == 20 {
				serve(nc)
				return
			}
			if awaitPing(nc) {
				_, _ = io.WriteString(nc, pongLine)
			}
			hangUp(nc)
		}
	}
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{name: "closes", serve: hangUp, want: "connector: the server closed the connection"},
		{
			name: "refuses", want: "connector: the server says -ERR 'maximum connections exceeded'",
			serve: func(nc net.Conn) {
				_, _ = io.WriteString(nc, "-ERR 'maximum connections exceeded'\r\n")
				hangUp(nc)
			},
		},
		{
			name: "resets", want: "connector: ",
			serve: func(nc net.Conn) { _ = nc.(*net.TCPConn).SetLinger(0) },
		},
		{
			name: "does not answer", want: "nothing has arrived for",
			serve: func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dialed.Store(0)
			before := openFiles(t)
			addr, stop := fake(t, "INFO {} \r\n", victim(tt.serve))
			slots := 3
			if strings.HasPrefix(tt.want, "nothing") {
				slots = 1 // with others the run would go on
			}
			sc := scenario.Scenario{Name: "connect", Kind: scenario.Connect, Connections: slots}
			_, err := runAgainst(t.Context(), addr, sc, 1, longer)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
			stop()
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are left open", after-before)
			}
		})
	}
}

func TestConnectorServerGone(t *testing.T) {
	before := openFiles(t)
	l, err := newLoop(&shared{}, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	k := newConnector(l, netip.MustParseAddrPort("127.0.0.1:1"), 3)
	_, _, err = k.step(0, warming)
	for err == nil {
		events, werr := l.poller.Wait(true)
		if werr != nil {
			t.Fatal(werr)
		}
		for i := range events {
			if err == nil {
				err = l.handle(&events[i])
			}
		}
	}
	if !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	l.close()
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors are left open", after-before)
	}
}

// A closed connection holds its pair of addresses for a minute; the sources
// are many, and each is used as often as the next.
func TestSources(t *testing.T) {
	t.Parallel()
	got := make(map[netip.Addr]bool)
	for _, a := range sourcesFor(netip.MustParseAddrPort("127.0.0.1:4222")) {
		if !a.IsLoopback() || got[a] {
			t.Errorf("%v is no loopback address, or twice there", a)
		}
		got[a] = true
	}
	if len(got) != 200 {
		t.Errorf("%d sources", len(got))
	}
	for _, far := range []string{"192.0.2.1:4222", "[::1]:4222"} {
		if s := sourcesFor(netip.MustParseAddrPort(far)); len(s) != 1 || s[0].IsValid() {
			t.Errorf("%s: sources %v", far, s)
		}
	}
}
