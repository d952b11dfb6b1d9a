package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"moonwire/hooks"
	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/servertest"
)

// as connects with a name and the password p.
func as(t testing.TB, addr, user string) *rawClient {
	t.Helper()
	c, err := dial(addr)
	must(t, err)
	t.Cleanup(c.close)
	must(t, c.send(fmt.Sprintf("CONNECT {\"verbose\":false,\"user\":%q,\"pass\":\"p\"}\r\n", user)))
	must(t, c.sync(nil))
	return c
}

// refused expects that a user is not let in.
func refused(t testing.TB, addr, user string) {
	t.Helper()
	c, err := dial(addr)
	must(t, err)
	defer c.close()
	must(t, c.send(fmt.Sprintf("CONNECT {\"user\":%q,\"pass\":\"p\"}\r\nPING\r\n", user)))
	if all, err := c.ended(); err != nil || !strings.Contains(all, "-ERR 'Authorization Violation'") {
		t.Errorf("%s: got %q, %v; want a refusal", user, all, err)
	}
}

// gets expects a message on a subject as the next one.
func (c *rawClient) gets(t testing.TB, subject string) {
	t.Helper()
	m, err := c.message()
	must(t, err)
	if m.subject != subject {
		t.Fatalf("got a message on %s, want one on %s", m.subject, subject)
	}
}

// TestReloadUsers: users come and go, with what they may do.
func TestReloadUsers(t *testing.T) {
	t.Parallel()
	b, logged := startLogged(t, options(t, `authorization { users: [ {user: u, password: p}, {user: v, password: p} ] }`))
	u, v := as(t, b.Addr(), "u"), as(t, b.Addr(), "v")
	refused(t, b.Addr(), "w")
	must(t, b.Reload(options(t, `authorization { users: [
		{user: u, password: p, permissions: {publish: a}}, {user: w, password: p} ] }`)))
	if got, want := lastLine(logged), "Reloaded server configuration: authorization.users"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
	if all, err := v.ended(); err != nil || all != "" {
		t.Errorf("v got %q, %v; want the end alone", all, err)
	}
	refused(t, b.Addr(), "v")
	w := as(t, b.Addr(), "w")
	must(t, w.send("SUB > 1\r\n"))
	must(t, w.sync(nil))
	must(t, u.send("PUB b 0\r\n\r\nPUB a 0\r\n\r\n"))
	if err := u.sync(nil); err == nil || !strings.Contains(err.Error(), `Permissions Violation for Publish to "b"`) {
		t.Errorf("u got %v, want a violation", err)
	}
	w.gets(t, "a")
	must(t, b.Reload(options(t, `authorization { users: [ {user: u, password: p}, {user: w, password: p} ] }`)))
	must(t, u.sync(nil)) // the PONG of before
	must(t, u.send("PUB b 0\r\n\r\n"))
	w.gets(t, "b")
	must(t, b.Reload(options(t, `authorization { users: [ {user: u, password: p}, {user: w, password: p} ] }`)))
	if got, want := lastLine(logged), "Reloaded server configuration: nothing has changed"; got != want {
		t.Errorf("the log says %q, want %q", got, want)
	}
}

// TestReloadAccounts: accounts go with their connections, and come; imports
// change for subscriptions that are there.
func TestReloadAccounts(t *testing.T) {
	t.Parallel()
	const exporter = `A { users: [ {user: a, password: p} ], exports: [ {stream: "x.>"}, {stream: "y.>"} ] }`
	importing := func(what string) string {
		return `accounts { ` + exporter + `, B { users: [ {user: b, password: p} ], imports: [ ` + what + ` ] } }`
	}
	s := servertest.StartOptions(t, options(t, importing(`{stream: {account: A, subject: "x.>"}}`)))
	a, b := as(t, s.Addr(), "a"), as(t, s.Addr(), "b")
	must(t, b.send("SUB > 1\r\n"))
	must(t, b.sync(nil))
	publish := func() { must(t, a.send("PUB x.1 0\r\n\r\nPUB y.1 0\r\n\r\nPUB x.2 0\r\n\r\n")); must(t, a.sync(nil)) }
	publish()
	b.gets(t, "x.1")
	b.gets(t, "x.2")
	must(t, s.Reload(options(t, importing(`{stream: {account: A, subject: "y.>"}, prefix: z}`))))
	publish()
	b.gets(t, "z.y.1")
	must(t, s.Reload(options(t, importing(``))))
	publish()
	must(t, b.sync(nil))

	must(t, s.Reload(options(t, `accounts { `+exporter+` }`)))
	if all, err := b.ended(); err != nil || all != "" {
		t.Errorf("b got %q, %v; want the end alone", all, err)
	}
	refused(t, s.Addr(), "b")
	must(t, a.sync(nil))
	must(t, s.Reload(options(t, importing(`{stream: {account: A, subject: "x.>"}}`))))
	b = as(t, s.Addr(), "b")
	must(t, b.send("SUB > 1\r\n"))
	must(t, b.sync(nil))
	publish()
	b.gets(t, "x.1")
}

