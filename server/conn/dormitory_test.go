//go:build linux

package conn_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"moonwire/server/conn"
	"moonwire/server/interest"
)

// drowsy returns a host whose connections fall asleep after a millisecond or
// two of silence.
func drowsy(t *testing.T, change func(*conn.Limits)) *host {
	t.Helper()
	d, err := conn.NewDormitoryAfter(time.Millisecond, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	h := newHost(change)
	h.env.Dormitory = d
	return h
}

// awaitAsleep waits until n connections sleep.
func (h *host) awaitAsleep(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for limit := time.After(10 * time.Second); ; {
		if h.env.Dormitory.Asleep() == n {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d connections sleep, want %d", h.env.Dormitory.Asleep(), n)
		}
	}
}

// TestSleep: a silent connection sleeps, and is as it was when it wakes.
func TestSleep(t *testing.T) {
	t.Parallel()
	h := drowsy(t, nil)
	p := h.dialTCP(t)
	defer p.close()
	h.awaitAsleep(t, 1) // before its CONNECT
	p.send(hello + "SUB a 1\r\nPING\r\n")
	p.expect("PONG")
	for range 3 {
		h.awaitAsleep(t, 1)
		p.send("PIN") // half a command, over a sleep
		h.awaitAsleep(t, 1)
		p.send("G\r\nPUB a 5\r\nhe")
		p.expect("PONG")
		h.awaitAsleep(t, 1)
		p.send("llo\r\n")
		p.expect("MSG a 1 5", "hello")
	}
}

// TestDeliveryToSleeper: what others publish reaches a connection that sleeps,
// and lets it sleep on.
func TestDeliveryToSleeper(t *testing.T) {
	t.Parallel()
	h := drowsy(t, nil)
	p := h.dialTCP(t)
	defer p.close()
	p.send(hello + "SUB a 1\r\nPING\r\n")
	p.expect("PONG")
	h.awaitAsleep(t, 1)
	var other bin
	other.Ordinal, other.Sink = h.env.Ordinals.Take(), &other
	ctx := h.env.Contexts.Get(&other.Target, h.account.Index)
	for n := range 100 {
		ctx.Publish(pub("a", fmt.Sprint(n)))
		ctx.Flush()
		if h.env.Dormitory.Asleep() != 1 {
			t.Fatal("a delivery woke the connection")
		}
	}
	h.env.Contexts.Put(ctx)
	for n := range 100 {
		text := fmt.Sprint(n)
		p.expect(fmt.Sprintf("MSG a 1 %d", len(text)), text)
	}
}

// TestSleeperEnds: a connection that sleeps ends for each reason that there is,
// as any other does.
func TestSleeperEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limits func(*conn.Limits)
		end    func(*host, *peer)
		want   conn.Reason
	}{
		"the peer goes": {end: func(_ *host, p *peer) { _ = p.nc.Close() }, want: conn.ClientClosed},
		"the peer closes its half": {end: func(_ *host, p *peer) {
			_ = p.nc.(interface{ CloseWrite() error }).CloseWrite()
		}, want: conn.ClientClosed},
		"shutdown": {end: func(_ *host, p *peer) { p.c.Close(conn.ServerShutdown) }, want: conn.ServerShutdown},
		"a fault":  {end: func(_ *host, p *peer) { p.send("NONSENSE\r\n") }, want: conn.ProtocolViolation},
		"stale": {
			limits: func(l *conn.Limits) { l.PingInterval, l.PingMax = 20*time.Millisecond, 1 },
			end:    func(*host, *peer) {}, want: conn.StaleConnection,
		},
		"too much waits": {
			limits: func(l *conn.Limits) { l.MaxPending = 1000 },
			end: func(_ *host, p *peer) {
				for p.c.Submit(&interest.Staged{Data: []byte(strings.Repeat("x", 100_000))}) {
				}
			}, want: conn.SlowConsumerPending,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := drowsy(t, tt.limits)
			p := h.dialTCP(t)
			defer p.close()
			if tt.limits == nil {
				p.send(hello + "SUB a 1\r\nPING\r\n")
				p.expect("PONG")
				h.awaitAsleep(t, 1)
			}
			tt.end(h, p)
			if r := p.reason(); r != tt.want {
				t.Errorf("ended for %q, want %q", r, tt.want)
			}
			if n := h.account.Index.Len(); n != 0 {
				t.Errorf("%d subscriptions are left", n)
			}
			if n := h.env.Dormitory.Asleep(); n != 0 {
				t.Errorf("%d connections sleep on", n)
			}
		})
	}
}

// TestRestlessNights: connections fall asleep, wake, are spoken to and closed at
// all times. Each command is answered, and nothing is left of a connection that
// has ended.
func TestRestlessNights(t *testing.T) {
	t.Parallel()
	const peers, rounds = 16, 40
	h := drowsy(t, nil)
	var wg sync.WaitGroup
	for i := range peers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			pause := time.NewTimer(0)
			<-pause.C
			for range rounds {
				p := h.dialTCP(t)
				p.send(hello + "SUB mine 1\r\n")
				for n := range 4 {
					pause.Reset(time.Duration(rng.IntN(4000)) * time.Microsecond)
					<-pause.C
					if rng.IntN(8) == 0 {
						go p.c.Close(conn.ServerShutdown)
						break
					}
					if _, err := fmt.Fprintf(p.nc, "PUB x.%d 1\r\n%d\r\nPING\r\n", n, n); err != nil {
						t.Error(err)
					}
					for {
						line, err := p.r.ReadString('\n')
						if err != nil {
							t.Errorf("instead of a PONG: %v", err)
							break
						}
						if line == "PONG\r\n" {
							break
						}
					}
				}
				if rng.IntN(2) == 0 {
					p.close()
				} else {
					go func() { _, _ = io.Copy(io.Discard, p.nc) }()
					p.c.Close(conn.ServerShutdown)
					<-p.done
					_ = p.nc.Close()
				}
			}
		})
	}
	wg.Wait()
	if n, m := h.account.Index.Len(), h.account.Clients.Load(); n != 0 || m != 0 {
		t.Errorf("%d subscriptions and %d clients are left", n, m)
	}
	if n := h.env.Dormitory.Asleep(); n != 0 {
		t.Errorf("%d connections sleep on", n)
	}
}
