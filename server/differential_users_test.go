package server_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"moonwire/server/servertest"
)

// scenes is how many seeds TestDifferentialUsers goes through for each stage.
const scenes = 100

// actors is how many connections a scene has.
const actors = 4

// subjects of most stages.
var subjects = []string{"a", "b", "a.a", "a.b", "a.c", "b.a", "b.c", "a.b.c", "c.a.b"}

// patterns have no > that an entry with * at its end would be asked about: it is
// no ordinary token for Moonwire (protocol.md [90, 94]).
var patterns = []string{"a.*", "*.b", "a.>", "*.*", "*", ">", "*.>", "b.>", "*.*.b", "r.>", "r.*"}

// stages are the configurations of TestDifferentialUsers.
var stages = map[string]*stage{
	"permissions": {
		config: `
			authorization {
				default_permissions { publish: ["a.>", "b"], subscribe: {allow: ["a.>", "b", "r.>"], deny: "a.c"} }
				users: [
					{user: all, password: all, permissions: {}}
					{user: default, password: default}
					{user: pub, password: pub, permissions: {publish: {allow: ["a", "a.*", "*.c", "$NRG.>", "r.>"], deny: ["a.b", "*.b.c"]}}}
					{user: deny, password: deny, permissions: {publish: {deny: ["a.>", "$NRG.>"]}, subscribe: {deny: ["a.b", "*.*.c"]}}}
					{user: queue, password: queue, permissions: {subscribe: {
						allow: ["a.> g", "b", "b h.*", "*.c", "c.> h.>"], deny: ["a.b g", "a.c h.x", "c.a.b no"]
					}}}
					{user: only, password: only, permissions: {subscribe: {allow: "a.b h", deny: "> g"}, publish: {allow: []}}}
				]
			}`,
		users: []string{
			`"user":"all","pass":"all"`, `"user":"default","pass":"default"`, `"user":"pub","pass":"pub"`,
			`"user":"deny","pass":"deny"`, `"user":"queue","pass":"queue"`, `"user":"only","pass":"only"`,
		},
		subjects: subjects, patterns: patterns, replies: []string{"a", "b", "b.a"},
	},
	// One subscription for each connection, and no reply again: the reference
	// takes a use of a reply for each further copy of a request. No queue groups, since the members
	// differ in what they may answer.
	"answers": {
		config: `
			authorization { users: [
				{user: all, password: all}
				{user: one, password: one, permissions: {subscribe: ["a.>", "b"], allow_responses: true}}
				{user: two, password: two, permissions: {publish: {allow: "b.>", deny: "r.>"}, allow_responses: {max: 2, expires: "1m"}}}
				{user: many, password: many, permissions: {publish: "a", allow_responses: {max: -1}}}
			] }`,
		users: []string{
			`"user":"all","pass":"all"`, `"user":"one","pass":"one"`, `"user":"two","pass":"two"`, `"user":"many","pass":"many"`,
		},
		subjects: subjects, patterns: patterns, unqueued: true, single: true,
	},
	"accounts": {
		config: `
			accounts {
				A {
					default_permissions { publish: {deny: "a.c"} }
					limits { max_subscriptions: 2, max_payload: 30 }
					users: [{user: all, password: all, permissions: {}}, {user: a, password: a}]
				}
				B { users: [{user: b, password: b}, {user: some, password: some, permissions: {publish: "a.*", subscribe: {deny: ["b.>", "a.b"]}}}] }
				SYS { users: [{user: sys, password: sys, permissions: {subscribe: ["a.>", "$NRG.>"]}}] }
			}
			system_account: SYS
			no_auth_user: some`,
		users: []string{
			`"user":"all","pass":"all"`, `"user":"a","pass":"a"`, `"user":"b","pass":"b"`, `"user":"some","pass":"some"`,
			`"user":"sys","pass":"sys"`, "", "",
		},
		subjects: subjects, patterns: patterns, replies: []string{"a", "b", "a.a"},
	},
	"mappings": {
		config: `
			mappings {
				"m.*": "a.$1", "m.*.*": [{destination: "{{wildcard(2)}}.{{wildcard(1)}}", weight: "100%"}]
				"p.*": "p.{{partition(3,1)}}.$1", "n.*": "$NRG.$1", "g.*": "_GR_.$1", "_GR_.a": "a.b", "r.2": "r.1", "b": "m.a"
				"s.>": "a.>"
			}
			authorization { users: [
				{user: all, password: all}
				{user: pub, password: pub, permissions: {publish: {allow: ["a.>", "p.0.*", "m.b", "$NRG.>"], deny: "a.c"}}}
				{user: sub, password: sub, permissions: {subscribe: {allow: ["a.>", "p.>", "m.>", "r.>"], deny: "a.b"}}}
			] }
			no_auth_user: pub`,
		users: []string{`"user":"all","pass":"all"`, `"user":"pub","pass":"pub"`, `"user":"sub","pass":"sub"`, ""},
		subjects: []string{
			"a", "b", "a.a", "a.b", "m.a", "m.b", "m.c", "m.a.b", "m.b.a", "p.a", "p.b", "p.c", "n.a", "g.a", "s.a", "s.c.d", "r.1", "r.2",
		},
		patterns: patterns, replies: []string{"a", "b", "m.a", "r.1"},
	},
	// A queue group reaches over accounts, and has members that see different
	// subjects. The reference forgets a max for what comes from elsewhere. An
	// answer that asks back counts as taken there, also when the one who asked has
	// gone; and one that is a request to yet another service keeps the subject of
	// the answer.
	"imports": {
		config: `
			accounts {
				A {
					users: [{user: all, password: all}, {user: a, password: a, permissions: {subscribe: {deny: ["a.b", "one"]}, publish: ["a.>", "one"], allow_responses: {max: -1}}}]
					exports: [{stream: "a.>"}, {stream: "one"}, {service: "s.*"}, {service: "t.>", response_type: stream}]
				}
				B {
					users: [{user: b, password: b}, {user: few, password: few, permissions: {subscribe: {deny: "in.a.b"}, publish: {deny: "s.c"}}}]
					imports: [
						{stream: {account: A, subject: "a.>"}, prefix: "in"}
						{stream: {account: A, subject: "one"}, to: "two"}
						{service: {account: A, subject: "s.*"}}
						{service: {account: A, subject: "t.>"}, to: "u.>"}
					]
				}
			}`,
		users:    []string{`"user":"all","pass":"all"`, `"user":"a","pass":"a"`, `"user":"b","pass":"b"`, `"user":"few","pass":"few"`},
		subjects: []string{"a.a", "a.b", "a.b.c", "one", "two", "s.a", "s.b", "s.c", "t.a", "t.b.c", "u.a", "u.b.c", "in.a.a", "in.a.b"},
		patterns: []string{">", "*", "a.*", "a.>", "in.>", "in.a.*", "*.*", "s.*", "t.>", "*.a.>", "r.>"},
		replies:  []string{"inbox", "inbox.2"},
		unqueued: true, unlimited: true, final: true,
	},
}

