package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moonwire/server/config"
	"moonwire/server/interest"
)

// naive reports whether a pattern matches, and what its wildcards stand for.
func naive(pattern, subject string) (wild []string, tail string, ok bool) {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return wild, strings.Join(s[min(i, len(s)):], "."), i < len(s)
		case i >= len(s):
			return nil, "", false
		case token == "*":
			wild = append(wild, s[i])
		case token != s[i]:
			return nil, "", false
		}
	}
	return wild, "", len(p) == len(s)
}

// fill puts what wildcards stand for into a subject with $1, * and >.
func fill(to string, wild []string, tail string) string {
	n := 0
	var out []string
	for token := range strings.SplitSeq(to, ".") {
		switch {
		case token == ">":
			token = tail
		case token == "*":
			token = wild[n]
			n++
		case len(token) == 2 && token[0] == '$':
			token = wild[token[1]-'1']
		}
		out = append(out, token)
	}
	return strings.Join(out, ".")
}

// unfill is fill the other way: it returns the subject that becomes local.
func unfill(from, to, local string) (string, bool) {
	pattern := ""
	var order []int // of the wildcards of to, in from
	for i, token := range strings.Split(to, ".") {
		switch {
		case token == "*":
			order = append(order, len(order))
		case len(token) == 2 && token[0] == '$':
			order = append(order, int(token[1]-'1'))
			token = "*"
		}
		if i > 0 {
			pattern += "."
		}
		pattern += token
	}
	wild, tail, ok := naive(pattern, local)
	if !ok {
		return "", false
	}
	there := make([]string, len(wild))
	for i, n := range order {
		there[n] = wild[i]
	}
	return fill(from, there, tail), true
}

// local returns what an import says of its subjects here.
func local(i config.Import) string {
	switch {
	case i.To != "":
		return i.To
	case i.Prefix != "":
		return i.Prefix + "." + i.Subject
	}
	return i.Subject
}

// model evaluates without an index.
type model struct {
	accounts map[string]config.Account
	subs     map[*interest.Sub]*client
}

// publish returns what is delivered when subj is published in an account: lines
// for each plain subscription, and the choices of each queue group. passed are
// the accounts whose services it came by.
func (m *model) publish(account, subj string, passed ...string) (plain []string, groups [][]string) {
	queues := make(map[string][]string)
	add := func(s *interest.Sub, c *client, name string) {
		line := fmt.Sprintf("%s %s %s", c.name, s.Sid, name)
		if s.Queue == "" {
			plain = append(plain, line)
		} else {
			queues[s.Queue] = append(queues[s.Queue], line)
		}
	}
	for s, c := range m.subs {
		if c.in.Name == account {
			if _, _, ok := naive(s.Subject, subj); ok {
				add(s, c, subj)
			}
		}
		for _, i := range m.accounts[c.in.Name].Imports {
			if len(passed) > 0 || i.Service || i.Account != account {
				continue
			}
			wild, tail, ok := naive(i.Subject, subj)
			if !ok {
				continue
			}
			name := fill(local(i), wild, tail)
			if _, _, ok := naive(s.Subject, name); ok {
				add(s, c, name)
			}
		}
	}
	for _, q := range queues {
		groups = append(groups, q)
	}
	for _, i := range m.accounts[account].Imports {
		if !i.Service || slices.Contains(passed, i.Account) { // each has one export of services
			continue
		}
		there, ok := unfill(i.Subject, local(i), subj)
		if !ok {
			continue
		}
		p, g := m.publish(i.Account, there, append(slices.Clone(passed), i.Account)...)
		plain, groups = append(plain, p...), append(groups, g...)
	}
	return plain, groups
}

// check compares what was delivered with the model's answer: each plain line,
// and one line of each group.
func check(plain []string, groups [][]string, got []string) string {
	left := slices.Clone(got)
	for _, line := range plain {
		i := slices.Index(left, line)
		if i < 0 {
			return fmt.Sprintf("%q is missing in %q", line, got)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) != len(groups) {
		return fmt.Sprintf("beside plain ones there are %q, for groups %q", left, groups)
	}
	if !assign(groups, left) {
		return fmt.Sprintf("%q are none of groups %q each", left, groups)
	}
	return ""
}

// assign reports whether each group can have one of the lines.
func assign(groups [][]string, lines []string) bool {
	if len(groups) == 0 {
		return true
	}
	for i, line := range lines {
		if slices.Contains(groups[0], line) && assign(groups[1:], slices.Delete(slices.Clone(lines), i, i+1)) {
			return true
		}
	}
	return false
}

var (
	drawImport = rapid.Custom(func(t *rapid.T) config.Import {
		i := config.Import{
			Service: rapid.Bool().Draw(t, "service"),
			Account: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "account"),
		}
		pair := rapid.SampledFrom([][2]string{
			{"x", ""},
			{"x", "y"},
			{"x.*", ""},
			{"x.*", "y.$1"},
			{"x.*", "y.z.*"},
			{"x.>", ""},
			{"x.>", "y.>"},
			{"*.x", "y.$1.z"},
			{"*.*", "y.$2.$1"},
			{"*.*.>", "$2.$1.>"},
			{"*.>", "z.$1.>"},
			{">", "z.>"},
		}).Draw(t, "subjects")
		i.Subject, i.To = pair[0], pair[1]
		if i.To == "" && !i.Service && rapid.Bool().Draw(t, "prefixed") {
			i.Prefix = "p"
		}
		return i
	})
	drawPattern = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z", "p", "*"}), 1, 4), func(tokens []string) string {
		return strings.Join(tokens, ".")
	})
	drawSubject = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z", "p"}), 1, 4), func(tokens []string) string {
		return strings.Join(tokens, ".")
	})
)

