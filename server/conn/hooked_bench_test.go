package conn_test

import (
	"testing"

	"moonwire/hooks"
)

// elsewhere is a hook for subjects that are not published, at each point.
func elsewhere() hooks.Hook {
	return rules(on(hooks.AtRewrite, deny, "b.*", "c.>"), on(hooks.AtPublish, deny, "b.*", "a.x"), on(hooks.AtInspect, deny, "b.>"))
}

// TestHookedAllocations: a message allocates nothing when no hook is loaded, and
// when none is for it.
func TestHookedAllocations(t *testing.T) {
	tests := map[string][]hooks.Hook{
		"nothing loaded": nil,
		"another point":  {rules(on(hooks.AtSubscribe, deny))},
		"other subjects": {elsewhere()},
	}
	for name, list := range tests {
		h := newHost(nil)
		h.load(t, list...)
		for _, subjects := range []int{1, 10} {
			for _, connect := range []string{"", `CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\n"} {
				c, end := idle(h)
				c.Batch([]byte(connect))
				batch := batchOf(subjects)
				c.Batch(batch)
				if n := testing.AllocsPerRun(100, func() { c.Batch(batch) }); n != 0 {
					t.Errorf("%s, %d subjects, %q: a batch allocates %v times", name, subjects, connect, n)
				}
				end()
			}
		}
	}
}

func BenchmarkHookedElsewhere(b *testing.B) {
	h := newHost(nil)
	h.load(b, elsewhere())
	benchPublish(b, h, 1)
}

func BenchmarkHookedElsewhereSubjects(b *testing.B) {
	h := newHost(nil)
	h.load(b, elsewhere())
	benchPublish(b, h, 10)
}

func BenchmarkHookedElsewhereOnePoint(b *testing.B) {
	h := newHost(nil)
	h.load(b, rules(on(hooks.AtPublish, deny, "b.*", "a.x")))
	benchPublish(b, h, 10)
}

func BenchmarkHookedPublish(b *testing.B) {
	h := newHost(nil)
	h.load(b, rules(on(hooks.AtPublish, pass)))
	benchPublish(b, h, 1)
}

func BenchmarkHookedInspect(b *testing.B) {
	h := newHost(nil)
	h.load(b, rules(on(hooks.AtInspect, message(nil, []byte("0123456789abcdef")))))
	benchPublish(b, h, 1)
}
