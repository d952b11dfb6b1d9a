package conn_test

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"moonwire/server/conn"
)

// TestNothingIsLeft: connections that end in whatever way leave no subscription,
// no client of the account and no ordinal.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	const workers, times = 8, 60
	h := newHost(nil)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range times {
				p := h.dialTCP(t)
				_, _ = io.WriteString(p.nc, hello+"SUB a.b 1\r\nSUB a.* 2\r\nSUB a.b q 3\r\nUNSUB 1 3\r\n"+
					strings.Repeat("PUB a.b 2\r\nhi\r\n", n)+[]string{"", "NONSENSE\r\n", "PUB a.b 7\r\nhi", hello}[(w+n)%4])
				p.close()
			}
		})
	}
	wg.Wait()
	if n := h.account.Index.Len(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
	if n := h.account.Clients.Load(); n != 0 {
		t.Errorf("%d clients are left in the account", n)
	}
	if o := h.env.Ordinals.Take(); o >= workers {
		t.Errorf("the next ordinal is %d, although there were never more than %d connections", o, workers)
	}
	if len(h.ended) != workers*times {
		t.Errorf("the host was told of %d ends, want %d", len(h.ended), workers*times)
	}
}

// TestLastWords: what a client sent before it closed its writing half is answered
// before the connection ends.
func TestLastWords(t *testing.T) {
	t.Parallel()
	h := newHost(nil)
	p := h.dialTCP(t)
	defer p.close()
	p.send(hello + "SUB a 1\r\nPUB a 2\r\nhi\r\nPING\r\n")
	if err := p.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	p.expectEnd("MSG a 1 2\r\nhi\r\nPONG\r\n")
	if r := p.reason(); r != conn.ClientClosed {
		t.Errorf("ended for %q", r)
	}
}

// TestEmptyWrite: a write of no bytes, which a pipe passes on, is no end.
func TestEmptyWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHost(nil).dial(t)
		defer p.close()
		p.send(hello)
		if _, err := p.nc.Write(nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := p.c.Reason(); r != "" {
			t.Fatalf("ended for %q", r)
		}
		go func() { _, _ = io.WriteString(p.nc, "PING\r\n") }()
		p.expect("PONG")
	})
}

// TestCloseIsBounded: a connection that is closed has one second for what is
// queued, however slowly and steadily the peer reads.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHost(nil).dial(t)
		p.send(hello + "SUB a 1\r\n")
		msg := "PUB a 100000\r\n" + strings.Repeat("x", 100_000) + "\r\n"
		for range 100 {
			p.send(msg)
		}
		synctest.Wait()
		begin := time.Now()
		p.c.Close(conn.ServerShutdown)
		read := make(chan struct{})
		defer func() { <-read }()
		defer p.close()
		go func() {
			defer close(read)
			buf := make([]byte, 100_000)
			for {
				<-time.After(50 * time.Millisecond) // 2 MB a second: 5 s for all
				if _, err := io.ReadFull(p.r, buf); err != nil {
					return
				}
			}
		}()
		if p.reason(); time.Since(begin) > time.Second {
			t.Errorf("the end came after %v, want 1s at most", time.Since(begin))
		}
	})
}

// TestForwarded: what a header says of the address is shown, and not believed.
func TestForwarded(t *testing.T) {
	t.Parallel()
	near, far := pair(t, "tcp", "127.0.0.1:0")
	defer near.Close()
	defer far.Close()
	h := newHost(nil)
	c := conn.New(&h.env, &h.way, far, conn.Presented{IP: "203.0.113.9"}, 1)
	if got := c.Snapshot().IP; got != "203.0.113.9" {
		t.Errorf("shown as %s", got)
	}
	if got := c.IP(); got != "127.0.0.1" {
		t.Errorf("judged by %s", got)
	}
}
