package interest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// naive is the matcher that the index is held against.
func naive(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	if slices.Contains(s, "") {
		return false
	}
	for i := range p {
		switch {
		case p[i] == ">" && i == len(p)-1:
			return len(s) > i
		case i >= len(s):
			return false
		case p[i] != "*" && p[i] != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

// result is an entry in a form that can be compared: sids in order, and how
// the frame of each begins.
func result(e *Entry) []string {
	list := []string{}
	for _, members := range [][]Member{e.Fan, e.Each} {
		for i := range members {
			list = append(list, fmt.Sprintf("%s %q", members[i].Sub.Sid, e.Prefix(&members[i])))
		}
	}
	for g := range e.Groups {
		for i := range e.Groups[g].Members {
			m := &e.Groups[g].Members[i]
			list = append(list, fmt.Sprintf("%s of %s %q", m.Sub.Sid, e.Groups[g].Queue, e.Prefix(m)))
		}
	}
	slices.Sort(list)
	return list
}

func expected(subs []*Sub, subject string) []string {
	list := []string{}
	for _, s := range subs {
		if !naive(s.Subject, subject) {
			continue
		}
		prefix := "HMSG " + subject + " " + s.Sid + " "
		if s.Queue != "" {
			list = append(list, fmt.Sprintf("%s of %s %q", s.Sid, s.Queue, prefix))
		} else {
			list = append(list, fmt.Sprintf("%s %q", s.Sid, prefix))
		}
	}
	slices.Sort(list)
	return list
}

// TestIndexModel changes an index at random and holds each lookup, which the
// cache may answer, against the naive matcher.
func TestIndexModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := New()
		var cold Entry
		var subs []*Sub
		targets := make([]*Target, 5)
		for i := range targets {
			targets[i] = &Target{Ordinal: uint32(i)}
		}
		tokens := rapid.SampledFrom([]string{"a", "b", "c", "*", "foo*"})
		pattern := rapid.Custom(func(t *rapid.T) string {
			p := strings.Join(rapid.SliceOfN(tokens, 1, 4).Draw(t, "tokens"), ".")
			if rapid.Bool().Draw(t, "open") {
				p += ".>"
			}
			return p
		})
		sid := 0
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				sid++
				s := &Sub{
					Subject: pattern.Draw(t, "pattern"),
					Queue:   rapid.SampledFrom([]string{"", "", "q", "r"}).Draw(t, "queue"),
					Sid:     fmt.Sprint(sid),
					Target:  rapid.SampledFrom(targets).Draw(t, "target"),
				}
				x.Insert(s)
				subs = append(subs, s)
			},
			"remove": func(t *rapid.T) {
				if len(subs) == 0 {
					return
				}
				i := rapid.IntRange(0, len(subs)-1).Draw(t, "which")
				if !x.Remove(subs[i]) {
					t.Fatalf("%s was not there", subs[i].Subject)
				}
				if x.Remove(subs[i]) {
					t.Fatalf("%s was there twice", subs[i].Subject)
				}
				subs = slices.Delete(subs, i, i+1)
			},
			"sweep": func(*rapid.T) { x.Sweep() },
			"": func(t *rapid.T) {
				for range 4 {
					subject := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "*", ">", "foo*", ""}), 1, 5).Draw(t, "subject"), ".")
					for range 3 { // cold, entered, cached
						if diff := cmp.Diff(expected(subs, subject), result(x.Lookup([]byte(subject), &cold))); diff != "" {
							t.Fatalf("lookup of %q (-want +got):\n%s", subject, diff)
						}
					}
				}
				if x.Len() != len(subs) {
					t.Fatalf("got length %d, want %d", x.Len(), len(subs))
				}
			},
		})
		x.RemoveAll(subs)
		if x.Len() != 0 || len(x.literals) != 0 || !x.wild.empty() {
			t.Fatalf("%d subscriptions, %d literals are left", x.Len(), len(x.literals))
		}
	})
}

