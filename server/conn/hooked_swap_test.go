package conn_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
)

// TestHookedSwap: while hooks are replaced, a message is decided by those of before
// or by those of afterwards, at all points, and never by some of each: here either
// alone lets nothing out on "secret".
func TestHookedSwap(t *testing.T) {
	t.Parallel()
	guards := on(hooks.AtPublish, deny, "secret")
	for name, tt := range map[string]struct {
		old, new []hooktest.Rule
		want     string // answers to what was asked about before the swap, and to what was gathered by then
	}{
		"the new rewrite has a guard": {
			[]hooktest.Rule{on(hooks.AtRewrite, pass, "a")},
			[]hooktest.Rule{on(hooks.AtRewrite, to("secret"), "a"), guards},
			"MMM MEE",
		},
		"the old rewrite had a guard": {
			[]hooktest.Rule{on(hooks.AtRewrite, to("secret"), "a"), guards},
			[]hooktest.Rule{on(hooks.AtPublish, pass, "other")},
			"EEE EMM",
		},
		"nothing is left": {[]hooktest.Rule{on(hooks.AtRewrite, to("secret"), "a"), guards}, nil, "EEE EMM"},
		"the new guard is for what came": {
			[]hooktest.Rule{on(hooks.AtRewrite, to("b"), "a")},
			[]hooktest.Rule{on(hooks.AtInspect, deny, "a")},
			"MMM MEE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(nil)
			m := hooks.NewManager(hooks.ManagerOptions{Probation: -1, Swap: func(s *hooks.Set) { h.account.Hooks.Store(s.Table(h.account.Name)) }})
			t.Cleanup(func() {
				if err := m.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
			load := func(list []hooktest.Rule) {
				var specs []hooks.Spec
				if len(list) > 0 {
					specs = append(specs, hooktest.Spec("p", hooktest.New(list...)))
				}
				if err := m.Load(context.Background(), specs); err != nil {
					t.Error(err)
				}
			}
			// The first question about "a" waits until the others are loaded.
			var once sync.Once
			old := append([]hooktest.Rule(nil), tt.old...)
			say := old[0].Say
			old[0].Say = func(c *hooks.Call) {
				once.Do(func() { load(tt.new) })
				say(c)
			}
			load(old)
			p := h.dialTCP(t)
			defer p.close()
			p.send("CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n")
			p.expect("PONG")
			// As many as are decided at one time, and as many again that were read
			// with them.
			p.send(strings.Repeat("PUB a 1\r\n1\r\n", 512) + "PING\r\n")
			var got strings.Builder
			for line := p.line(); line != "PONG"; line = p.line() {
				switch {
				case strings.HasPrefix(line, "MSG"):
					got.WriteByte('M')
					p.line()
				case strings.HasPrefix(line, "-ERR"):
					got.WriteByte('E')
				default:
					t.Fatalf("got %q", line)
				}
			}
			all := got.String()
			if len(all) != 512 {
				t.Fatalf("%d answers, want 512: %s", len(all), all)
			}
			if got := all[:3] + " " + all[255:258]; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