// TestReloadLimits: new ones are for new connections, but for how many there
// may be, and /varz shows them.
func TestReloadLimits(t *testing.T) {
	t.Parallel()
	b := servertest.StartOptions(t, options(t, monitored+"max_payload: 100"))
	var before, after struct {
		Load       time.Time `json:"config_load_time"`
		MaxPayload int       `json:"max_payload"`
	}
	look(t, b, "/varz", &before)
	old := connect(t, b.Addr())
	must(t, old.sync(nil))
	must(t, b.Reload(options(t, monitored+"max_payload: 10\nmax_connections: 2")))
	look(t, b, "/varz", &after)
	if !after.Load.After(before.Load) || before.MaxPayload != 100 || after.MaxPayload != 10 {
		t.Errorf("/varz went from %+v to %+v", before, after)
	}
	message := "PUB a 11\r\n01234567890\r\n"
	must(t, old.send(message))
	must(t, old.sync(nil))
	c := connect(t, b.Addr())
	if !strings.Contains(c.info, `"max_payload":10,`) {
		t.Errorf("greeted with %s", c.info)
	}
	must(t, c.sync(nil))
	third, err := dial(b.Addr())
	must(t, err)
	defer third.close()
	if all, err := third.ended(); err != nil || !strings.Contains(all, "maximum connections exceeded") {
		t.Errorf("the third got %q, %v", all, err)
	}
	must(t, c.send(message))
	if all, err := c.ended(); err != nil || !strings.Contains(all, "Maximum Payload Violation") {
		t.Errorf("got %q, %v; want a violation", all, err)
	}
}

// TestReloadRefused: of options that are no good, or that take a restart, each
// key is named, and nothing takes effect.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	const before = `authorization { users: [ {user: u, password: p} ] }`
	dir := t.TempDir()
	hook := errors.New("not now")
	var seen []*server.Options
	b, logged := startLogged(t, options(t, before), server.OnReload(func(o *server.Options) error {
		seen = append(seen, o)
		if o.Debug {
			return hook
		}
		return nil
	}))
	u := as(t, b.Addr(), "u")
	lines := logged.Len()
	good := func(change func(*server.Options)) server.Options {
		o := options(t, `authorization { users: [ {user: v, password: p} ] }, max_payload: 10`)
		change(&o)
		return o
	}
	tests := []struct {
		name string
		o    server.Options
		want []string
	}{
		{"what takes a restart", good(func(o *server.Options) { o.ServerName, o.MaxPending, o.LogFormat = "n", 1<<20, "json" }), []string{"only a restart can change server_name, max_pending, log_format"}},
		{"what is wrong", good(func(o *server.Options) { o.MaxPayload, o.PingMax = -1, -1 }), []string{"max_payload", "ping_max"}},
		{"users", good(func(o *server.Options) { o.NoAuthUser = "nobody" }), []string{"no_auth_user"}},
		{"certificates", good(func(o *server.Options) {
			o.TLS = &config.TLS{CertFile: filepath.Join(dir, "none.pem"), KeyFile: filepath.Join(dir, "none.pem")}
		}), []string{"tls", "none.pem"}},
		{"pid_file", good(func(o *server.Options) { o.PidFile = filepath.Join(dir, "none", "pid") }), []string{"pid_file"}},
		{"ports_file_dir", good(func(o *server.Options) {
			o.PidFile, o.PortsFileDir = filepath.Join(dir, "pid"), filepath.Join(dir, "none")
		}), []string{"ports_file_dir"}},
		{"imports", good(func(o *server.Options) {
			o.PidFile = filepath.Join(dir, "pid")
			o.Accounts = []config.Account{{Name: "A", Imports: []config.Import{{Account: "B", Subject: "x"}}}, {Name: "B"}}
		}), []string{"accounts"}},
		{"a hook", good(func(o *server.Options) { o.PidFile, o.PortsFileDir, o.Debug = filepath.Join(dir, "pid"), dir, true }), []string{"not now"}},
		{"another mode", good(func(o *server.Options) { o.Users, o.TrustedKeys = nil, []string{"x"} }), []string{"trusted_keys"}},
	}
	for _, tt := range tests {
		err := b.Reload(tt.o)
		if err == nil {
			t.Fatalf("%s: no error", tt.name)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", tt.name, err, want)
			}
		}
	}
	must(t, u.sync(nil))
	as(t, b.Addr(), "u")
	refused(t, b.Addr(), "v")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	if n := count(logged, "Reloaded"); n != 0 {
		t.Errorf("the log tells of %d reloads", n)
	}
	if got := logged.Len() - lines; got != 1 {
		t.Errorf("%d lines were logged, want the one of v", got)
	}
	// Whoever heard of options that did not come into force heard of the old ones
	// afterwards.
	if last := seen[len(seen)-1]; !last.Debug && last.MaxPayload == 10 {
		t.Error("the hook was left with options that were refused")
	}
}

