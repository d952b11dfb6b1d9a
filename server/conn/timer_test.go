package conn_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"moonwire/server/conn"
)

// listen passes on the lines that come, until the end of the connection.
func (p *peer) listen() <-chan string {
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for {
			line, err := p.r.ReadString('\n')
			if err != nil {
				return
			}
			lines <- strings.TrimSuffix(line, "\r\n")
		}
	}()
	return lines
}

// within fails the test unless the next line is want and comes between from and
// to after begin. The zero time to means exactly from.
func within(t *testing.T, lines <-chan string, want string, begin time.Time, from, to time.Duration) {
	t.Helper()
	got, open := <-lines
	if to == 0 {
		to = from
	}
	if took := time.Since(begin); got != want || open == (want == "") || took < from || took > to {
		t.Fatalf("got %q (open: %t) after %v, want %q after %v to %v", got, open, took, want, from, to)
	}
}

// TestEntranceTimers: an entrance may have timers of its own.
func TestEntranceTimers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHost(nil)
		h.password = "p"
		h.way.PingInterval, h.way.AuthTimeout = 700*time.Millisecond, time.Second
		begin := time.Now()
		p := h.dial(t)
		defer p.close()
		lines := p.listen()
		within(t, lines, "PING", begin, 700*time.Millisecond, 0)
		within(t, lines, "-ERR 'Authentication Timeout'", begin, time.Second, 0)
	})
}

const hello = `CONNECT {"verbose":false}` + "\r\n"

// TestFirstPing: the first PING comes 2 s after CONNECT, or ping_interval if that
// is less, and a fifth of it at random later; without CONNECT it comes after
// ping_interval.
func TestFirstPing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		interval time.Duration
		connect  string
		from, to time.Duration
	}{
		"defaults":         {2 * time.Minute, hello, 2 * time.Second, 2400 * time.Millisecond},
		"short interval":   {500 * time.Millisecond, hello, 500 * time.Millisecond, 600 * time.Millisecond},
		"no CONNECT":       {2 * time.Minute, "", 2 * time.Minute, 0},
		"a second CONNECT": {2 * time.Minute, hello + hello, 2 * time.Second, 2400 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					p := newHost(func(l *conn.Limits) { l.PingInterval = tt.interval }).dial(t)
					defer p.close()
					lines, begin := p.listen(), time.Now()
					if tt.connect != "" {
						p.send(tt.connect)
					}
					within(t, lines, "PING", begin, tt.from, tt.to)
				})
			}
		})
	}
}

// TestPingsWhenNeeded: after the first round trip is known, a PING comes only
// after an interval in which the client sent nothing but PONG, or when the
// measurement is an hour old.
func TestPingsWhenNeeded(t *testing.T) {
	t.Parallel()
	const interval = 10 * time.Second
	tests := map[string]struct {
		send  string        // once a second
		after time.Duration // from the first PING to the second
		slack time.Duration
	}{
		"silence":        {"", interval, 0},
		"only PONG":      {"PONG\r\n", interval, 0},
		"publishes":      {"PUB a 1\r\nx\r\n", time.Hour, interval},
		"PINGs":          {"PING\r\n", time.Hour, interval},
		"subscribes":     {"SUB a 1\r\nUNSUB 1\r\n", time.Hour, interval},
		"half a payload": {"PUB a 1\r\nx\r\nPUB a 1\r\n", time.Hour, interval},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newHost(func(l *conn.Limits) { l.PingInterval = interval }).dial(t)
				defer p.close()
				lines := p.listen()
				p.send(hello)
				for line := range lines {
					if line == "PING" {
						break
					}
				}
				begin := time.Now()
				p.send("PONG\r\n")
				tick := time.NewTicker(time.Second)
				defer tick.Stop()
				for {
					select {
					case line, open := <-lines:
						if !open {
							t.Fatalf("closed after %v", time.Since(begin))
						}
						if line != "PING" {
							continue
						}
						if took := time.Since(begin); took < tt.after || took > tt.after+tt.slack {
							t.Errorf("the second PING came after %v, want %v to %v", took, tt.after, tt.after+tt.slack)
						}
						return
					case <-tick.C:
						if tt.send == "" {
							continue
						}
						send := tt.send
						if name == "half a payload" { // the payload of the one before comes first
							send = "x\r\nPUB a 1\r\n"
							if time.Since(begin) < 1500*time.Millisecond {
								send = "PUB a 1\r\n"
							}
						}
						p.send(send)
					}
				}
			})
		})
	}
}

