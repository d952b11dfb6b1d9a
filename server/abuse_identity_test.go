package server_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"moonwire/server/config"
	"moonwire/server/log"
)

// abuseVar is the environment variable that says how many connections
// TestStrangers makes in place of strangers; `make abuse` sets it.
const (
	abuseVar  = "MOONWIRE_ABUSE"
	strangers = 2600
)

// stranger is one way to come without being welcome.
type stranger struct {
	side int // how many come at one time
	// come connects to the broker, or to its listener for WebSockets, and
	// behaves badly.
	come func(clients, web string, n int) error
}

// put dials, sends and reads up to the end, which must have a text in it.
func put(addr, text, want string) error {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	return finish(nc, text, want)
}

// finish sends a text and reads up to the end, which must have a text in it.
func finish(nc net.Conn, text, want string) error {
	all, err := answered(nc, text)
	if err == nil && !strings.Contains(all, want) {
		err = fmt.Errorf("got %q, want %q", all, want)
	}
	return err
}

// answered sends a text and returns all that comes up to the end.
func answered(nc net.Conn, text string) (string, error) {
	c := &rawClient{nc: nc, r: bufio.NewReader(nc)}
	defer c.reset()
	_ = c.send(text) // it may be cut short by the server
	return c.ended()
}

// quit dials, sends and breaks the connection, without waiting for anything.
func quit(addr, text string) error {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	_, _ = io.WriteString(nc, text)
	(&rawClient{nc: nc}).reset()
	return nil
}

// hello13 is how a TLS handshake begins, cut off in the middle.
const hello13 = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

// upgrade is a request for a WebSocket.
const upgrade = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// frameOf is a text in a frame of a WebSocket client, masked with zeros.
func frameOf(text string) string {
	return "\x82" + string([]byte{0x80 | byte(len(text))}) + "\x00\x00\x00\x00" + text
}

func wrong(user string) string {
	return fmt.Sprintf("CONNECT {\"user\":%q,\"pass\":\"wrong\"}\r\nPING\r\n", user)
}

const (
	violation = "-ERR 'Authorization Violation'"
	late      = "-ERR 'Authentication Timeout'"
)

// comers are all of them. logins counts who was refused for the credentials:
// when the machine is busy a few do not get so far in the time that they have.
func comers(logins *atomic.Int64) map[string]stranger {
	login := func(nc net.Conn, err error, text string) error {
		if err != nil {
			return nil // see above
		}
		all, err := answered(nc, text)
		switch {
		case err != nil:
			return err
		case strings.Contains(all, violation):
			logins.Add(1)
		case !strings.Contains(all, late):
			return fmt.Errorf("got %q, want %q", all, violation)
		}
		return nil
	}
	plain := func(addr, user string) error {
		nc, err := net.DialTimeout("tcp", addr, patience)
		return login(nc, err, wrong(user))
	}
	return map[string]stranger{
		"wrong password": {4, func(clients, _ string, _ int) error { return plain(clients, "u") }},
		"unknown user": {4, func(clients, _ string, n int) error {
			return plain(clients, fmt.Sprint("nobody", n))
		}},
		"wrong password, hashed": {2, func(clients, _ string, _ int) error { return plain(clients, "h") }},
		"no credentials":         {4, func(clients, _ string, _ int) error { return put(clients, "SUB > 1\r\n", "-ERR 'Auth") }},
		"garbage": {4, func(clients, _ string, n int) error {
			junk := make([]byte, 300)
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			for i := range junk {
				junk[i] = byte(rng.Uint32())
			}
			return put(clients, string(junk), "INFO ")
		}},
		"gone at once":          {4, func(clients, _ string, _ int) error { return quit(clients, "") }},
		"gone within a CONNECT": {4, func(clients, _ string, _ int) error { return quit(clients, `CONNECT {"user":"u",`) }},
		"handshake broken off":  {4, func(clients, _ string, _ int) error { return quit(clients, hello13) }},
		"garbage in place of a handshake": {4, func(clients, _ string, _ int) error {
			return put(clients, "\x16\x03\x01\x00\x05aaaaaaaaaaaaaaaaaaaa", "INFO ")
		}},
		"wrong password over TLS": {2, func(clients, _ string, _ int) error {
			nc, err := secured(clients)
			return login(nc, err, wrong("u"))
		}},
		"half-open": {400, func(clients, _ string, _ int) error { return put(clients, "", late) }},
		"a CONNECT that does not end": {400, func(clients, _ string, _ int) error {
			return put(clients, `CONNECT {"user":"u"`, late)
		}},
		"a handshake that does not end": {400, func(clients, _ string, _ int) error { return put(clients, hello13, "INFO ") }},

		"no WebSocket, and no TLS": {4, func(_, web string, _ int) error { return put(web, "GET / HTTP/1.1\r\n\r\n", "") }},
		"WebSocket, gone at once":  {4, func(_, web string, _ int) error { return quit(web, hello13) }},
		"WebSocket, half-open":     {400, func(_, web string, _ int) error { return put(web, hello13, "") }},
		"WebSocket, no upgrade": {2, func(_, web string, _ int) error {
			nc, err := overTLS(web)
			if err != nil {
				return nil // too late
			}
			return finish(nc, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "")
		}},
		"WebSocket, wrong password": {20, func(_, web string, _ int) error {
			nc, err := upgraded(web)
			return login(nc, err, frameOf(wrong("u"))) // up to the time that the server lingers
		}},
	}
}