// TestReloadFiles: the pid file and the ports file move.
func TestReloadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) server.Options {
		o := loopback()
		o.PidFile, o.PortsFileDir = filepath.Join(dir, name, "pid"), filepath.Join(dir, name)
		must(t, os.MkdirAll(o.PortsFileDir, 0o700))
		return o
	}
	b := servertest.StartOptions(t, at("a"))
	files := func(name string) int {
		list, err := os.ReadDir(filepath.Join(dir, name))
		must(t, err)
		return len(list)
	}
	check := func(when string, a, b int) {
		t.Helper()
		if files("a") != a || files("b") != b {
			t.Errorf("%s: %d and %d files, want %d and %d", when, files("a"), files("b"), a, b)
		}
	}
	must(t, os.Mkdir(filepath.Join(dir, "b"), 0o700))
	check("at first", 2, 0)
	must(t, b.Reload(at("b")))
	check("moved", 0, 2)
	must(t, os.Symlink("b", filepath.Join(dir, "same")))
	must(t, b.Reload(at("same")))
	check("under another name", 0, 2)
	must(t, b.Reload(at("a")))
	check("moved back", 2, 0)
	must(t, b.Reload(loopback()))
	check("none", 0, 0)
	must(t, b.Reload(at("b")))
	b.Shutdown()
	check("at the end, with the pid file", 0, 1)
}

// TestReloadCertificates: handshakes from now on are with the new ones, on each
// listener; connections stay. A WebSocket listener may begin to use TLS.
func TestReloadCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	of := func(name string) *config.TLS {
		cert, key := filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		writeCert(t, name, cert, key)
		return &config.TLS{CertFile: cert, KeyFile: key}
	}
	with := func(clients, web *config.TLS) server.Options {
		o := loopback()
		o.TLS = clients
		o.WebSocket = config.WebSocket{Host: "127.0.0.1", Port: -1, NoTLS: true, TLS: web}
		return o
	}
	first := of("first")
	b, logged := startLogged(t, with(first, first))
	web := webAddr(t, logged)
	check := func(want string) {
		t.Helper()
		c, err := dialTLS(b.Addr())
		must(t, err)
		defer c.close()
		if got := served(c.nc); got != want {
			t.Errorf("clients got the certificate %q, want %q", got, want)
		}
		if got := handshake(t, web); got != want {
			t.Errorf("WebSocket clients got the certificate %q, want %q", got, want)
		}
	}
	check("first")
	old, err := dialTLS(b.Addr())
	must(t, err)
	defer old.close()
	must(t, old.send(quiet))
	must(t, old.sync(nil))
	second := of("second")
	must(t, b.Reload(with(second, second)))
	check("second")
	must(t, old.sync(nil))

	must(t, b.Reload(with(nil, nil)))
	plain := connect(t, b.Addr())
	must(t, plain.sync(nil))
	if got := handshake(t, web); got != "" {
		t.Errorf("WebSocket clients still got the certificate %q", got)
	}
	must(t, b.Reload(with(first, first)))
	check("first")
	must(t, plain.sync(nil))
	must(t, old.sync(nil))
	// New content under the old name needs no more than a reload, and that at
	// once.
	writeCert(t, "third", first.CertFile, first.KeyFile)
	must(t, b.Reload(with(first, first)))
	check("third")
}

