package sequence

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrdered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		first, stride uint64
		in            []uint64
		end           uint64
		want          Report
		text          string
	}{
		{
			name: "all in order", stride: 1, in: []uint64{0, 1, 2}, end: 3,
			text: "complete and in order",
		},
		{
			name: "every third", first: 1, stride: 3, in: []uint64{1, 4, 7}, end: 9,
			text: "complete and in order",
		},
		{
			name: "nothing published, nothing came", first: 2, stride: 3, end: 2,
			text: "complete and in order",
		},
		{
			name: "gap", stride: 1, in: []uint64{0, 1, 4, 5}, end: 6,
			want: Report{Lost: 2, First: "number 4 where 2 was due"},
			text: "2 lost (first: number 4 where 2 was due)",
		},
		{
			name: "gap in a share", first: 1, stride: 3, in: []uint64{1, 7}, end: 9,
			want: Report{Lost: 1, First: "number 7 where 4 was due"},
			text: "1 lost (first: number 7 where 4 was due)",
		},
		{
			name: "end missing", stride: 1, in: []uint64{0, 1}, end: 5,
			want: Report{Lost: 3, First: "nothing came from number 2 on"},
			text: "3 lost (first: nothing came from number 2 on)",
		},
		{
			name: "end missing in a share", first: 1, stride: 3, in: []uint64{1}, end: 8,
			want: Report{Lost: 2, First: "nothing came from number 4 on"},
			text: "2 lost (first: nothing came from number 4 on)",
		},
		{
			name: "twice", stride: 1, in: []uint64{0, 1, 1, 2}, end: 3,
			want: Report{Duplicated: 1, First: "number 1 where 2 was due"},
			text: "1 duplicated (first: number 1 where 2 was due)",
		},
		{
			name: "swapped", stride: 1, in: []uint64{0, 2, 1, 3}, end: 4,
			want: Report{Reordered: 1, First: "number 2 where 1 was due"},
			text: "1 out of order (first: number 2 where 1 was due)",
		},
		{
			name: "late and then again", stride: 1, in: []uint64{1, 0, 0}, end: 2,
			want: Report{Reordered: 1, Duplicated: 1, First: "number 1 where 0 was due"},
			text: "1 duplicated, 1 out of order (first: number 1 where 0 was due)",
		},
		{
			name: "somebody else's", first: 1, stride: 3, in: []uint64{1, 5, 4}, end: 6,
			want: Report{Foreign: 1, First: "number 5 where 4 was due"},
			text: "1 foreign (first: number 5 where 4 was due)",
		},
		{
			name: "below the first", first: 1, stride: 3, in: []uint64{0, 1}, end: 3,
			want: Report{Foreign: 1, First: "number 0 where 1 was due"},
			text: "1 foreign (first: number 0 where 1 was due)",
		},
		{
			name: "more missing than it remembers", stride: 1, in: []uint64{maxMissing + 10}, end: maxMissing + 11,
			want: Report{Lost: maxMissing + 10, First: "number 65546 where 0 was due"},
			text: "65546 lost (first: number 65546 where 0 was due)",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := NewOrdered(tt.first, tt.stride)
			for _, seq := range tt.in {
				due := o.Next()
				if got, want := o.Accept(seq), seq == due; got != want {
					t.Errorf("Accept(%d) = %v, want %v", seq, got, want)
				}
			}
			got := o.Report(tt.end)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Report (-want +got):\n%s", diff)
			}
			if got.OK() != (tt.want == Report{}) {
				t.Errorf("OK() = %v", got.OK())
			}
			if got.String() != tt.text {
				t.Errorf("String() = %q, want %q", got.String(), tt.text)
			}
		})
	}
}

func TestOrderedAcceptDoesNotAllocate(t *testing.T) {
	o := NewOrdered(0, 1)
	if n := testing.AllocsPerRun(1000, func() { o.Accept(o.Next()) }); n != 0 {
		t.Errorf("Accept allocates %v times", n)
	}
}