// TestFan shows which members may be written a run at a time.
func TestFan(t *testing.T) {
	t.Parallel()
	target := func(i int) *Target { return &Target{Ordinal: uint32(i)} }
	noEcho, noHeaders, twice := target(1), target(2), target(3)
	noEcho.NoEcho, noHeaders.NoHeaders = true, true
	x := New()
	limited := &Sub{Subject: "foo", Sid: "lim", Target: target(9)}
	for _, s := range []*Sub{
		{Subject: "foo", Sid: "2", Target: target(4)},
		{Subject: "foo", Sid: "1", Target: target(5)},
		{Subject: "*", Sid: "1", Target: target(6)},
		{Subject: "foo", Sid: "1", Target: noEcho},
		{Subject: "foo", Sid: "1", Target: noHeaders},
		{Subject: "foo", Sid: "5", Target: twice},
		{Subject: "foo", Queue: "q", Sid: "6", Target: twice},
		limited,
	} {
		x.Insert(s)
	}
	x.Limit(limited, true)
	e := x.Lookup([]byte("foo"), new(Entry))
	var fan, each []string
	for i := range e.Fan {
		fan = append(fan, e.Fan[i].Sub.Sid)
	}
	for i := range e.Each {
		each = append(each, e.Each[i].Sub.Sid)
	}
	slices.Sort(each)
	if diff := cmp.Diff([]string{"1", "1", "1", "2"}, fan); diff != "" {
		t.Errorf("fan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Run{{0, 3}, {3, 4}}, e.Runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1", "5", "lim"}, each); diff != "" {
		t.Errorf("each (-want +got):\n%s", diff)
	}
	if !e.NoHeaders {
		t.Error("a member of the fan takes no headers, and the entry does not say so")
	}
	if !e.Valid() {
		t.Error("the entry is not valid")
	}
	x.Limit(limited, false)
	if e.Valid() {
		t.Error("the entry is valid after a change of one of its members")
	}
}

