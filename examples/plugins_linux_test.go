package examples_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	_ "github.com/ncruces/go-sqlite3/driver"
)

// TestPlugins starts the broker with each plugin in Go as its README says, plays the
// transcript of the README, kills the plugin, and reloads it. Those in other languages
// are tested in the folder plugins.
func TestPlugins(t *testing.T) {
	t.Parallel()
	bin := build(t, "moonwire/cmd/moonwire", "./plugins/directory", "./plugins/orders", "./plugins/audit")
	for name, test := range map[string]func(*example){"directory": testDirectory, "orders": testOrders, "audit": testAudit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := install(t, bin, name)
			e.byHand()
			test(e)
		})
	}
}

// testDirectory: who is removed is disconnected, also when the plugin is killed before
// it looks; and a group that is gone takes subscriptions along.
func testDirectory(e *example) {
	for _, block := range fenced(e.read("README.md"))["console"] {
		if strings.Contains(block, "| ./directory") {
			e.console(block)
		}
	}
	e.edit("hooks {", `hooks { reload { probation: "-1s" }`) // one that is replaced ends at once
	b := e.startPlugin()
	e.transcripts(b.program)

	bob := b.client("bob", "builder")
	e.console("$ ./directory remove-user bob\n")
	bob.revoked()

	alice := b.client("alice", "wonderland")
	if _, err := alice.SubscribeSync("orders.>"); err != nil {
		e.t.Fatal(err)
	}
	if err := alice.Flush(); err != nil {
		e.t.Fatal(err)
	}
	e.console("$ ./directory remove-group auditors\n")
	select {
	case err := <-alice.errs:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			e.t.Error(err)
		}
	case <-time.After(patience):
		e.t.Fatal("the subscription does not end")
	}

	b.reload(`store: "directory.db"`, `store: "directory.db", every: "1h"`)
	b.alone()
	e.console("$ ./directory remove-user alice\n")
	b.kill()
	alice.revoked()
}

// testOrders: a plugin that was killed comes back, and a reload takes the counters along.
func testOrders(e *example) {
	b := e.startPlugin()
	e.transcripts(b.program)
	b.kill()
	e.transcripts(b.program)
	b.reload(`version: "quote/1"`, `version: "quote/2"`)
	c := b.client("", "")
	quotes, err := c.SubscribeSync("quotes.>")
	if err != nil {
		e.t.Fatal(err)
	}
	if err := c.Publish("quotes.x", []byte(`{"cents":1}`)); err != nil {
		e.t.Fatal(err)
	}
	m, err := quotes.NextMsg(patience)
	if err != nil {
		e.t.Fatal(err)
	}
	if got := m.Header.Get("Schema-Version"); got != "quote/2" {
		e.t.Errorf("the version is %q", got)
	}
	b.stop()
	b.await(`order/1: 1 passed, 1 refused; quote/1: 1 passed, 1 refused; quote/2: 1 passed, 0 refused`)
}

// testAudit: what was published stands in the database when the broker has ended, with a
// kill and a reload on the way, and also when it was killed itself.
func testAudit(e *example) {
	b := e.startPlugin()
	e.transcripts(b.program)
	b.stop()
	want := fenced(e.read("README.md"))["records"]
	if len(want) != 1 {
		e.t.Fatal("the README has no records")
	}
	lines := strings.Fields(want[0])
	slices.Sort(lines)
	if got := e.records(); !slices.Equal(got, lines) {
		e.t.Errorf("got %q, want %q", got, lines)
	}

	b = e.startPlugin()
	c := b.client("bob", "bob")
	publish := func(subject string) {
		if err := errors.Join(c.Publish(subject, nil), c.Flush()); err != nil {
			e.t.Error(err)
		}
	}
	b.kill()
	publish("orders.killed")
	b.reload("batch: 512", "batch: 16")
	publish("orders.reloaded")
	b.stop()

	e.edit(`flush: "200ms"`, `flush: "1h"`)
	b = e.startPlugin()
	c = b.client("bob", "bob")
	publish("orders.orphaned")
	b.die()
	got := e.records()
	for _, line := range []string{"publish|bob|orders.killed|0", "publish|bob|orders.reloaded|0", "publish|bob|orders.orphaned|0"} {
		if !slices.Contains(got, line) {
			e.t.Errorf("there is no %s in %q", line, got)
		}
	}
}

// records returns those of the audit trail, in order of their text.
func (e *example) records() (list []string) {
	e.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(e.dir, "audit.db")+"?mode=ro")
	if err != nil {
		e.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(e.t.Context(), "SELECT kind || '|' || user || '|' || subject || '|' || size FROM records")
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			e.t.Fatal(err)
		}
		list = append(list, line)
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestPluginsLinks finds the files that the READMEs link to.
func TestPluginsLinks(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"README.md", "directory/README.md", "orders/README.md", "audit/README.md"} {
		links(t, filepath.Join("plugins", path))
	}
}
