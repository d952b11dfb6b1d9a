package permission_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/server/config"
	"moonwire/server/permission"
)

var epoch = time.Unix(0, 0)

func TestReplies(t *testing.T) {
	t.Parallel()
	type step struct {
		at   time.Duration
		add  string
		use  string
		want bool
	}
	tests := []struct {
		name      string
		responses config.Responses
		steps     []step
		len       int
	}{
		{"twice, transcript 46", config.Responses{Max: 2}, []step{
			{use: "rep.1"},
			{add: "rep.1"},
			{use: "rep.1", want: true},
			{use: "rep.2"},
			{use: "rep.1", want: true},
			{use: "rep.1"},
		}, 0},
		{"defaults", config.Responses{}, []step{
			{add: "a"},
			{add: "b"},
			{use: "a", want: true},
			{use: "a"},
			{at: 2 * time.Minute, use: "b", want: true},
			{at: 2 * time.Minute, use: "b"},
		}, 0},
		{"too late", config.Responses{}, []step{
			{add: "a"},
			{at: 2*time.Minute + 1, use: "a"},
			{use: "a"},
		}, 0},
		{"without bounds", config.Responses{Max: -1, Expires: -1}, []step{
			{add: "a"},
			{use: "a", want: true},
			{at: 1e6 * time.Hour, add: "b"},
			{at: 1e6 * time.Hour, use: "a", want: true},
		}, 2},
		{"renewed", config.Responses{Max: 2, Expires: time.Second}, []step{
			{add: "a"},
			{use: "a", want: true},
			{at: time.Second, add: "a"},
			{at: 2 * time.Second, use: "a", want: true},
			{at: 2 * time.Second, use: "a", want: true},
			{at: 2 * time.Second, use: "a"},
		}, 0},
		{"expired ones are pruned", config.Responses{Expires: time.Second}, []step{
			{add: "a"},
			{add: "b"},
			{at: time.Second, add: "c"},
			{at: 2 * time.Second, add: "d"},
		}, 2},
		{"and by a use", config.Responses{Expires: time.Second}, []step{
			{add: "a"},
			{at: 2 * time.Second, use: "b"},
		}, 0},
		{"empty", config.Responses{}, []step{
			{add: ""},
			{use: ""},
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := permission.NewReplies(&tt.responses)
			for i, s := range tt.steps {
				if now := epoch.Add(s.at); s.use == "" {
					r.Add([]byte(s.add), now)
				} else if got := r.Use([]byte(s.use), now); got != s.want {
					t.Errorf("step %d: use of %q: got %v, want %v", i, s.use, got, s.want)
				}
			}
			if r.Len() != tt.len {
				t.Errorf("%d are left, want %d", r.Len(), tt.len)
			}
		})
	}
}

func TestNoReplies(t *testing.T) {
	t.Parallel()
	r := permission.NewReplies(nil)
	r.Add([]byte("a"), epoch)
	if r.Use([]byte("a"), epoch) || r.Len() != 0 {
		t.Error("answers are allowed without responses")
	}
}

// TestRepliesModel compares with a row that is searched from front to back.
func TestRepliesModel(t *testing.T) {
	t.Parallel()
	type entry struct {
		subj string
		at   time.Time
		left int
	}
	rapid.Check(t, func(t *rapid.T) {
		given := config.Responses{
			Max:     rapid.SampledFrom([]int{-1, 1, 2}).Draw(t, "max"),
			Expires: rapid.SampledFrom([]time.Duration{-1, 3, 10}).Draw(t, "expires"),
		}
		r := permission.NewReplies(&given)
		var model []entry
		now := epoch
		find := func(subj string) int {
			return slices.IndexFunc(model, func(e entry) bool { return e.subj == subj })
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				subj := drawRow(t, "reply", "a", "b")
				r.Add([]byte(subj), now)
				if i := find(subj); i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
				model = append(model, entry{subj, now, given.Max})
			},
			"use": func(t *rapid.T) {
				subj := drawRow(t, "subject", "a", "b")
				want := false
				if i := find(subj); i >= 0 {
					if want = given.Expires < 0 || now.Sub(model[i].at) <= given.Expires; want {
						model[i].left--
					}
					if !want || model[i].left == 0 {
						model = slices.Delete(model, i, i+1)
					}
				}
				if got := r.Use([]byte(subj), now); got != want {
					t.Fatalf("use of %q: got %v, want %v", subj, got, want)
				}
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "ns"))) },
			"": func(t *rapid.T) {
				if r.Len() > len(model) {
					t.Fatalf("%d replies, want %d at most", r.Len(), len(model))
				}
			},
		})
	})
}

// TestRepliesBound has more requests than are held, and long ones.
func TestRepliesBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		reply  func(i int) string
		before int // others, added first
		want   int
	}{
		{"number", func(i int) string { return fmt.Sprint("inbox.", i) }, 70_000, 65_536},
		{"bytes", func(i int) string { return fmt.Sprintf("%04096d", i) }, 2000, 1024},
		{"one alone", func(int) string { return strings.Repeat("x", 5<<20) }, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := permission.NewReplies(&config.Responses{})
			for i := range tt.before {
				r.Add([]byte(tt.reply(i)), epoch)
			}
			if r.Len() != tt.want {
				t.Fatalf("%d replies, want %d", r.Len(), tt.want)
			}
			for i := range tt.before {
				if got, want := r.Use([]byte(tt.reply(i)), epoch), i >= tt.before-tt.want; got != want {
					t.Fatalf("use of reply %d: got %v, want %v", i, got, want)
				}
			}
			r.Add([]byte("one more"), epoch)
			if !r.Use([]byte("one more"), epoch) || r.Len() != 0 {
				t.Error("after all were used, one more is not as the first")
			}
		})
	}
}

// TestRepliesConcurrent has each reply used once, whoever adds and uses it when.
func TestRepliesConcurrent(t *testing.T) {
	t.Parallel()
	const deliverers, each = 4, 2000
	r := permission.NewReplies(&config.Responses{})
	var used atomic.Int64
	var work sync.WaitGroup
	added := make(chan string, deliverers)
	for d := range deliverers {
		work.Go(func() {
			for i := range each {
				reply := fmt.Sprintf("r.%d.%d", d, i)
				r.Add([]byte(reply), epoch)
				added <- reply
			}
		})
	}
	var users sync.WaitGroup
	for range 2 {
		users.Go(func() {
			for reply := range added {
				for range 2 {
					if r.Use([]byte(reply), epoch) {
						used.Add(1)
					}
				}
				r.Len()
			}
		})
	}
	work.Wait()
	close(added)
	users.Wait()
	if used.Load() != deliverers*each || r.Len() != 0 {
		t.Errorf("%d uses and %d left, want %d and 0", used.Load(), r.Len(), deliverers*each)
	}
}

func TestRepliesNoAllocation(t *testing.T) {
	r := permission.NewReplies(&config.Responses{})
	replies := make([][]byte, 100)
	for i := range replies {
		replies[i] = fmt.Append(nil, "_INBOX.", i)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, reply := range replies {
			r.Add(reply, epoch)
		}
		for _, reply := range replies {
			r.Use(reply, epoch)
		}
	}); n > 0 {
		t.Errorf("%v allocations for %d requests", n, len(replies))
	}
}
