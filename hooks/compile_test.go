package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCompileErrors: each says which hook, and what to do; and all come at once.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	regs := func(r ...Registration) Engine { return &fake{regs: r} }
	cache := func(p Point, given Fields, by ...string) Engine {
		f, err := ParseFields(by)
		if err != nil {
			t.Fatal(err)
		}
		return regs(Registration{Point: p, Fields: given, Cache: &CachePolicy{By: f, TTL: time.Second}})
	}
	ok := regs(Registration{Point: AtPublish})
	for want, hooks := range map[string][]Hook{
		"has no name":                             {{Engine: ok}},
		"name is used twice":                      {{Name: "h", Engine: ok}, {Name: "h", Engine: ok}},
		"has no engine":                           {{Name: "h"}},
		"mode unknown(9)":                         {{Name: "h", Mode: 9, Engine: ok}},
		"timeout.publish is negative":             {{Name: "h", Engine: ok, Timeout: PerPoint[time.Duration]{}.with(AtPublish, -1)}},
		"on_error drop is not for publish":        {{Name: "h", Engine: ok, OnError: PerPoint[OnError]{}.with(AtPublish, OnErrorDrop)}},
		"on_error unknown(9) is not for inspect":  {{Name: "h", Engine: ok, OnError: PerPoint[OnError]{}.with(AtInspect, 9)}},
		`subjects: "a..b" is not`:                 {{Name: "h", Engine: ok, Subjects: []string{"a..b"}}},
		`registration 0 at publish: "a." is not`:  {{Name: "h", Engine: regs(Registration{Point: AtPublish, Subjects: []string{"a."}})}},
		"at connect: takes no subjects":           {{Name: "h", Engine: regs(Registration{Point: AtConnect, Subjects: []string{"a"}})}},
		"at event: takes no subjects":             {{Name: "h", Engine: regs(Registration{Point: AtEvent, Subjects: []string{"a"}})}},
		"takes no accounts":                       {{Name: "h", Accounts: []string{"A"}, Engine: regs(Registration{Point: AtConnect})}},
		"registration 1 at connect: takes no acc": {{Name: "h", Engine: regs(Registration{Point: AtPublish}, Registration{Point: AtConnect, Accounts: []string{"A"}})}},
		"no such point":                           {{Name: "h", Engine: regs(Registration{Point: 6})}},
		"max_payload is negative":                 {{Name: "h", Engine: regs(Registration{Point: AtInspect, MaxPayload: -1})}},
		`event "born"`:                            {{Name: "h", Engine: regs(Registration{Point: AtEvent, Events: []string{"born"}})}},
		"cache: answers can be kept at":           {{Name: "h", Engine: cache(AtInspect, Fields{}, "subject")}},
		"cache: by names no field":                {{Name: "h", Engine: cache(AtPublish, Fields{})}},
		"cache: by payload,other: want user":      {{Name: "h", Engine: cache(AtPublish, Fields{}, "payload", "subject", "other")}},
		"cache: the hook is given reply,tags":     {{Name: "h", Engine: cache(AtPublish, Fields{FieldReply | FieldSubject, []string{"a"}, nil}, "subject")}},
		"cache: a ttl is negative": {{Name: "h", Engine: regs(Registration{
			Point: AtPublish, Cache: &CachePolicy{By: Fields{Set: FieldUser}, TTL: -1},
		})}},
	} {
		set, err := Compile(hooks, Options{})
		if err == nil {
			t.Errorf("%s: compiled", want)
			set.Close(context.Background())
		} else if !strings.Contains(err.Error(), want) || hooks[0].Name != "" && !strings.Contains(err.Error(), `hook "h"`) {
			t.Errorf("got %v, want something with %s", err, want)
		}
	}
	_, err := Compile([]Hook{{Name: "a"}, {Name: "b"}}, Options{})
	if err == nil || !strings.Contains(err.Error(), `"a"`) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("got %v, want what is wrong with both", err)
	}
}