// TestDifferentialUsers has several connections, of different users, send the
// same to Moonwire and to the reference, one after the other, and compares what
// each of them gets at each step. Besides what TestDifferential passes over,
// these are taken out: which member of a queue group gets a message, reply
// subjects of services, and the header that says who asks.
func TestDifferentialUsers(t *testing.T) {
	t.Parallel()
	for name, st := range stages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := servertest.StartMoonwire(t, st.config).Addr()
			theirs := servertest.StartReference(t, st.config).Addr()
			var work crew
			work.do("comparing", func() error {
				var errs []error
				for seed := range uint64(scenes) {
					errs = append(errs, compareScene(st, seed, ours, theirs))
				}
				return errors.Join(errs...)
			})
			work.wait(t)
		})
	}
}

// compareScene plays a scene on both servers, and again before it reports a
// difference: what a server has not taken back yet of a connection that it has
// closed may be seen.
func compareScene(st *stage, seed uint64, ours, theirs string) error {
	acts := newScene(st, seed, actors)
	var diff string
	for range 3 {
		var got, want []string
		var gotErr, wantErr error
		var both sync.WaitGroup
		both.Go(func() { got, gotErr = perform(ours, acts) })
		both.Go(func() { want, wantErr = perform(theirs, acts) })
		both.Wait()
		if err := errors.Join(gotErr, wantErr); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if diff = gocmp.Diff(want, got); diff == "" {
			return nil
		}
	}
	return fmt.Errorf("seed %d (-reference +moonwire):\n%s", seed, diff)
}

// actor is a connection of a scene.
type actor struct {
	*rawClient
	last   string // the latest reply subject that it got
	closed bool
}

