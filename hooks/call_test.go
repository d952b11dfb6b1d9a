package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestNoAllocations holds the claims of the benchmarks: no hook but those that
// allocate themselves makes garbage.
func TestNoAllocations(t *testing.T) {
	r := Registration{Point: AtPublish, Subjects: []string{"a.*", "b"}}
	tables := map[string]*Table{
		"one hook": must(t, Options{}, Hook{Name: "h", Engine: at(r, verdict(Allow))}).Table("A"),
		"three": must(t, Options{},
			Hook{Name: "a", Engine: at(r, verdict(Allow))}, Hook{Name: "b", Engine: at(r, verdict(Pass))},
			Hook{Name: "c", Engine: at(r, verdict(Deny))}).Table("A"),
		"cached": must(t, Options{}, cachedHook()).Table("A"),
	}
	for name, table := range tables {
		s := new(Session)
		subj, other := []byte("a.b"), []byte("c.d")
		calls := make([]*Call, 16)
		run := func() {
			for i := range calls {
				c := NewCall()
				c.Client, c.Subject = alice, subj
				if i%2 == 0 {
					c.Subject = other
				}
				table.Wanted(s, AtPublish, c.Subject)
				calls[i] = c
			}
			table.Do(t.Context(), s, AtPublish, calls)
			for _, c := range calls {
				c.Done()
			}
		}
		run()
		// The pool may be emptied once in a while.
		if n := testing.AllocsPerRun(200, run); n >= 1 && !race {
			t.Errorf("%s: %v allocations for a batch", name, n)
		}
	}
}

// TestCopy: copies stay what they are when more are made, and are never nil.
func TestCopy(t *testing.T) {
	t.Parallel()
	c := NewCall()
	defer c.Done()
	if c.Copy(nil) == nil {
		t.Error("the copy of nothing is nil")
	}
	var copies [][]byte
	for i := range 100 {
		b := fmt.Appendf(nil, "value %d", i)
		copies = append(copies, c.Copy(b))
		clear(b)
	}
	for i, b := range copies {
		_ = append(b, "overwrites"...)
		if want := fmt.Sprintf("value %d", i); string(b) != want {
			t.Errorf("got %q, want %q", b, want)
		}
	}
}

// TestDone: a call that is given back, or a session between batches, holds
// nothing large and no other call.
func TestDone(t *testing.T) {
	t.Parallel()
	c := &Call{Client: alice, Subject: []byte("a")}
	c.Copy(make([]byte, 1000))
	c.reset()
	if c.Client != nil || len(c.buf) != 0 || cap(c.buf) < 1000 {
		t.Errorf("a small call keeps %+v", c)
	}
	c = new(Call)
	c.Copy(make([]byte, mostKept+1))
	c.reset()
	if cap(c.buf) != 0 {
		t.Errorf("a large call keeps %d bytes", cap(c.buf))
	}

	r := Registration{Point: AtPublish, Subjects: []string{"a"}}
	set := must(t, Options{}, Hook{Name: "all", Engine: on(AtPublish, verdict(Pass))}, Hook{Name: "a", Engine: at(r, verdict(Pass))})
	var s Session
	set.Table("A").Do(t.Context(), &s, AtPublish, []*Call{
		{Client: alice, Subject: []byte("a")}, {Client: alice, Subject: []byte("b")}, {Client: alice, Subject: []byte("b")},
	})
	for i, c := range s.batch[:cap(s.batch)] {
		if c != nil {
			t.Errorf("the session holds call %d", i)
		}
	}
}

// TestExtensions: each key has its newest value, whoever sets it.
func TestExtensions(t *testing.T) {
	t.Parallel()
	c := new(Client)
	if c.Extension("a") != nil {
		t.Error("a client begins with something")
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 100 {
				c.Extend(i, n)
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		if got := c.Extension(i); got != 99 {
			t.Errorf("key %d: got %v", i, got)
		}
	}
	c.Extend(3, nil)
	if got := c.Extension(3); got != nil || len(*c.ext.Load()) != 7 {
		t.Errorf("after it was taken away: %v, %d left", got, len(*c.ext.Load()))
	}
}

// TestSecretsDoNotPrint: whatever prints a ConnectInfo prints its user alone.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	i := ConnectInfo{User: "alice", Password: "hunter2", Token: "hunter2", JWT: "hunter2", Signature: "hunter2", Nonce: "hunter2"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{i, &i, struct{ C *ConnectInfo }{&i}, []ConnectInfo{i}} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
	if s := fmt.Sprint(&i); !strings.Contains(s, "alice") {
		t.Errorf("got %s, want the user", s)
	}
}