// secured connects and begins TLS after the greeting.
func secured(addr string) (net.Conn, error) {
	c, err := dialTLS(addr)
	if err != nil {
		return nil, err
	}
	return c.nc, nil
}

// overTLS connects to a listener that begins with TLS.
func overTLS(addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	return tls.DialWithDialer(&d, "tcp", addr, trusting)
}

// upgraded connects to a listener for WebSockets, and becomes one.
func upgraded(addr string) (net.Conn, error) {
	nc, err := overTLS(addr)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(nc, upgrade)
	for one, read := make([]byte, 1), ""; err == nil && !strings.HasSuffix(read, "\r\n\r\n"); read += string(one) {
		_, err = nc.Read(one)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return nc, nil
}

// TestStrangers has very many connections come that nobody wants, in all ways,
// to a broker with users, TLS and WebSocket, beside a pair that behaves well.
// The pair is served all the time; memory and goroutines stay bounded and come
// back; and the log is held back, yet tells of each failed login. It does not run
// beside other tests, as it looks at the whole process.
func TestStrangers(t *testing.T) {
	total := strangers
	if v := os.Getenv(abuseVar); v != "" {
		n, err := strconv.Atoi(v)
		must(t, err)
		total = n
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	writeCert(t, "broker", cert, key)
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	must(t, err)
	o := options(t, monitored+fmt.Sprintf(`authorization { timeout: 1, users: [ {user: u, password: p}, {user: h, password: %q} ] }`, hash))
	secure := &config.TLS{CertFile: cert, KeyFile: key, Timeout: 2 * time.Second}
	o.TLS, o.AllowNonTLS = secure, true
	o.WebSocket = config.WebSocket{Host: "127.0.0.1", Port: -1, TLS: secure, HandshakeTimeout: 2 * time.Second}
	b, logged := startLogged(t, o)
	web := webAddr(t, logged)
	logged.TakeAll()

	w := &watched{pub: as(t, b.Addr(), "u"), rcv: as(t, b.Addr(), "h"), size: 100}
	must(t, w.rcv.send("SUB x 1\r\n"))
	must(t, w.rcv.sync(nil))
	must(t, w.exchange(50))
	memory, routines := heap(), runtime.NumGoroutine()

	var work, pair crew
	done := make(chan struct{})
	var longest, most, exchanges atomic.Int64
	pair.do("well-behaved pair", func() error {
		for {
			begin := time.Now()
			if err := w.exchange(50); err != nil {
				return err
			}
			longest.Store(max(longest.Load(), int64(time.Since(begin))))
			exchanges.Add(1)
			select {
			case <-done:
				return nil
			default:
			}
		}
	})
	pair.do("memory", func() error {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return nil
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), int64(m.HeapInuse)))
			}
		}
	})
	var logins atomic.Int64
	begin, all := time.Now(), comers(&logins)
	each := total / len(all)
	for name, s := range all {
		var next atomic.Int64
		for range min(s.side, each) {
			work.do(name, func() error {
				for n := next.Add(1); n <= int64(each); n = next.Add(1) {
					if err := s.come(b.Addr(), web, int(n)); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	work.wg.Wait()
	took := time.Since(begin)
	close(done)
	pair.wait(t)
	work.wait(t)
	must(t, w.exchange(50))
	w.pub.close()
	w.rcv.close()
	empty(t, b)

	eventually(t, func() string {
		if n := runtime.NumGoroutine(); n > routines {
			return fmt.Sprintf("there are %d goroutines, and were %d", n, routines)
		}
		return ""
	})
	after := heap()
	if limit := memory + 48<<20; after > limit {
		t.Errorf("the heap grew from %d to %d MiB, want at most %d", memory>>20, after>>20, limit>>20)
	}
	if limit := int64(memory + 384<<20); most.Load() > limit {
		t.Errorf("the heap was up to %d MiB, want at most %d", most.Load()>>20, limit>>20)
	}
	b.Shutdown() // the log is complete
	lines, failed := logged.Len(), 0
	for _, e := range logged.All() {
		var n int
		if _, err := fmt.Sscanf(e.Message, "%d more authentication errors", &n); err == nil {
			failed += n
		} else if strings.Contains(e.Message, " - authentication error: ") {
			failed++
		}
	}
	const kinds = 3
	if limit := kinds*(log.PerSecond+1)*(int(took/time.Second)+3) + 10; lines > limit {
		t.Errorf("%d lines were logged in %s, want at most %d", lines, took, limit)
	}
	if n, least := int(logins.Load()), 5*each*9/10; n < least { // there are five ways with wrong credentials
		t.Errorf("%d were refused for their credentials, want at least %d", n, least)
	}
	if want := int(logins.Load()); failed < want || failed > 5*each {
		t.Errorf("the log tells of %d failed logins, want %d to %d", failed, want, 5*each)
	}
	t.Logf("%d connections in %s; the pair made %d exchanges, the longest in %s; heap %d MiB, up to %d, then %d; %d lines in the log",
		each*len(all), took.Round(time.Millisecond), exchanges.Load(), time.Duration(longest.Load()).Round(time.Microsecond),
		memory>>20, most.Load()>>20, after>>20, lines)
}