// TestLookupAllocates: neither a hit nor a first miss allocates.
func TestLookupAllocates(t *testing.T) {
	x := New()
	for i := range 100 {
		x.Insert(&Sub{Subject: "hot.*", Sid: fmt.Sprint(i), Target: &Target{Ordinal: uint32(i)}})
	}
	x.Insert(&Sub{Subject: "hot.q", Queue: "q", Sid: "1", Target: &Target{Ordinal: 100}})
	x.Insert(&Sub{Subject: "cold.>", Sid: "1", Target: &Target{Ordinal: 101}})
	var cold Entry
	hot := []byte("hot.q")
	for range 3 {
		x.Lookup(hot, &cold)
	}
	if n := testing.AllocsPerRun(100, func() { x.Lookup(hot, &cold) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
	subject := []byte("cold.000000000")
	i := 0
	n := testing.AllocsPerRun(1000, func() {
		i++
		for j, k := len(subject)-1, i; k > 0; j, k = j-1, k/10 {
			subject[j] = byte('0' + k%10)
		}
		x.Lookup(subject, &cold)
	})
	if n >= 1 {
		t.Errorf("a first miss allocates %v times", n)
	}
}

// TestCacheKeepsHot: a scan of subjects that are used once flushes nothing.
func TestCacheKeepsHot(t *testing.T) {
	t.Parallel()
	x := New()
	x.Insert(&Sub{Subject: ">", Sid: "1", Target: new(Target)})
	var cold Entry
	hot := make([]*Entry, 100)
	for round := range 2 {
		for i := range hot {
			e := x.Lookup(fmt.Appendf(nil, "hot.%d", i), &cold)
			if round > 0 {
				hot[i] = e
			}
		}
	}
	for i := range 20000 {
		x.Lookup(fmt.Appendf(nil, "cold.%d", i), &cold)
	}
	kept := 0
	for i := range hot {
		if x.Lookup(fmt.Appendf(nil, "hot.%d", i), &cold) == hot[i] {
			kept++
		}
	}
	if kept < 95 {
		t.Errorf("a scan of cold subjects left only %d of 100 hot ones", kept)
	}
}

// TestCacheGrows: a working set larger than the cache gets a larger cache, and
// no result from before survives the change.
func TestCacheGrows(t *testing.T) {
	t.Parallel()
	x := New()
	s := &Sub{Subject: ">", Sid: "1", Target: new(Target)}
	x.Insert(s)
	var cold Entry
	before := x.cache.Load()
	x.Lookup([]byte("a.0"), &cold)
	old := x.Lookup([]byte("a.0"), &cold)
	for range 6 {
		for i := range 8000 {
			x.Lookup(fmt.Appendf(nil, "a.%d", i), &cold)
		}
	}
	if len(x.cache.Load().buckets) <= len(before.buckets) {
		t.Fatalf("the cache still has %d buckets", len(before.buckets))
	}
	if old.Valid() {
		t.Error("an entry of the old cache is valid")
	}
	x.Remove(s)
	for i := range 8000 {
		if e := x.Lookup(fmt.Appendf(nil, "a.%d", i), &cold); !e.Empty() {
			t.Fatalf("a.%d still has members", i)
		}
	}
	x.Sweep()
	for i := range x.cache.Load().buckets {
		for j := range x.cache.Load().buckets[i].entries {
			if e := x.cache.Load().buckets[i].entries[j].Load(); e != nil && !e.Valid() {
				t.Fatal("an invalid entry was not swept")
			}
		}
	}
}

// TestIndexConcurrent changes the index from many goroutines while others look
// up: whoever inserted a subscription sees it in each lookup until it removed
// it, whatever the others do.
func TestIndexConcurrent(t *testing.T) {
	t.Parallel()
	x := New()
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			target := &Target{Ordinal: uint32(g)}
			var cold Entry
			patterns := []string{"a.b.c", "a.*.c", "a.>", "*.b.c", ">"}
			for i := range 3000 {
				s := &Sub{Subject: patterns[rng.IntN(len(patterns))], Sid: fmt.Sprint(i), Target: target}
				if rng.IntN(2) == 0 {
					s.Queue = "q"
				}
				x.Insert(s)
				for range 2 {
					if !contains(x.Lookup([]byte("a.b.c"), &cold), s) {
						t.Errorf("%q is in and was not found", s.Subject)
						return
					}
				}
				x.Remove(s)
				if contains(x.Lookup([]byte("a.b.c"), &cold), s) {
					t.Errorf("%q is out and was found", s.Subject)
					return
				}
			}
		}()
	}
	wg.Wait()
	if x.Len() != 0 {
		t.Errorf("%d subscriptions are left", x.Len())
	}
}

func contains(e *Entry, s *Sub) bool {
	is := func(m Member) bool { return m.Sub == s }
	if slices.ContainsFunc(e.Fan, is) || slices.ContainsFunc(e.Each, is) {
		return true
	}
	for _, g := range e.Groups {
		if slices.ContainsFunc(g.Members, is) {
			return true
		}
	}
	return false
}

func TestOrdinals(t *testing.T) {
	t.Parallel()
	var o Ordinals
	a, b := o.Take(), o.Take()
	if a == b {
		t.Fatalf("%d was taken twice", a)
	}
	o.Give(a)
	if c := o.Take(); c != a {
		t.Errorf("got %d, want %d again", c, a)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		x := New()
		subjects := make([][]byte, n)
		for i := range n {
			subjects[i] = fmt.Appendf(nil, "sensors.%d.temperature", i)
			x.Insert(&Sub{Subject: string(subjects[i]), Sid: "1", Target: &Target{Ordinal: uint32(i)}})
		}
		var cold Entry
		b.Run(fmt.Sprintf("hot of %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Lookup(subjects[0], &cold)
			}
		})
		b.Run(fmt.Sprintf("all of %d in turn", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				x.Lookup(subjects[i], &cold)
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}
