package permission_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/servertest"
	"moonwire/server/subject"
)

const (
	referenceUsers    = 60
	referenceRequests = 150 // of each user
)

// dice makes rules and requests, the same in each run.
type dice struct{ *rand.Rand }

func (d dice) pick(from ...string) string { return from[d.IntN(len(from))] }

func (d dice) row(tokens ...string) string {
	row := d.pick(tokens...)
	for d.IntN(2) == 0 {
		row += "." + d.pick(tokens...)
	}
	return row
}

func (d dice) entries(most int, queues bool) (entries []string) {
	for range d.IntN(most + 1) {
		e := d.row("a", "b", "*")
		switch d.IntN(6) {
		case 0:
			e = ">"
		case 1, 2:
			e += ".>"
		}
		if queues && d.IntN(3) == 0 {
			e += " " + d.pick("q", "q.v", "q.*", "*", ">", "q.>")
		}
		entries = append(entries, e)
	}
	return entries
}

func (d dice) permissions() *config.Permissions {
	p := &config.Permissions{
		Publish:   config.Rules{Allow: d.entries(3, false), Deny: d.entries(2, false)},
		Subscribe: config.Rules{Allow: d.entries(4, true), Deny: d.entries(2, true)},
	}
	if d.IntN(4) == 0 {
		p.Responses = new(config.Responses)
	}
	return p
}

// referenceConfig writes users for nats-server, and one more who may do all.
func referenceConfig(t *testing.T, all []*config.Permissions) string {
	t.Helper()
	type rules struct {
		Allow []string `json:"allow,omitempty"`
		Deny  []string `json:"deny,omitempty"`
	}
	users := []map[string]any{{"user": "admin", "password": "p"}}
	for i, p := range all {
		users = append(users, map[string]any{"user": fmt.Sprint("u", i), "password": "p", "permissions": map[string]any{
			"publish": rules(p.Publish), "subscribe": rules(p.Subscribe), "allow_responses": p.Responses != nil,
		}})
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // nats-server does not know \u
	if err := enc.Encode(map[string]any{"users": users}); err != nil {
		t.Fatal(err)
	}
	return "authorization: " + text.String()
}

// peer is a client by hand.
type peer struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func dial(t *testing.T, addr, user string) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	p := &peer{t, nc, bufio.NewReader(nc)}
	if got := p.ask(fmt.Sprintf(`CONNECT {"user":%q,"pass":"p","verbose":false,"pedantic":false}`, user)); len(got) != 0 {
		t.Fatalf("connecting as %s: %q", user, got)
	}
	return p
}

// ask sends commands and returns what is answered to them, without INFO.
func (p *peer) ask(command string) (lines []string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, strings.TrimSuffix(command, "\r\n")+"\r\nPING\r\n"); err != nil {
		p.t.Fatal(err)
	}
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("after %q: %v", command, err)
		}
		switch line = strings.TrimSpace(line); {
		case line == "PONG":
			return lines
		case line != "" && !strings.HasPrefix(line, "INFO "):
			lines = append(lines, line)
		}
	}
}

// permitted sends a command and reports whether permissions let it pass.
func (p *peer) permitted(command string) bool {
	p.t.Helper()
	for _, line := range p.ask(command) {
		switch {
		case strings.HasPrefix(line, "-ERR 'Permissions Violation"):
			return false
		case line != "-ERR 'Invalid Subject'": // it is looked at later
			p.t.Fatalf("%q is answered with %q", command, line)
		}
	}
	return true
}

// ordinary returns the pattern as nats-server looks it up: a last ">" is an
// ordinary token there. That is the one known difference.
func ordinary(pattern string) string {
	if pattern == ">" || strings.HasSuffix(pattern, ".>") {
		return strings.TrimSuffix(pattern, ">") + "ordinary"
	}
	return pattern
}

