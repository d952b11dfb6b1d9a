package interest

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// under delivers subjects below another.
type under struct{ prefix string }

// Append implements Renamer.
func (u under) Append(dst, subject []byte) []byte {
	return append(append(dst, u.prefix...), subject...)
}

// TestShadow: an entry names what a shadow stands for, with the frame that is
// right for it, in a fan-out as elsewhere.
func TestShadow(t *testing.T) {
	t.Parallel()
	x := New()
	var want []string
	for i := range 12 {
		s := &Sub{Subject: "other", Sid: "1", Target: &Target{Ordinal: uint32(i)}}
		prefix := ""
		switch i % 3 {
		case 0:
			s.Subject = "foo"
			x.Insert(s)
		case 1:
			x.Insert(s.Shadow("*", nil))
		case 2:
			prefix = fmt.Sprint("p", i%2, ".")
			x.Insert(s.Shadow("foo", under{prefix}))
		}
		want = append(want, fmt.Sprintf("%d %t HMSG %sfoo 1 ", i, i%3 > 0, prefix))
	}
	q := &Sub{Subject: "other", Queue: "q", Sid: "2", Target: &Target{Ordinal: 12}}
	shadow := q.Shadow("foo", under{"q."})
	x.Insert(shadow)
	want = append(want, "12 true HMSG q.foo 2 ")
	slices.Sort(want)
	var cold Entry
	for range 3 { // cold, entered, cached
		e := x.Lookup([]byte("foo"), &cold)
		var got []string
		note := func(m *Member) {
			if m.Sub.IsShadow() || !m.Shadow != (m.Sub.Subject == "foo") {
				t.Errorf("%q of %d is no subscription of a client", m.Sub.Subject, m.Target.Ordinal)
			}
			got = append(got, fmt.Sprintf("%d %t %s", m.Target.Ordinal, m.Shadow, e.Prefix(m)))
		}
		for _, r := range e.Runs {
			for i := r.From; i < r.To; i++ {
				note(&e.Fan[i])
				if a, b := e.Prefix(&e.Fan[r.From]), e.Prefix(&e.Fan[i]); string(a) != string(b) {
					t.Errorf("a run has %q and %q", a, b)
				}
			}
		}
		note(&e.Groups[0].Members[0])
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	}
	e := x.Lookup([]byte("foo"), &cold)
	x.Limit(shadow, true)
	if e.Valid() {
		t.Error("the entry is valid after a change of a shadow in it")
	}
	if e = x.Lookup([]byte("foo"), &cold); e.Groups[0].Members[0].Care != CareLimited {
		t.Error("a shadow that is limited needs no care")
	}
	if q.Shadow("foo", nil).limited.Load() {
		t.Error("a shadow is limited although its subscription is not")
	}
}

// TestAll: each subscription is visited once.
func TestAll(t *testing.T) {
	t.Parallel()
	x := New()
	want := map[*Sub]int{}
	for i, subject := range []string{"a", "a.b", "a.*", "a.>", ">", "*.b.c", "*"} {
		for _, queue := range []string{"", "", "q", "r"} {
			s := &Sub{Subject: subject, Queue: queue, Sid: fmt.Sprint(i), Target: new(Target)}
			x.Insert(s)
			want[s] = 1
		}
	}
	got := map[*Sub]int{}
	x.All(func(s *Sub) { got[s]++ })
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *Sub) bool { return a == b })); diff != "" {
		t.Errorf("visits (-want +got):\n%s", diff)
	}
}

// TestSize: what an idle subscription costs is a promise.
func TestSize(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(Sub{}); got > 96 {
		t.Errorf("a Sub takes %d bytes, want no more than 96", got)
	}
	if got := unsafe.Sizeof(Member{}); got > 32 {
		t.Errorf("a Member takes %d bytes, want no more than 32", got)
	}
}
