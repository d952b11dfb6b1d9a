package permission_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/subject"
)

// naive decides from the text of the rules, entry by entry.
type naive config.Permissions

func (n *naive) publish(subj string) bool {
	matched := func(entries []string) bool {
		for _, e := range entries {
			if subject.Match(e, subj) {
				return true
			}
		}
		return false
	}
	allow := n.Publish.Allow
	return (matched(allow) || len(allow) == 0 && n.Responses == nil) && !matched(n.Publish.Deny)
}

// covering returns whether entries without a queue cover the pattern, and the
// queues of those with one.
func covering(entries []string, pattern string) (plain bool, queues []string) {
	for _, e := range entries {
		subj, queue, _ := strings.Cut(e, " ")
		switch {
		case !within(pattern, subj):
		case queue == "":
			plain = true
		default:
			queues = append(queues, queue)
		}
	}
	return plain, queues
}

// within takes what is not a pattern for a subject.
func within(pattern, entry string) bool {
	if subject.ValidPattern(pattern) {
		return subject.Subset(pattern, entry)
	}
	return subject.Match(entry, pattern)
}

func named(queues []string, queue string) bool {
	for _, q := range queues {
		if queue != "" && within(queue, q) {
			return true
		}
	}
	return false
}

func (n *naive) subscribe(pattern, queue string) bool {
	if len(n.Subscribe.Allow) > 0 {
		allowed, queues := covering(n.Subscribe.Allow, pattern)
		if queue != "" && len(queues) > 0 {
			allowed = named(queues, queue)
		}
		if !allowed {
			return false
		}
	}
	plain, queues := covering(n.Subscribe.Deny, pattern)
	return !plain && !named(queues, queue)
}

// denied says whether a subscription with the queue must not get subj.
func (n *naive) denied(subj, queue string) bool {
	for _, e := range n.Subscribe.Deny {
		s, q, _ := strings.Cut(e, " ")
		if subject.Match(s, subj) && (q == "" || named([]string{q}, queue)) {
			return true
		}
	}
	return false
}

// check compares all decisions about a pattern and a subject with the naive ones.
func check(t rapid.TB, p *config.Permissions, pattern, queue, subj string) {
	t.Helper()
	s, err := permission.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	n := (*naive)(p)
	if got, want := s.Publish([]byte(subj)), n.publish(subj); got != want {
		t.Fatalf("%+v: publish to %q: got %v, want %v", p.Publish, subj, got, want)
	}
	if !s.LimitsPublish() && !s.Publish([]byte(subj)) {
		t.Fatalf("%+v: publish to %q is refused, and not limited", p.Publish, subj)
	}
	if got, want := s.Subscribe(pattern, queue), n.subscribe(pattern, queue); got != want {
		t.Fatalf("%+v: subscribe to %q, queue %q: got %v, want %v", p.Subscribe, pattern, queue, got, want)
	}
	if !n.subscribe(pattern, queue) || !subject.Match(pattern, subj) {
		return
	}
	if got, want := s.Filter(pattern, queue).Denies([]byte(subj)), n.denied(subj, queue); got != want {
		t.Fatalf("%+v: deliver %q to %q, queue %q: left out is %v, want %v", p.Subscribe, subj, pattern, queue, got, want)
	}
}

// drawRow draws one to four tokens.
func drawRow(t *rapid.T, label string, tokens ...string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 1, 4).Draw(t, label), ".")
}

func drawEntries(t *rapid.T, label string, queues bool) []string {
	// Often narrow, so that lists leave something; at times more tokens than
	// are searched one by one.
	alphabet := list("a", "b", "*")
	if rapid.Bool().Draw(t, "wide") {
		alphabet = append(alphabet, strings.Split("cdefghijk", "")...)
	}
	entry := rapid.Custom(func(t *rapid.T) string {
		e := drawRow(t, "subject", alphabet...)
		if rapid.IntRange(0, 3).Draw(t, "tail") == 0 {
			e += ".>"
		}
		if rapid.IntRange(0, 19).Draw(t, "all") == 0 {
			e = ">"
		}
		if queues && rapid.Bool().Draw(t, "queued") {
			e += " " + rapid.SampledFrom(list("q", "r", "q.v", "q.*", "*", ">", "q.>")).Draw(t, "queue")
		}
		return e
	})
	return rapid.SliceOfN(entry, 0, 12).Draw(t, label)
}