// TestModel holds imports against a naive evaluator, while subscriptions come
// and go and the imports change.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{subs: make(map[*interest.Sub]*client), accounts: make(map[string]config.Account)}
		for _, name := range []string{"A", "B", "C"} {
			m.accounts[name] = config.Account{Name: name, Exports: append(streams(">"), services(">")...)}
		}
		options := func(accounts map[string]config.Account) *config.Options {
			o := new(config.Options)
			for _, name := range []string{"A", "B", "C"} {
				o.Accounts = append(o.Accounts, accounts[name])
			}
			return o
		}
		set, err := NewSet(options(m.accounts))
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, set: set}
		var clients []*client
		for i := range 9 {
			clients = append(clients, w.client(string("ABC"[i%3]), fmt.Sprint(i)))
		}
		var live []*interest.Sub
		sids := 0
		t.Repeat(map[string]func(*rapid.T){
			"import": func(t *rapid.T) {
				next := make(map[string]config.Account)
				for name, a := range m.accounts {
					next[name] = a
				}
				name := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "by")
				a := next[name]
				a.Imports = slices.Clone(a.Imports)
				if n := len(a.Imports); n > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					a.Imports = slices.Delete(a.Imports, i, i+1)
				} else {
					a.Imports = append(a.Imports, drawImport.Draw(t, "import"))
				}
				next[name] = a
				if _, err := set.Update(options(next)); err == nil { // not a cycle, and not there twice
					m.accounts = next
				}
			},
			"subscribe": func(t *rapid.T) {
				c := rapid.SampledFrom(clients).Draw(t, "client")
				pattern := drawPattern.Draw(t, "pattern")
				if rapid.Bool().Draw(t, "tail") {
					pattern = rapid.SampledFrom([]string{">", pattern + ".>"}).Draw(t, "tailed")
				}
				sids++
				s := c.sub(fmt.Sprintf("%s %s %d", pattern, rapid.SampledFrom([]string{"", "", "q", "r"}).Draw(t, "queue"), sids))
				m.subs[s] = c
				live = append(live, s)
			},
			"unsubscribe": func(t *rapid.T) {
				if len(live) == 0 {
					return
				}
				i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
				m.subs[live[i]].unsub(live[i])
				delete(m.subs, live[i])
				live = slices.Delete(live, i, i+1)
			},
			"": func(t *rapid.T) {
				for range 3 {
					c := rapid.SampledFrom(clients).Draw(t, "publisher")
					subj := drawSubject.Draw(t, "subject")
					plain, groups := m.publish(c.in.Name, subj)
					for range 3 { // cold, entered, cached
						taken := c.pub("PUB " + subj + " 1\r\nx\r\n")
						var got []string
						for _, r := range clients {
							for _, frame := range r.take() {
								f := strings.Fields(frame[strings.IndexByte(frame, ' '):])
								got = append(got, fmt.Sprintf("%s %s %s", r.name, f[1], f[0]))
							}
						}
						if why := check(plain, groups, got); why != "" {
							t.Fatalf("%s published in %s: %s", subj, c.in.Name, why)
						}
						if want := len(plain)+len(groups) > 0; taken != want {
							t.Fatalf("%s published in %s was taken: %t, want %t", subj, c.in.Name, taken, want)
						}
					}
				}
			},
		})
		for s, c := range m.subs {
			c.unsub(s)
		}
		for name, a := range m.accounts {
			a.Imports = nil
			m.accounts[name] = a
		}
		if _, err := set.Update(options(m.accounts)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("$G:0 $SYS:0 A:0 B:0 C:0", w.lens()); diff != "" {
			t.Fatalf("left (-want +got):\n%s", diff)
		}
	})
}