// TestNames: what is written in configuration is read back.
func TestNames(t *testing.T) {
	t.Parallel()
	for p := range Point(numPoints) {
		if got, err := ParsePoint(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	for m := range Mode(numModes) {
		if got, err := ParseMode(m.String()); got != m || err != nil {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	for o := OnErrorDeny; o < numOnErrors; o++ {
		if got, err := ParseOnError(o.String()); got != o || err != nil {
			t.Errorf("%v: %v, %v", o, got, err)
		}
	}
	for _, err := range []error{
		second(ParsePoint("Connect")), second(ParseMode("")), second(ParseOnError("default")),
		second(ParseFields([]string{"user", "passwd"})), second(ParseFields([]string{"tags."})),
	} {
		if err == nil || !strings.Contains(err.Error(), "want one of") {
			t.Errorf("got %v, want what it may be", err)
		}
	}
	f, err := ParseFields([]string{"user", "tags.role", "header.X-A", "subject"})
	want := Fields{FieldUser | FieldSubject, []string{"role"}, []string{"X-A"}}
	if diff := cmp.Diff(want, f); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if got := (FieldUser | FieldPayload).String(); got != "user,payload" {
		t.Errorf("got %q", got)
	}
	for want, got := range map[string]fmt.Stringer{
		"half_open": BreakerHalfOpen, "rolled_back": ReloadRolledBack, "bad_reply": KindBadReply, "replace": Replace,
	} {
		if got.String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if got := Kind(99).String(); got != "unknown(99)" {
		t.Errorf("got %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

// TestContext: an engine gets the time that the hook has, and no more than the
// connection has.
func TestContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	var kept context.Context
	set := must(t, Options{}, Hook{Name: "h", Timeout: PerPoint[time.Duration]{}.All(time.Hour), Engine: &fake{
		regs: []Registration{{Point: AtPublish}},
		do: func(ctx context.Context, _ int, _ []*Call) error {
			derived, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			kept = derived
			at, ok := ctx.Deadline()
			if left := time.Until(at); !ok || left > time.Hour || left < 59*time.Minute {
				t.Errorf("%v left", left)
			}
			if ctx.Err() != nil || ctx.Value(key{}) != "v" {
				t.Errorf("err %v, value %v", ctx.Err(), ctx.Value(key{}))
			}
			return nil
		},
	}})
	var s Session
	ctx := context.WithValue(context.Background(), key{}, "v")
	for range 3 {
		set.Table("A").Do(ctx, &s, AtPublish, []*Call{{Client: alice, Subject: []byte("a")}})
		<-kept.Done() // what was derived from it ends with the call
	}

	set = must(t, Options{}, Hook{Name: "h", Engine: &fake{
		regs: []Registration{{Point: AtPublish}},
		do:   func(ctx context.Context, _ int, _ []*Call) error { kept = ctx; return nil },
	}})
	set.Table("A").Do(ctx, &s, AtPublish, []*Call{{Client: alice, Subject: []byte("a")}})
	if kept.Err() == nil || kept.Value(key{}) != nil {
		t.Error("a context that is kept says that the call goes on")
	}

	set = must(t, Options{}, Hook{Name: "h", Engine: &fake{
		regs: []Registration{{Point: AtPublish}},
		do: func(ctx context.Context, _ int, _ []*Call) error {
			if at, _ := ctx.Deadline(); !at.Equal(time.Unix(1, 0)) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("deadline %v, err %v", at, ctx.Err())
			}
			return ctx.Err()
		},
	}})
	ctx, cancel := context.WithDeadline(ctx, time.Unix(1, 0))
	defer cancel()
	set.Table("A").Do(ctx, &s, AtPublish, []*Call{{Client: alice, Subject: []byte("a")}})
	if n := set.Stats()[0].Points[AtPublish].Errors[KindTimeout]; n != 1 {
		t.Errorf("%d timeouts, want 1", n)
	}
}

// TestBeyond: what a hook looks at is known to whoever stands beside it, but for
// what its policy names.
func TestBeyond(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		policy *CachePolicy
		want   Field
	}{
		{"no policy", nil, 0},
		{"a policy", &CachePolicy{By: Fields{Set: FieldUser, Tags: []string{"a"}}, TTL: 1}, FieldSize | FieldHeaders},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got Field
			e := at(Registration{Point: AtPublish, Cache: tt.policy}, func(c *Call) {
				c.Saw(FieldUser | FieldSize)
				c.SawTag("a")
				c.SawHeader("X")
				got = c.Beyond()
			})
			one(must(t, Options{}, Hook{Name: "h", Engine: e}).Table("A"), AtPublish, "s")
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