// publishNumbers publishes numbered messages until stop, and then "end". It
// returns how many there were.
func publishNumbers(c *rawClient, subject string, stop <-chan struct{}) (int, error) {
	var batch strings.Builder
	put := func(body string) { fmt.Fprintf(&batch, "PUB %s %d\r\n%s\r\n", subject, len(body), body) }
	for n := 0; ; {
		batch.Reset()
		for range 50 {
			put(strconv.Itoa(n))
			n++
		}
		ended := false
		select {
		case <-stop:
			ended = true
			put("end")
		default:
		}
		if err := c.send(batch.String()); err != nil {
			return n, err
		}
		if err := c.sync(nil); err != nil || ended {
			return n, err
		}
	}
}

// receiveNumbers receives them, and leaves out those on other subjects. It
// returns how many there were.
func receiveNumbers(c *rawClient, prefix string) (int, error) {
	for next := 0; ; {
		m, err := c.message()
		if err != nil {
			return next, err
		}
		got := string(m.payload)
		switch {
		case !strings.HasPrefix(m.subject, prefix):
			continue
		case got == "end":
			return next, c.sync(func(f frame) error {
				if strings.HasPrefix(f.subject, prefix) {
					return fmt.Errorf("got %s behind the last one", f)
				}
				return nil
			})
		case got != strconv.Itoa(next):
			return next, fmt.Errorf("got %s, want %d", got, next)
		}
		next++
	}
}

// TestReloadUnderLoad reloads every few milliseconds, with users, permissions,
// mappings, imports and limits that change, while messages flow in an account,
// over an import and through a mapping. None is lost, none is doubled, none comes
// out of order.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	configuration := func(n int) string {
		extra := []string{"", "{user: x, password: p},"}[n%2]
		deny := []string{"no", "never", "not.*"}[n%3]
		to := []string{"mapped.one", "mapped.two"}[n%2]
		more := []string{"", `, {stream: {account: A, subject: "other.>"}}`}[n/2%2]
		gone := []string{"", `C { users: [ {user: c, password: p} ] },`}[n/3%2]
		return fmt.Sprintf(`
			max_payload: %d
			accounts {
				%s
				A {
					users: [ %s {user: a, password: p, permissions: {publish: {deny: %q}, subscribe: {deny: %q}}} ]
					exports: [ {stream: "out.>"}, {stream: "other.>"} ]
					mappings { "in": %q }
				}
				B { users: [ {user: b, password: p} ], imports: [ {stream: {account: A, subject: "out.>"}}%s ] }
			}`, 1000+n, gone, extra, deny, deny, to, more)
	}
	b := servertest.StartOptions(t, options(t, configuration(0)))
	const reloads = 40
	stop := make(chan struct{})
	var work crew
	for name, path := range map[string]struct{ user, publish, subscribe, prefix string }{
		"in an account":     {"a", "plain", "plain", ""},
		"with a filter":     {"a", "filtered", "*", "filtered"},
		"over an import":    {"b", "out.x", "out.>", ""},
		"through a mapping": {"a", "in", "mapped.*", ""},
	} {
		rcv, pub := as(t, b.Addr(), path.user), as(t, b.Addr(), "a")
		must(t, rcv.send(fmt.Sprintf("SUB %s 1\r\n", path.subscribe)))
		must(t, rcv.sync(nil))
		sent := make(chan int, 1)
		work.do(name, func() error {
			n, err := publishNumbers(pub, path.publish, stop)
			sent <- n
			return err
		})
		work.do(name+", received", func() error {
			got, err := receiveNumbers(rcv, path.prefix)
			if want := <-sent; err == nil && got != want {
				err = fmt.Errorf("got %d messages, want %d", got, want)
			}
			return err
		})
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := range reloads {
		must(t, b.Reload(options(t, configuration(n+1))))
		<-tick.C
	}
	close(stop)
	work.wait(t)
}