// TestReference compares with nats-server: what may be published and subscribed
// to, and what is delivered.
func TestReference(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(1, 2))}
	users := make([]*config.Permissions, referenceUsers)
	for i := range users {
		users[i] = d.permissions()
	}
	addr := servertest.StartReference(t, referenceConfig(t, users)).Addr()
	admin := dial(t, addr, "admin")
	var count tally
	for i, p := range users {
		t.Logf("u%d: publish %q, subscribe %q, answers %v", i, p.Publish, p.Subscribe, p.Responses != nil)
		user, set := dial(t, addr, fmt.Sprint("u", i)), compile(t, p)
		comparePublishes(user, set, d, &count)
		compareDeliveries(user, admin, set, compareSubscribes(user, set, d, &count), &count)
	}
	for what, n := range map[string]int{
		"published": count.published, "not published": count.unpublished,
		"subscribed": count.subscribed, "not subscribed": count.unsubscribed,
		"delivered": count.delivered, "left out": count.leftOut, "stricter": count.stricter,
	} {
		if n < 20 {
			t.Errorf("%s was compared %d times, too few", what, n)
		}
	}
}

// tally is how often each answer came up.
type tally struct {
	published, unpublished, subscribed, unsubscribed, delivered, leftOut int
	stricter                                                             int // we refuse what nats-server lets pass
}

func comparePublishes(user *peer, set *permission.Set, d dice, n *tally) {
	user.t.Helper()
	for range referenceRequests {
		subj := d.row("a", "b", "z", "*", ">", "a*")
		want := user.permitted("PUB " + subj + " 0\r\n\r\n")
		if got := set.Publish([]byte(subj)); got != want {
			user.t.Errorf("publish to %q: got %v, want %v", subj, got, want)
		}
		if want {
			n.published++
		} else {
			n.unpublished++
		}
	}
}

// sub is a subscription that both permit.
type sub struct{ pattern, queue string }

func compareSubscribes(user *peer, set *permission.Set, d dice, n *tally) (both []sub) {
	user.t.Helper()
	for range referenceRequests {
		pattern, queue := d.row("a", "b", "z", "*"), ""
		switch d.IntN(8) {
		case 0:
			pattern = d.pick(">", "a.>.b", "a..b", "*.>.>")
		case 1, 2:
			pattern += ".>"
		}
		if d.IntN(2) == 0 {
			queue = d.pick("q", "q.v", "q.v.w", "r", "q.*", ">", "q..v")
		}
		want := user.permitted("SUB " + pattern + " " + queue + " 1")
		user.ask("UNSUB 1")
		if got := set.Subscribe(ordinary(pattern), queue); got != want {
			user.t.Errorf("subscribe to %q, queue %q: got %v, want %v", pattern, queue, got, want)
		}
		got := set.Subscribe(pattern, queue)
		switch {
		case want && !got:
			n.stricter++
		case want:
			n.subscribed++
			both = append(both, sub{pattern, queue})
		default:
			n.unsubscribed++
		}
	}
	return both
}

// compareDeliveries has all subjects published once for each subscription.
func compareDeliveries(user, admin *peer, set *permission.Set, subs []sub, n *tally) {
	user.t.Helper()
	subjects := rows(3, "a", "b", "z")
	var publishes strings.Builder
	for _, s := range subjects {
		fmt.Fprintf(&publishes, "PUB %s 0\r\n\r\n", s)
	}
	want, sids := make(map[string][]string), make(map[string]sub)
	queues := make(map[string]bool)
	var first, last strings.Builder
	for i, s := range subs {
		if !subject.ValidPattern(s.pattern) || queues[s.queue] && s.queue != "" {
			continue // a group has one member, which gets all
		}
		sid := fmt.Sprint("s", i)
		sids[sid], queues[s.queue] = s, true
		fmt.Fprintf(&first, "SUB %s %s %s\r\n", s.pattern, s.queue, sid)
		fmt.Fprintf(&last, "UNSUB %s\r\n", sid)
		f := set.Filter(s.pattern, s.queue)
		for _, subj := range subjects {
			switch {
			case !subject.Match(s.pattern, subj):
			case f.Denies([]byte(subj)):
				n.leftOut++
			default:
				n.delivered++
				want[sid] = append(want[sid], subj)
			}
		}
	}
	if len(sids) == 0 {
		return
	}
	user.ask(first.String())
	admin.ask(publishes.String())
	got := make(map[string][]string)
	for _, line := range user.ask(last.String()) {
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "MSG" {
			user.t.Fatalf("%q came in place of messages", line)
		}
		got[words[2]] = append(got[words[2]], words[1])
	}
	for _, sid := range slices.Sorted(maps.Keys(sids)) {
		if diff := cmp.Diff(got[sid], want[sid]); diff != "" {
			user.t.Errorf("delivered to %+v (-reference +moonwire):\n%s", sids[sid], diff)
		}
	}
}
