package servertest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startWait bounds how long the reference may take until it accepts clients.
const startWait = 10 * time.Second

// reference is an nats-server that runs inside the test process.
type reference struct {
	srv  *server.Server
	addr string
	work sync.WaitGroup // lame duck drains under way
}

// StartReference is the [Starter] of the reference nats-server. The server runs
// in this process, on a random loopback port, without a log and without signal
// handlers; at cleanup it is stopped and waited for. An empty config means the
// reference's defaults.
//
// Nothing in the options is set behind the transcript's back but host, port, log
// and signals. The parser of the reference wants a lame_duck_duration of 30 s or
// more, yet a drain is short all the same: the closes begin after
// lame_duck_grace_period, which may be short, and never lie more than a second
// apart.
func StartReference(t testing.TB, config string) Instance {
	t.Helper()
	opts := &server.Options{}
	// The reference counts an empty text as a fault.
	if strings.TrimSpace(config) != "" {
		if err := opts.ProcessConfigString(config); err != nil {
			t.Fatalf("configuring the reference: %v", err)
		}
	}
	opts.Host, opts.Port = "127.0.0.1", server.RANDOM_PORT
	opts.NoLog, opts.NoSigs = true, true

	srv, err := server.NewServer(opts)
	if err != nil {
		t.Fatalf("creating the reference: %v", err)
	}
	r := &reference{srv: srv}
	t.Cleanup(func() {
		r.Shutdown()
		r.work.Wait()
	})
	srv.Start()
	if !srv.ReadyForConnections(startWait) {
		t.Fatalf("the reference does not accept clients after %v", startWait)
	}
	r.addr = srv.Addr().String()
	return r
}

// Addr implements Instance.
func (r *reference) Addr() string { return r.addr }

// LameDuck implements Instance. The call of the reference blocks until the drain
// is over; cleanup waits for it.
func (r *reference) LameDuck() { r.work.Go(r.srv.LameDuckShutdown) }

// Shutdown implements Instance.
func (r *reference) Shutdown() {
	r.srv.Shutdown()
	r.srv.WaitForShutdown()
}