func drawPermissions(t *rapid.T) *config.Permissions {
	p := &config.Permissions{
		Publish:   config.Rules{Allow: drawEntries(t, "publish.allow", false), Deny: drawEntries(t, "publish.deny", false)},
		Subscribe: config.Rules{Allow: drawEntries(t, "subscribe.allow", true), Deny: drawEntries(t, "subscribe.deny", true)},
	}
	if rapid.Bool().Draw(t, "responses") {
		p.Responses = new(config.Responses)
	}
	return p
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPermissions(t)
		for range 20 {
			pattern := drawRow(t, "pattern", "a", "b", "c", "*", ">", "")
			queue := rapid.SampledFrom(list("", "q", "q.v", "q.w.x", "s", "*", "q.*")).Draw(t, "queue")
			subj := drawRow(t, "subject", "a", "b", "c", "z", "*", ">", "")
			check(t, p, pattern, queue, subj)
		}
	})
}

// TestNothingDeniedIsDelivered goes through all subjects: what a deny entry
// without a queue matches reaches no subscription that is allowed, and what no
// entry matches reaches all of them.
func TestNothingDeniedIsDelivered(t *testing.T) {
	t.Parallel()
	subjects := rows(3, "a", "b", "z")
	patterns := rows(3, "a", "b", "*", ">")
	rapid.Check(t, func(t *rapid.T) {
		p := &config.Permissions{Subscribe: config.Rules{
			Allow: drawEntries(t, "allow", true),
			Deny:  drawEntries(t, "deny", true),
		}}
		s := compile(t, p)
		queue := rapid.SampledFrom(list("", "q", "q.v")).Draw(t, "queue")
		for _, pattern := range patterns {
			if !subject.ValidPattern(pattern) || !s.Subscribe(pattern, queue) {
				continue
			}
			f := s.Filter(pattern, queue)
			for _, subj := range subjects {
				if !subject.Match(pattern, subj) {
					continue
				}
				if got, want := f.Denies([]byte(subj)), (*naive)(p).denied(subj, queue); got != want {
					t.Fatalf("%+v: deliver %q to %q, queue %q: left out is %v, want %v", p.Subscribe, subj, pattern, queue, got, want)
				}
			}
		}
	})
}

// rows returns all rows of 1 to depth tokens.
func rows(depth int, alphabet ...string) []string {
	if depth == 0 {
		return nil
	}
	all := append([]string(nil), alphabet...)
	for _, tail := range rows(depth-1, alphabet...) {
		for _, head := range alphabet {
			all = append(all, head+"."+tail)
		}
	}
	return all
}

// FuzzSet takes the entries of the lists from lines.
func FuzzSet(f *testing.F) {
	f.Add("foo.>\nfoo.q v1", "foo.bar", "foo.*", "v1", "foo.bar")
	f.Add("*\nfoo.*", "", ">", "", "foo")
	f.Add("", "b.> *\nc q.>", "b.>", "q.", "b.x")
	f.Add("a.*.c\na.b.>\n*.b.c", "a.b.c q", "a.>.b", "", "a..b")
	f.Fuzz(func(t *testing.T, allow, deny, pattern, queue, subj string) {
		lines := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "\n")
		}
		p := &config.Permissions{Subscribe: config.Rules{Allow: lines(allow), Deny: lines(deny)}}
		if _, err := permission.Compile(p); err != nil {
			return
		}
		// The naive evaluator knows one blank.
		for _, entries := range [][]string{p.Subscribe.Allow, p.Subscribe.Deny} {
			for i, e := range entries {
				parts := strings.FieldsFunc(e, func(r rune) bool { return strings.ContainsRune(" \t\r\f", r) })
				entries[i] = strings.Join(parts, " ")
				p.Publish.Allow = append(p.Publish.Allow, parts[0])
			}
		}
		if !subject.ValidPattern(queue) {
			queue = "" // a queue that no entry but ">" is for; see TestSet
		}
		check(t, p, pattern, queue, subj)
	})
}
