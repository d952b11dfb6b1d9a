package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	nats "github.com/nats-io/nats-server/v2/server"

	"moonwire/server/config"
	"moonwire/server/servertest"
)

// reloader is a broker whose configuration can be replaced.
type reloader struct {
	addr   string
	reload func(t *testing.T, text string)
}

// options reads a configuration.
func options(t testing.TB, text string) config.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "moonwire.conf")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	o, _, err := config.LoadFile(file, nil)
	must(t, err)
	o.Host, o.Port = "127.0.0.1", -1
	return o
}

func ours(t *testing.T, text string) reloader {
	b := servertest.StartOptions(t, options(t, text))
	return reloader{b.Addr(), func(t *testing.T, text string) { must(t, b.Reload(options(t, text))) }}
}

func theirs(t *testing.T, text string) reloader {
	parse := func(text string) *nats.Options {
		o := new(nats.Options)
		must(t, o.ProcessConfigString(text))
		o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", nats.RANDOM_PORT, true, true
		return o
	}
	s, err := nats.NewServer(parse(text))
	must(t, err)
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the reference does not accept clients")
	}
	return reloader{s.Addr().String(), func(t *testing.T, text string) { must(t, s.ReloadOptions(parse(text))) }}
}

// TestReloadReference: what a client sees of a reload is what it sees of one of
// the reference, but for what the table says.
func TestReloadReference(t *testing.T) {
	t.Parallel()
	const open = "max_payload: 1000"
	const two = `authorization { users: [ {user: u, password: p}, {user: v, password: p} ] }`
	const accounts = `accounts { A { users: [ {user: u, password: p} ] }, B { users: [ {user: v, password: p} ] } }`
	const system = `accounts { $SYS { users: [ {user: s, password: p} ] } }`
	// The reference closes whom it would let in again.
	untouched := []string{"MSG a 1 1", "MSG b 2 1", "MSG b 3 1", "x", "x", "x"}
	tests := []struct {
		name, before, connect, after string
		ours                         []string // where we differ, on purpose
	}{
		{"nothing changes", two, `"user":"u","pass":"p"`, two, nil},
		{"user gone", two, `"user":"u","pass":"p"`, `authorization { users: [ {user: v, password: p} ] }`, nil},
		{"password changed", two, `"user":"u","pass":"p"`, `authorization { users: [ {user: u, password: q} ] }`, nil},
		{"user in another account", accounts, `"user":"u","pass":"p"`, `accounts { A { users: [ {user: v, password: p} ] }, B { users: [ {user: u, password: p} ] } }`, nil},
		{"account gone", accounts, `"user":"u","pass":"p"`, `accounts { B { users: [ {user: v, password: p} ] } }`, nil},
		{"permission narrowed", two, `"user":"u","pass":"p"`, `authorization { users: [ {user: u, password: p, permissions: {subscribe: "a", publish: "x"}} ] }`, nil},
		{"token changed", `authorization { token: t }`, `"auth_token":"t"`, `authorization { token: s }`, nil},
		{"token stays", `authorization { token: t }`, `"auth_token":"t"`, "authorization { token: t }\nmax_payload: 1000", nil},
		{"single user changed", `authorization { user: u, password: p }`, `"user":"u","pass":"p"`, `authorization { user: u, password: q }`, []string{violation, "closed"}},
		{"single user to users", `authorization { user: u, password: p }`, `"user":"u","pass":"p"`, two, nil},
		{"users to single user", two, `"user":"u","pass":"p"`, `authorization { user: u, password: p }`, nil},
		{"users from now on", open, ``, two, nil},
		{"nobody is asked any more", two, `"user":"u","pass":"p"`, open, untouched},
		{"an authorization block from now on", system, ``, system + "\nauthorization { timeout: 2 }", []string{violation, "closed"}},
		{"an authorization block no more", system + "\nauthorization { timeout: 2 }", `"user":"s","pass":"p"`, system, nil},
		{"no_auth_user has another password", two + "\nno_auth_user: u", ``, `no_auth_user: u, authorization { users: [ {user: u, password: q} ] }`, untouched},
		{"way not allowed any more", two, `"user":"u","pass":"p"`, `authorization { users: [ {user: u, password: p, allowed_connection_types: [WEBSOCKET]} ] }`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			see := func(start func(*testing.T, string) reloader) []string {
				b := start(t, tt.before)
				c, err := dial(b.addr)
				must(t, err)
				defer c.close()
				comma := ""
				if tt.connect != "" {
					comma = ","
				}
				must(t, c.send(fmt.Sprintf("CONNECT {\"verbose\":false%s%s}\r\nSUB a 1\r\nSUB b 2\r\nSUB b q 3\r\n", comma, tt.connect)))
				must(t, c.sync(nil))
				b.reload(t, tt.after)
				must(t, c.send("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\nPING\r\n"))
				return heard(c)
			}
			want := see(theirs)
			if tt.ours != nil {
				if cmp.Equal(want, tt.ours) {
					t.Error("the reference does not differ")
				}
				want = tt.ours
			}
			if diff := cmp.Diff(want, see(ours)); diff != "" {
				t.Errorf("what a client sees (-want +got):\n%s", diff)
			}
		})
	}
}

// heard returns what comes up to a PONG or the end, but for INFO. It is sorted:
// in which order subscriptions go is left open.
func heard(c *rawClient) (all []string) {
	defer func() { slices.Sort(all) }()
	for {
		line, err := c.readLine()
		if err != nil {
			return append(all, "closed")
		}
		if line == "PONG" {
			return all
		}
		if !strings.HasPrefix(line, "INFO ") {
			all = append(all, line)
		}
	}
}