// TestWarnings: what lets calls through when it fails, and what never runs, is
// told at the start.
func TestWarnings(t *testing.T) {
	t.Parallel()
	e := &fake{regs: []Registration{{Point: AtPublish}, {Point: AtPublish}, {Point: AtConnect}, {Point: AtRewrite, Accounts: []string{"A"}, Subjects: []string{"a"}}}}
	set := must(t, Options{},
		Hook{Name: "open", Engine: e, OnError: PerPoint[OnError]{}.All(OnErrorSkip).with(AtRewrite, OnErrorAllow)},
		Hook{Name: "shadow", Mode: Shadow, Engine: e, OnError: PerPoint[OnError]{}.All(OnErrorAllow)},
		Hook{Name: "off", Mode: Off},
		Hook{Name: "empty", Engine: &fake{}},
		Hook{Name: "account", Engine: &fake{regs: e.regs[3:]}, Accounts: []string{"B"}},
		Hook{Name: "subject", Engine: &fake{regs: e.regs[3:]}, Subjects: []string{"b"}},
	)
	want := []string{
		`hook "open" fails open at publish: on_error is skip`,
		`hook "open" fails open at rewrite: on_error is allow`,
		`hook "empty" asks for nothing`,
		`hook "account", registration 0 at rewrite is never asked: it is for other accounts than the hook is narrowed to`,
		`hook "subject", registration 0 at rewrite is never asked: it is for other subjects than the hook is narrowed to`,
	}
	if diff := cmp.Diff(want, set.Warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// limiter is an engine at connect that may know that it never allows.
type limiter struct {
	*fake
	remedy string
}

func (l limiter) AdmitsNobody() string { return l.remedy }

// TestShut: hooks that are known to let in nobody are told of, unless another may.
func TestShut(t *testing.T) {
	t.Parallel()
	closed := limiter{on(AtConnect, verdict(Pass)), "say open"}
	const warning = `nobody can connect: at connect a hook must allow, and those that are loaded (%s) never do; say open, or load a hook that allows`
	for name, tt := range map[string]struct {
		hooks []Hook
		want  string
	}{
		"alone":           {[]Hook{{Engine: closed}}, `"h0"`},
		"two":             {[]Hook{{Engine: closed}, {Engine: closed}}, `"h0", "h1"`},
		"twice":           {[]Hook{{Engine: limiter{&fake{regs: []Registration{{Point: AtConnect}, {Point: AtConnect}}}, "say open"}}}, `"h0"`},
		"one that allows": {[]Hook{{Engine: closed}, {Engine: limiter{on(AtConnect, verdict(Allow)), ""}}}, ""},
		"one that may":    {[]Hook{{Engine: on(AtConnect, verdict(Pass))}, {Engine: closed}}, ""},
		"others do not decide": {[]Hook{
			{Engine: closed},
			{Engine: on(AtPublish, verdict(Allow))},
			{Mode: Shadow, Engine: on(AtConnect, verdict(Allow))},
			{Mode: Off, Engine: on(AtConnect, verdict(Allow))},
		}, `"h0"`},
		"in shadow mode":   {[]Hook{{Mode: Shadow, Engine: closed}}, ""},
		"not at connect":   {[]Hook{{Engine: limiter{on(AtPublish, verdict(Pass)), "say open"}}}, ""},
		"nothing is there": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range tt.hooks {
				tt.hooks[i].Name = fmt.Sprintf("h%d", i)
			}
			set := must(t, Options{}, tt.hooks...)
			var want []string
			if tt.want != "" {
				want = []string{fmt.Sprintf(warning, tt.want)}
			}
			if diff := cmp.Diff(want, set.Warnings); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// It is true.
			if v := one(set.Table(""), AtConnect, "").Outcome.Verdict; tt.want != "" && v != Deny {
				t.Errorf("somebody can connect: %v", v)
			}
		})
	}
}

// TestTables: an account has a table when something is loaded for it, and its
// own when that is not what all have.
func TestTables(t *testing.T) {
	t.Parallel()
	set := must(t, Options{}, Hook{Name: "h", Accounts: []string{"A"}, Engine: on(AtPublish, verdict(Pass))})
	if set.Table("A") == nil || set.Table("B") != nil || set.Table("") != nil {
		t.Error("want a table for A alone")
	}
	set = must(t, Options{},
		Hook{Name: "a", Accounts: []string{"A"}, Engine: on(AtPublish, verdict(Pass))},
		Hook{Name: "all", Engine: on(AtInspect, verdict(Pass))},
	)
	a, b := set.Table("A"), set.Table("B")
	if !a.Has(AtPublish) || !a.Has(AtInspect) || b.Has(AtPublish) || !b.Has(AtInspect) || b != set.Table("C") {
		t.Error("tables are wrong")
	}
	if must(t, Options{}).Table("A") != nil {
		t.Error("a table of no hooks")
	}
}

// TestGuards: connections are guarded by hooks that decide.
func TestGuards(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hook Hook
		want bool
	}{
		"decides":       {Hook{Name: "h", Engine: on(AtConnect, verdict(Allow))}, true},
		"shadow":        {Hook{Name: "h", Mode: Shadow, Engine: on(AtConnect, verdict(Allow))}, false},
		"off":           {Hook{Name: "h", Mode: Off}, false},
		"another point": {Hook{Name: "h", Engine: on(AtPublish, verdict(Allow))}, false},
	} {
		if got := must(t, Options{}, tt.hook).Table("").Guards(); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestRegistrationIsNamed: an engine learns which of its registrations a call is
// for, also when there are several at one point.
func TestRegistrationIsNamed(t *testing.T) {
	t.Parallel()
	var got []string
	e := &fake{
		regs: []Registration{{Point: AtPublish, Subjects: []string{"a"}}, {Point: AtInspect}, {Point: AtPublish, Subjects: []string{"*"}}},
		do: func(_ context.Context, reg int, calls []*Call) error {
			for _, c := range calls {
				got = append(got, fmt.Sprintf("%d %s", reg, c.Subject))
			}
			return nil
		},
	}
	set := must(t, Options{}, Hook{Name: "h", Engine: e})
	calls := []*Call{{Client: alice, Subject: []byte("b")}, {Client: alice, Subject: []byte("a")}}
	set.Table("A").Do(context.Background(), new(Session), AtPublish, calls)
	if diff := cmp.Diff([]string{"0 a", "2 b", "2 a"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRegistrationsPanic: an engine that cannot say what it wants is not loaded.
func TestRegistrationsPanic(t *testing.T) {
	t.Parallel()
	_, err := Compile([]Hook{{Name: "h", Engine: panics{new(bool)}}}, Options{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Kind != KindRuntime || !strings.Contains(err.Error(), `"h"`) {
		t.Errorf("got %v", err)
	}
}

type panics struct{ closed *bool }

func (panics) Registrations() []Registration          { panic("no") }
func (panics) Do(context.Context, int, []*Call) error { return nil }
func (panics) Notify(int, []Event)                    {}
func (p panics) Close(context.Context) error          { *p.closed = true; return nil }
