package builtin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"moonwire/hooks"
)

// hand is a clock that is set by hand.
type hand struct{ at time.Time }

func (h *hand) now() time.Time           { return h.at }
func (h *hand) advance(by time.Duration) { h.at = h.at.Add(by) }

// limitBy returns a limit by a clock.
func limitBy(t testing.TB, clock func() time.Time, rules ...RateRule) *RateLimit {
	t.Helper()
	l, err := NewRateLimit(RateLimitOptions{Rules: rules, Clock: clock}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// verdicts asks about messages of some sizes, as one batch.
func verdicts(set *hooks.Set, p hooks.Point, client *hooks.Client, subject string, sizes ...int) (got string) {
	var calls []*hooks.Call
	for _, size := range sizes {
		calls = append(calls, message(client, subject, size))
	}
	ask(set, p, calls...)
	for _, c := range calls {
		got += c.Outcome.Verdict.String()[:2] + " "
	}
	return strings.TrimSuffix(got, " ")
}

// TestRates: tokens in order, what comes in, and what is larger than the bucket.
func TestRates(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type step struct {
		after time.Duration
		sizes []int
		want  string
	}
	for name, tt := range map[string]struct {
		rule  RateRule
		steps []step
	}{
		"messages": {RateRule{Rate: 10, Burst: 3}, []step{
			{0, []int{0, 0, 0, 0}, "pa pa pa de"},
			{99 * ms, []int{0}, "de"},
			{1 * ms, []int{0, 0}, "pa de"},
			{250 * ms, []int{0, 0, 0}, "pa pa de"},
			{50 * ms, []int{0, 0}, "pa de"},
			{time.Hour, []int{0, 0, 0, 0}, "pa pa pa de"},
		}},
		"burst of a second": {RateRule{Rate: 2.5}, []step{{0, []int{0, 0, 0, 0}, "pa pa pa de"}, {400 * ms, []int{0, 0}, "pa de"}}},
		"slow": {RateRule{Rate: 0.1}, []step{
			{0, []int{0, 0}, "pa de"},
			{9999 * ms, []int{0}, "de"},
			{ms, []int{0, 0}, "pa de"},
		}},
		"bytes": {RateRule{Bytes: 1000, BytesBurst: 100}, []step{
			{0, []int{60, 60, 40, 1, 0}, "pa de pa de pa"}, // what is small enough passes
			{10 * ms, []int{11, 10}, "de pa"},
		}},
		"larger than the bucket": {RateRule{Bytes: 1000, BytesBurst: 100}, []step{
			{0, []int{500, 1}, "pa de"},
			{400 * ms, []int{1, 0}, "de pa"},
			{1 * ms, []int{1, 1}, "pa de"},
			{98 * ms, []int{500}, "de"},
			{1 * ms, []int{500, 0}, "de pa"},
			{1 * ms, []int{500, 0}, "pa de"},
		}},
		"both": {RateRule{Rate: 10, Burst: 2, Bytes: 1000, BytesBurst: 100}, []step{
			{0, []int{101, 1}, "pa de"},
			{2 * ms, []int{1, 1}, "pa de"},
			{time.Second, []int{1, 1, 1}, "pa pa de"},
		}},
		"drop": {RateRule{At: hooks.AtInspect, Rate: 1, Action: ActionDrop}, []step{{0, []int{0, 0}, "pa dr"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.rule.By = hooks.FieldUser; tt.rule.At == hooks.AtConnect {
				tt.rule.At = hooks.AtPublish
			}
			clock := &hand{time.Now()}
			set := load(t, limitBy(t, clock.now, tt.rule))
			client := alice()
			for i, s := range tt.steps {
				clock.advance(s.after)
				if got := verdicts(set, tt.rule.At, client, "a", s.sizes...); got != s.want {
					t.Errorf("step %d: got %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

// TestBy: who shares a bucket.
func TestBy(t *testing.T) {
	t.Parallel()
	pub := func(user, account string, id uint64, host, subject string) *hooks.Call {
		return message(&hooks.Client{User: user, Account: account, ID: id, Host: host}, subject, 1)
	}
	login := func(host string, i hooks.ConnectInfo) *hooks.Call {
		return &hooks.Call{Client: &hooks.Client{Host: host}, Connect: &i}
	}
	for name, tt := range map[string]struct {
		by   hooks.Field
		a, b *hooks.Call
		same bool
	}{
		"user":                      {hooks.FieldUser, pub("u", "A", 1, "h", "s"), pub("u", "B", 2, "i", "t"), true},
		"other user":                {hooks.FieldUser, pub("u", "A", 1, "h", "s"), pub("v", "A", 1, "h", "s"), false},
		"no user":                   {hooks.FieldUser, pub("", "A", 1, "h", "s"), pub("", "B", 2, "h", "s"), true},
		"account":                   {hooks.FieldAccount, pub("u", "A", 1, "h", "s"), pub("v", "A", 2, "i", "t"), true},
		"other account":             {hooks.FieldAccount, pub("u", "A", 1, "h", "s"), pub("u", "B", 1, "h", "s"), false},
		"client":                    {hooks.FieldClient, pub("u", "A", 1, "h", "s"), pub("v", "B", 1, "i", "t"), true},
		"other client":              {hooks.FieldClient, pub("u", "A", 1, "h", "s"), pub("u", "A", 2, "h", "s"), false},
		"subject":                   {hooks.FieldSubject, pub("u", "A", 1, "h", "s"), pub("v", "B", 2, "i", "s"), true},
		"other subject":             {hooks.FieldSubject, pub("u", "A", 1, "h", "s"), pub("u", "A", 1, "h", "t"), false},
		"host":                      {hooks.FieldHost, pub("u", "A", 1, "10.0.0.1", "s"), pub("v", "B", 2, "10.0.0.1", "t"), true},
		"other host":                {hooks.FieldHost, pub("u", "A", 1, "10.0.0.1", "s"), pub("u", "A", 1, "10.0.0.2", "s"), false},
		"IPv6 network":              {hooks.FieldHost, pub("u", "A", 1, "2001:db8:0:1::1", "s"), pub("u", "A", 1, "2001:db8:0:1:ffff::2", "s"), true},
		"other IPv6 network":        {hooks.FieldHost, pub("u", "A", 1, "2001:db8:0:1::1", "s"), pub("u", "A", 1, "2001:db8:0:2::1", "s"), false},
		"IPv4 in IPv6":              {hooks.FieldHost, pub("u", "A", 1, "::ffff:10.0.0.1", "s"), pub("u", "A", 1, "::ffff:10.0.0.2", "s"), false},
		"both":                      {hooks.FieldUser | hooks.FieldAccount, pub("u", "A", 1, "h", "s"), pub("u", "A", 2, "i", "t"), true},
		"one of both":               {hooks.FieldUser | hooks.FieldAccount, pub("u", "A", 1, "h", "s"), pub("u", "B", 1, "h", "s"), false},
		"swapped":                   {hooks.FieldUser | hooks.FieldAccount, pub("u", "A", 1, "h", "s"), pub("A", "u", 1, "h", "s"), false},
		"login, user":               {hooks.FieldUser, login("h", hooks.ConnectInfo{User: "u"}), login("i", hooks.ConnectInfo{User: "u"}), true},
		"login, other user":         {hooks.FieldUser, login("h", hooks.ConnectInfo{User: "u"}), login("h", hooks.ConnectInfo{User: "v"}), false},
		"login, other nkey":         {hooks.FieldUser, login("h", hooks.ConnectInfo{Nkey: "u"}), login("h", hooks.ConnectInfo{Nkey: "v"}), false},
		"login, other JWT":          {hooks.FieldUser, login("h", hooks.ConnectInfo{JWT: "u"}), login("h", hooks.ConnectInfo{JWT: "v"}), false},
		"login, other token":        {hooks.FieldUser, login("h", hooks.ConnectInfo{Token: "u"}), login("h", hooks.ConnectInfo{Token: "v"}), false},
		"login, host":               {hooks.FieldHost, login("h", hooks.ConnectInfo{User: "u"}), login("h", hooks.ConnectInfo{User: "v"}), true},
		"login, user on other host": {hooks.FieldHost | hooks.FieldUser, login("h", hooks.ConnectInfo{User: "u"}), login("i", hooks.ConnectInfo{User: "u"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := hooks.AtPublish
			if tt.a.Connect != nil {
				at = hooks.AtConnect
			}
			clock := &hand{time.Now()}
			l, err := NewRateLimit(RateLimitOptions{
				Rules: []RateRule{{At: at, By: tt.by, Rate: 1}}, Admit: at == hooks.AtConnect, Clock: clock.now,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			set := load(t, l)
			ask(set, at, tt.a)
			ask(set, at, tt.b)
			if tt.a.Outcome.Verdict.Refuses() || tt.b.Outcome.Verdict.Refuses() != tt.same {
				t.Errorf("got %+v and %+v", tt.a.Outcome, tt.b.Outcome)
			}
		})
	}
}

// TestAllRulesAdmit: tokens are taken from all rules or from none, and the first
// that refuses says so.
func TestAllRulesAdmit(t *testing.T) {
	t.Parallel()
	clock := &hand{time.Now()}
	l := limitBy(t, clock.now,
		RateRule{At: hooks.AtPublish, By: hooks.FieldAccount, Rate: 10, Burst: 3},
		RateRule{At: hooks.AtPublish, By: hooks.FieldSubject, Rate: 10, Burst: 1},
		RateRule{At: hooks.AtPublish, By: hooks.FieldUser, Bytes: 10, Subjects: []string{"big.>", "huge"}},
	)
	set, client := load(t, l), alice()
	for i, tt := range []struct {
		subject string
		size    int
		reason  string
	}{
		{"a", 100, ""},
		{"a", 100, "rules[1]: over 10 a second by subject"},
		{"a", 100, "rules[1]: over 10 a second by subject"}, // took nothing of rules[0]
		{"big.x", 10, ""},
		{"big.y", 1, "rules[2]: over 10 bytes a second by user"},
		{"big.y", 0, ""}, // rules[1] still has what it has
		{"b", 0, "rules[0]: over 10 a second by account"},
		{"big.x", 5, "rules[0]: over 10 a second by account"}, // all three refuse
	} {
		c := message(client, tt.subject, tt.size)
		ask(set, hooks.AtPublish, c)
		if c.Outcome.Reason != tt.reason || c.Outcome.Verdict.Refuses() != (tt.reason != "") {
			t.Errorf("%d: got %+v, want %q", i, c.Outcome, tt.reason)
		}
	}
}

// TestPoints: what the engine asks for, and what its rules say there.
func TestPoints(t *testing.T) {
	t.Parallel()
	l := open(t, rateLimitName, map[string]any{"rules": []any{
		map[string]any{"at": "subscribe", "by": "client", "rate": int64(1), "subjects": []any{"a.*", "b"}},
		map[string]any{"at": "connect", "by": "host", "rate": 1.5},
		map[string]any{"by": "user", "rate": int64(1), "subjects": "x"},
		map[string]any{"by": "user", "rate": int64(1), "subjects": "y"},
		map[string]any{"action": "drop", "by": "user", "rate": int64(1), "subjects": "x"},
		map[string]any{"action": "drop", "by": "user", "rate": int64(1)},
	}}, nil)
	var got []string
	for _, r := range l.Registrations() {
		got = append(got, fmt.Sprintf("%v %v %v", r.Point, r.Subjects, r.Fields.Set))
	}
	want := []string{
		"connect [] host,size,connect,secrets,other",
		"publish [x y] user,subject,size,other",
		"subscribe [a.* b] client,subject,size,other",
		"inspect [] user,size,other",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	set, client := load(t, l), alice()
	for i, tt := range []struct {
		at      hooks.Point
		subject string
		want    string
	}{
		{hooks.AtPublish, "x", "pa de"},
		{hooks.AtPublish, "y", "pa de"},
		{hooks.AtPublish, "z", "pa pa"},
		{hooks.AtInspect, "z", "pa dr"},
		{hooks.AtInspect, "x", "dr dr"},
		{hooks.AtSubscribe, "b.>", "pa pa"},
		{hooks.AtSubscribe, "*.b", "pa de"},
		{hooks.AtSubscribe, ">", "de de"},
	} {
		if got := verdicts(set, tt.at, client, tt.subject, 1, 1); got != tt.want {
			t.Errorf("%d: at %v, %s: got %q, want %q", i, tt.at, tt.subject, got, tt.want)
		}
	}
}

// TestAdmit: at connect the limit alone lets nobody in, unless it is told to.
func TestAdmit(t *testing.T) {
	t.Parallel()
	for _, admit := range []bool{false, true} {
		clock := &hand{time.Now()}
		l, err := NewRateLimit(RateLimitOptions{
			Rules: []RateRule{{At: hooks.AtConnect, By: hooks.FieldHost, Rate: 1, Burst: 2}}, Admit: admit, Clock: clock.now,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		set := load(t, l)
		if told := len(set.Warnings) == 1 && strings.Contains(set.Warnings[0], `set "admit: true" in the config of the ratelimit`); told == admit {
			t.Errorf("admit %v: warnings %q", admit, set.Warnings)
		}
		for i := range 3 {
			c := &hooks.Call{Client: alice(), Connect: new(hooks.ConnectInfo)}
			ask(set, hooks.AtConnect, c)
			if in := c.Outcome.Verdict == hooks.Allow; in != (admit && i < 2) {
				t.Errorf("admit %v, %d: got %+v", admit, i, c.Outcome)
			}
		}
	}
}

// TestRateLimitAllocs: a hit takes no memory.
func TestRateLimitAllocs(t *testing.T) {
	l := limitBy(t, nil,
		RateRule{At: hooks.AtPublish, By: keyFields, Rate: 1e6, Bytes: 1e9, Subjects: []string{"a.>"}},
		RateRule{At: hooks.AtPublish, By: hooks.FieldHost, Rate: 1e-3, Burst: 1},
	)
	set, session, ctx := load(t, l), new(hooks.Session), context.Background()
	client := &hooks.Client{ID: 1, User: "u", Account: "A", Host: "2001:db8::1"}
	calls := []*hooks.Call{message(client, "a."+strings.Repeat("x", 1000), 128), message(client, "b", 10)}
	table := set.Table("A")
	got := testing.AllocsPerRun(1000, func() { table.Do(ctx, session, hooks.AtPublish, calls) })
	if got != 0 && !race {
		t.Errorf("%v allocations for a batch", got)
	}
	if v := calls[1].Outcome.Verdict; v != hooks.Deny {
		t.Errorf("the second rule says %v", v)
	}
}

// delayed returns a limit in a bubble, by the clock of the bubble.
func delayed(t testing.TB, timeout time.Duration, rules ...RateRule) (*RateLimit, *hooks.Set) {
	l := limitBy(t, nil, rules...)
	return l, loadHook(t, hooks.Hook{Name: "h", Engine: l, Timeout: hooks.PerPoint[time.Duration]{}.All(timeout)})
}

// TestDelay: a batch waits as long as its last message must, and what must wait
// for too long is denied.
func TestDelay(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		timeout time.Duration
		rules   []RateRule
		want    string
		took    time.Duration
	}{
		"within the burst":   {time.Second, []RateRule{{Rate: 10, Burst: 5, Action: ActionDelay}}, "pa pa pa pa", 0},
		"some":               {time.Second, []RateRule{{Rate: 10, Burst: 2, Action: ActionDelay}}, "pa pa pa pa", 200 * ms},
		"max_delay":          {time.Second, []RateRule{{Rate: 10, Burst: 2, Action: ActionDelay, MaxDelay: 100 * ms}}, "pa pa pa de", 100 * ms},
		"timeout":            {240 * ms, []RateRule{{Rate: 10, Burst: 2, Action: ActionDelay}}, "pa pa pa de", 100 * ms},
		"default timeout":    {0, []RateRule{{Rate: 100, Burst: 1, Action: ActionDelay}}, "pa pa pa pa", 30 * ms},
		"bytes":              {time.Second, []RateRule{{Bytes: 1000, BytesBurst: 10, Action: ActionDelay}}, "pa pa pa pa", 30 * ms},
		"longest counts":     {time.Second, []RateRule{{Rate: 10, Burst: 3, Action: ActionDelay}, {Rate: 10, Burst: 2, Action: ActionDelay}}, "pa pa pa pa", 200 * ms},
		"another one denies": {time.Second, []RateRule{{Rate: 10, Burst: 2, Action: ActionDelay}, {Rate: 10, Burst: 3}}, "pa pa pa de", 100 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for i := range tt.rules {
					tt.rules[i].At, tt.rules[i].By = hooks.AtPublish, hooks.FieldClient
				}
				_, set := delayed(t, tt.timeout, tt.rules...)
				start := time.Now()
				got := verdicts(set, hooks.AtPublish, alice(), "a", 10, 10, 10, 10)
				if took := time.Since(start); got != tt.want || took != tt.took {
					t.Errorf("got %q after %v, want %q after %v", got, took, tt.want, tt.took)
				}
				st := set.Stats()[0]
				if p := st.Points[hooks.AtPublish]; p.Late != 0 || p.Errors != [hooks.Kinds]uint64{} {
					t.Errorf("late %d, errors %v", p.Late, p.Errors)
				}
			})
		})
	}
}

// TestDelayShared: connections with one bucket are served in the order in which
// they asked, and others do not wait.
func TestDelayShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, set := delayed(t, 10*time.Second, RateRule{At: hooks.AtPublish, By: hooks.FieldUser, Rate: 10, Burst: 1, Action: ActionDelay})
		start := time.Now()
		took := make([]time.Duration, 4)
		var wg sync.WaitGroup
		for i := range took {
			client := &hooks.Client{ID: uint64(i), User: "u"}
			if i == 3 {
				client.User = "other"
			}
			wg.Go(func() {
				verdicts(set, hooks.AtPublish, client, "a", 1)
				took[i] = time.Since(start)
			})
			synctest.Wait()
		}
		wg.Wait()
		if want := []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 0}; !slices.Equal(took, want) {
			t.Errorf("got %v, want %v", took, want)
		}
	})
}

// TestDelayEnds: nobody waits on when the connection ends or the engine is closed,
// and a denial stays one.
func TestDelayEnds(t *testing.T) {
	t.Parallel()
	rule := RateRule{At: hooks.AtPublish, By: hooks.FieldUser, Rate: 1, Burst: 1, Action: ActionDelay, MaxDelay: 2 * time.Second}
	for name, end := range map[string]func(l *RateLimit, cancel func()) error{
		"connection": func(_ *RateLimit, cancel func()) error { cancel(); return nil },
		"engine":     func(l *RateLimit, _ func()) error { return l.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, set := delayed(t, time.Minute, rule)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				client := alice()
				calls := []*hooks.Call{message(client, "a", 1), message(client, "a", 1), message(client, "a", 1), message(client, "a", 1)}
				done := make(chan struct{})
				start := time.Now()
				go func() {
					defer close(done)
					set.Table("A").Do(ctx, new(hooks.Session), hooks.AtPublish, calls)
				}()
				synctest.Wait()
				if err := end(l, cancel); err != nil {
					t.Error(err)
				}
				<-done
				if took := time.Since(start); took != 0 {
					t.Errorf("it waited for %v", took)
				}
				kind := hooks.KindRuntime
				if name == "connection" {
					kind = hooks.KindCanceled
				}
				if n := set.Stats()[0].Points[hooks.AtPublish].Errors[kind]; n != 3 {
					t.Errorf("%d calls without an answer, want 3", n)
				}
				if o := calls[3].Outcome; o.Verdict != hooks.Deny ||
					o.Reason != "rules[0]: over 1 a second by user, for longer than max_delay or the hook's timeout" {
					t.Errorf("the last: got %+v", o)
				}
			})
		})
	}
}