// TestStale: a client that leaves ping_max PINGs unanswered is told so and cut at
// the time of the next; any PONG starts the count anew.
func TestStale(t *testing.T) {
	t.Parallel()
	const interval = time.Second
	tests := map[string]struct {
		most    int
		connect string
		pings   int // that come
		answer  int // which is answered, 0: none
	}{
		"two":             {2, hello, 2, 0},
		"one":             {1, hello, 1, 0},
		"five":            {5, hello, 5, 0},
		"no CONNECT":      {2, "", 2, 0},
		"the second PONG": {2, hello, 4, 2},
		"the first PONG":  {3, hello, 4, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHost(func(l *conn.Limits) { l.PingInterval, l.PingMax = interval, tt.most })
				p := h.dial(t)
				defer p.close()
				lines, last := p.listen(), time.Now()
				if tt.connect != "" {
					p.send(tt.connect)
				}
				for n := 1; n <= tt.pings; n++ {
					slack := interval / 5
					if n > 1 || tt.connect == "" {
						slack = 0
					}
					within(t, lines, "PING", last, interval, interval+slack)
					if last = time.Now(); n == tt.answer {
						p.send("PONG\r\n")
					}
				}
				within(t, lines, "-ERR 'Stale Connection'", last, interval, 0)
				within(t, lines, "", last, interval, 0)
				if r := p.reason(); r != conn.StaleConnection {
					t.Errorf("ended for %q", r)
				}
			})
		})
	}
}

// TestBusyIsNotStale: a client that has answered one PING and then publishes
// without a pause is not asked for signs of life, and not cut.
func TestBusyIsNotStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newHost(func(l *conn.Limits) { l.PingInterval, l.PingMax = time.Second, 1 }).dial(t)
		defer p.close()
		lines := p.listen()
		p.send(hello)
		within(t, lines, "PING", time.Now(), 0, 2*time.Second)
		p.send("PONG\r\n")
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for range 200 {
			<-tick.C
			p.send("PUB a 1\r\nx\r\n")
			select {
			case line, open := <-lines:
				t.Fatalf("got %q, open: %t", line, open)
			default:
			}
		}
	})
}

// TestAuthTimeout: a client has AuthTimeout for a CONNECT with the right
// credentials, and a wrong one is cut at once.
func TestAuthTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 1500 * time.Millisecond
	const right = `CONNECT {"verbose":false,"pass":"secret"}` + "\r\n"
	tests := map[string]struct {
		send   string
		wait   time.Duration // before it is sent
		want   string
		after  time.Duration
		reason conn.Reason
	}{
		"nothing":        {"", 0, "-ERR 'Authentication Timeout'", timeout, conn.AuthTimeout},
		"half a CONNECT": {right[:20], 0, "-ERR 'Authentication Timeout'", timeout, conn.AuthTimeout},
		"wrong":          {hello, time.Second, "-ERR 'Authorization Violation'", time.Second, conn.AuthFailure},
		"not CONNECT":    {"PING\r\n", 0, "-ERR 'Authorization Violation'", 0, conn.AuthFailure},
		"right, late":    {right + "PING\r\n", timeout - 1, "PONG", timeout - 1, ""},
		"right":          {right + "PING\r\n", 0, "PONG", 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHost(func(l *conn.Limits) { l.AuthTimeout, l.AuthRequired = timeout, true })
				h.password = "secret"
				p := h.dial(t)
				defer p.close()
				lines, begin := p.listen(), time.Now()
				<-time.After(tt.wait)
				if tt.send != "" {
					p.send(tt.send)
				}
				within(t, lines, tt.want, begin, tt.after, 0)
				if tt.reason == "" { // the timer is gone
					<-time.After(timeout)
					p.send("PING\r\n")
					if line := <-lines; line != "PONG" {
						t.Errorf("got %q, want PONG", line)
					}
					return
				}
				within(t, lines, "", begin, tt.after, 0)
				if r := p.reason(); r != tt.reason {
					t.Errorf("ended for %q, want %q", r, tt.reason)
				}
			})
		})
	}
}

// TestWriteDeadline: a peer that reads nothing is cut after the write deadline,
// and one that is told to go has a second for what is queued.
func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end   conn.Reason // why the server closes; "": it does not
		want  conn.Reason
		after time.Duration
	}{
		"deadline": {"", conn.SlowConsumerDeadline, 10 * time.Second},
		"shutdown": {conn.ServerShutdown, conn.ServerShutdown, time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newHost(nil).dial(t)
				defer p.close()
				p.send(hello + "SUB a 1\r\nPUB a 5\r\nhello\r\n") // and does not read it
				begin := time.Now()
				synctest.Wait()
				if tt.end != "" {
					p.c.Close(tt.end)
				}
				got := p.reason()
				if took := time.Since(begin); got != tt.want || took != tt.after {
					t.Errorf("ended for %q after %v, want %q after %v", got, took, tt.want, tt.after)
				}
			})
		})
	}
}