// perform plays a scene and returns what each connection got at each step.
func perform(addr string, acts []act) (seen []string, err error) {
	var all [actors]*actor
	defer func() {
		for _, a := range all {
			if a != nil {
				err = errors.Join(err, a.leave())
			}
		}
	}()
	for _, step := range acts {
		a := all[step.by]
		if a == nil || a.closed {
			c, err := dial(addr)
			if err != nil {
				return nil, err
			}
			a = &actor{rawClient: c}
			all[step.by] = a
			seen = append(seen, told(c.info))
		}
		seen = append(seen, fmt.Sprintf("%d sends %q", step.by, step.lines))
		if err := a.say(step.lines); err != nil {
			return nil, err
		}
		var queued []string
		for n := range all {
			i := (step.by + n) % actors // who published first
			if all[i] == nil || all[i].closed {
				continue
			}
			pongs := 1
			if i == step.by {
				pongs += strings.Count(step.lines, "PING\r\n")
			} else if err := all[i].say(""); err != nil {
				return nil, err
			}
			said, err := all[i].hear(pongs)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
			plain, members := apart(said)
			queued = append(queued, members...)
			seen = append(seen, fmt.Sprintf("%d gets %q", i, plain))
			if all[i].closed {
				seen = append(seen, fmt.Sprintf("%d is closed", i))
			}
		}
		slices.Sort(queued)
		seen = append(seen, queued...)
	}
	return seen, nil
}

// say sends lines, and a PING behind them.
func (a *actor) say(lines string) error {
	if a.last == "" {
		a.last = "r.none"
	}
	err := a.send(strings.ReplaceAll(lines, lastReply, a.last) + "PING\r\n")
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // closed by the server: what it said tells why
}

// hear returns what comes up to so many PONGs, or to the end.
func (a *actor) hear(pongs int) (string, error) {
	if err := a.nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	var b strings.Builder
	for pongs > 0 {
		line, err := a.r.ReadString('\n')
		b.WriteString(line)
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout():
			return "", fmt.Errorf("nothing came after %q", b.String())
		case err != nil:
			a.closed = true
			a.close()
			return b.String(), nil
		case line == "PONG\r\n":
			pongs--
			continue
		}
		args := strings.Fields(line)
		if args[0] != "MSG" && args[0] != "HMSG" {
			continue
		}
		size, err := strconv.Atoi(args[len(args)-1])
		if err != nil {
			return "", fmt.Errorf("got %q: %w", line, err)
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(a.r, body); err != nil {
			return "", err
		}
		b.Write(body)
		if reply := replyOf(args); reply != "" && args[2][0] != 'q' {
			a.last = reply
		}
	}
	return b.String(), nil
}

// replyOf returns the reply subject in the control line of a message.
func replyOf(args []string) string {
	if args[0] == "MSG" && len(args) == 5 || args[0] == "HMSG" && len(args) == 6 {
		return args[3]
	}
	return ""
}

// leave gives up the subscriptions, so that the next scene does not meet them.
func (a *actor) leave() error {
	if a.closed {
		return nil
	}
	defer a.close()
	if err := a.send("CONNECT {}\r\nPING\r\n"); err != nil {
		return nil
	}
	_, err := a.hear(1)
	return err
}

var (
	serviceReply = regexp.MustCompile(`_R_\.[0-9A-Za-z]{6}\.[0-9A-Za-z]{6}`)
	requestInfo  = regexp.MustCompile(`Nats-Request-Info: {"acc":"(\w+)"(?:,"rtt":\d+)?}`)
	infoSizes    = regexp.MustCompile(`^(HMSG.*) \d+ \d+\r\n`)
)

// apart returns what a connection got without messages to members of queue
// groups, and those, without anything that depends on the member. Adjacent
// copies of messages are in order.
func apart(said string) (plain string, members []string) {
	out := []byte(normal([]byte(said)))
	var list []answer
	for len(out) > 0 {
		a, n := cut(out)
		out = out[n:]
		args := strings.Fields(a.text)
		if a.key != "" && args[2] == "q" {
			head, _, _ := strings.Cut(a.text, "\r\n")
			members = append(members, fmt.Sprintf("queue: %s %q %q", args[1], replyOf(strings.Fields(head)), payloadOf(a.text)))
			continue
		}
		a.text = serviceReply.ReplaceAllString(a.text, "_R_.x")
		if to := requestInfo.ReplaceAllString(a.text, "Nats-Request-Info: $1"); to != a.text {
			a.text = infoSizes.ReplaceAllString(to, "$1 * *\r\n")
		}
		list = append(list, a)
	}
	for i := 0; i < len(list); i++ {
		j := i
		for j < len(list) && list[j].key != "" && payloadOf(list[j].text) == payloadOf(list[i].text) {
			j++
		}
		if j > i {
			slices.SortFunc(list[i:j], func(a, b answer) int { return cmp.Compare(a.text, b.text) })
			i = j - 1
		}
	}
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.text)
	}
	return b.String(), members
}

// payloadOf returns the payload of a message, which no other one has.
func payloadOf(text string) string {
	if i := strings.LastIndex(text, "<"); i >= 0 {
		return text[i:]
	}
	return text
}
