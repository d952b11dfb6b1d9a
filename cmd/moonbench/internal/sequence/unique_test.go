package sequence

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnique(t *testing.T) {
	t.Parallel()
	type arrival struct {
		member int
		seq    uint64
	}
	for _, tt := range []struct {
		name    string
		in      []arrival
		end     uint64
		group   Report
		members [2]Report
	}{
		{name: "dealt out", in: []arrival{{0, 0}, {1, 1}, {1, 2}, {0, 3}}, end: 4},
		{name: "members overtake each other", in: []arrival{{0, 2}, {1, 0}, {1, 1}}, end: 3},
		{name: "beyond the window", in: []arrival{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {0, 5}}, end: 6},
		{
			name: "to two members", in: []arrival{{0, 0}, {1, 0}, {0, 1}}, end: 2,
			group: Report{Duplicated: 1, First: "number 0 came twice"},
		},
		{
			name: "again after a whole window", in: []arrival{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 0}}, end: 5,
			group: Report{Duplicated: 1, First: "number 0 came twice"},
		},
		{
			name: "one missing", in: []arrival{{0, 0}, {1, 2}}, end: 3,
			group: Report{Lost: 1, First: "2 of 3 came"},
		},
		{
			name: "wrong order at one member", in: []arrival{{0, 1}, {0, 0}}, end: 2,
			members: [2]Report{{Reordered: 1, First: "number 0 after 1"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := NewUnique(4)
			members := [2]Member{u.Member(), u.Member()}
			for _, a := range tt.in {
				members[a.member].Accept(a.seq)
			}
			if diff := cmp.Diff(tt.group, u.Report(tt.end)); diff != "" {
				t.Errorf("group (-want +got):\n%s", diff)
			}
			for i := range members {
				if diff := cmp.Diff(tt.members[i], members[i].Report()); diff != "" {
					t.Errorf("member %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// Many members at once: exactly one of those that get the same number accepts
// it.
func TestUniqueConcurrent(t *testing.T) {
	t.Parallel()
	const members, n = 4, 1000
	u := NewUnique(n)
	accepted := make([]int, members)
	var wg sync.WaitGroup
	for i := range members {
		wg.Go(func() {
			m := u.Member()
			for seq := range uint64(n) {
				if m.Accept(seq) {
					accepted[i]++
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, k := range accepted {
		total += k
	}
	want := Report{Duplicated: (members - 1) * n}
	got := u.Report(n)
	got.First = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Report (-want +got):\n%s", diff)
	}
	if total != n {
		t.Errorf("accepted %d times, want %d", total, n)
	}
}