// TestReloadAnytime: Reload beside Start, Shutdown, LameDuck, itself and new
// connections neither fails in a strange way nor blocks nor leaves anything
// behind.
func TestReloadAnytime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.crt"), filepath.Join(dir, "c.key")
	writeCert(t, "c", cert, key)
	o := loopback()
	o.TLS = &config.TLS{CertFile: cert, KeyFile: key}
	o.AllowNonTLS = true
	o.LameDuckGracePeriod, o.LameDuckDuration = time.Millisecond, 10*time.Millisecond
	s, err := server.New(o)
	must(t, err)
	if err := s.Reload(o); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("before Start: %v, want ErrNotRunning", err)
	}
	s.Shutdown()
	if err := s.Reload(o); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("after Shutdown without Start: %v, want ErrNotRunning", err)
	}
	for name, end := range map[string]func(*server.Server){
		"Shutdown": (*server.Server).Shutdown,
		"LameDuck": func(s *server.Server) { s.LameDuck(); s.WaitForShutdown() },
	} {
		for range 10 {
			s, err := server.New(o)
			must(t, err)
			begin := make(chan struct{})
			var work sync.WaitGroup
			for i := range 3 {
				work.Go(func() {
					<-begin
					for n := 0; ; n++ {
						next := o
						next.MaxPayload = 1000 + n + i
						next.PortsFileDir = []string{"", dir}[n%2]
						err := s.Reload(next)
						if errors.Is(err, server.ErrNotRunning) {
							return
						}
						if err != nil {
							t.Errorf("%s: %v", name, err)
							return
						}
					}
				})
			}
			must(t, s.Start())
			addr := s.Addr().String()
			close(begin)
			for range 20 {
				if c, err := dial(addr); err == nil {
					_ = c.send(quiet)
					_ = c.sync(nil)
					c.close()
				}
			}
			end(s)
			work.Wait()
			if err := s.Reload(o); !errors.Is(err, server.ErrNotRunning) {
				t.Errorf("after %s: %v, want ErrNotRunning", name, err)
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.ports*")); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// TestReloadWhileHooksOpen: a reload that comes while Start opens the hooks waits for
// the server, of which there is nothing yet to be replaced.
func TestReloadWhileHooksOpen(t *testing.T) {
	t.Parallel()
	for range 10 {
		var s *server.Server
		reloaded := make(chan error, 1)
		own := native("own")
		open := own.Open
		own.Open = func(ctx context.Context, old hooks.Engine) (hooks.Engine, error) {
			begun := make(chan struct{})
			go func() {
				close(begun)
				next := loopback()
				next.MaxPayload = 1000
				reloaded <- s.Reload(next)
			}()
			<-begun
			for range 100 {
				runtime.Gosched() // to the reload, as far as it gets
			}
			return open(ctx, old)
		}
		s, err := server.New(loopback(), server.WithHooks(own), server.OnReload(func(*server.Options) error {
			if s.Addr() == nil {
				t.Error("a server is reloaded before it listens")
			}
			return nil
		}))
		must(t, err)
		must(t, s.Start())
		if err := <-reloaded; err != nil {
			t.Error(err)
		}
		s.Shutdown()
	}
}

// TestReloadBesideConnect: who connects at the moment of a reload is let in by
// the rules of before or of after, and does not stay when they do not know it.
func TestReloadBesideConnect(t *testing.T) {
	t.Parallel()
	const clients = 8
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost) // it takes a moment to compare
	must(t, err)
	after := options(t, `authorization { users: [ {user: v, password: p} ] }`)
	before := options(t, fmt.Sprintf(`authorization { users: [ {user: u, password: %q}, {user: v, password: p} ] }`, hash))
	b := servertest.StartOptions(t, before)
	for n := range 20 {
		var work crew
		var ready sync.WaitGroup
		reloaded := make(chan struct{})
		for i := range clients {
			c, err := dial(b.Addr())
			must(t, err)
			defer c.close()
			first := ""
			if i%2 == 0 {
				first = "CONNECT {\"verbose\":false,\"user\":\"v\",\"pass\":\"p\"}\r\nSUB a 1\r\n"
			}
			ready.Add(1)
			work.do(fmt.Sprintf("client %d, time %d", i, n), func() error {
				err := c.send(first + "CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"p\"}\r\nSUB a 1\r\n")
				ready.Done()
				<-reloaded
				if err == nil && c.sync(nil) == nil {
					return errors.New("stays as a user that is gone")
				}
				return nil
			})
		}
		ready.Wait()
		must(t, b.Reload(after))
		close(reloaded)
		work.wait(t)
		must(t, b.Reload(before))
	}
}
