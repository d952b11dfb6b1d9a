//go:build linux

package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/cmd/moonbench/internal/scenario"
)

// readable writes a stamp's bytes readably.
func readable(b []byte) string {
	return strings.NewReplacer("\x00", "0", "\x01", "1", "\x02", "2", "\x03", "3", "\x04", "4", "\x05", "5").Replace(string(b))
}

func TestBlockFill(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spec  blockSpec
		first uint64
		n     int
		want  string
	}{
		{
			name: "from the beginning", spec: blockSpec{publisher: 1, base: "a", payload: 16, count: 3}, n: 2,
			want: "PUB a 16\r\n000000001000the \r\nPUB a 16\r\n100000001000the \r\n",
		},
		{
			name: "from the middle", spec: blockSpec{base: "a", payload: 12, count: 3}, first: 4, n: 2,
			want: "PUB a 12\r\n400000000000\r\nPUB a 12\r\n500000000000\r\n",
		},
		{
			name: "subjects that stay", spec: blockSpec{base: "a", subjects: 2, payload: 12, count: 2}, n: 2, first: 4,
			want: "PUB a.0000000 12\r\n400000000000\r\nPUB a.0000001 12\r\n500000000000\r\n",
		},
		{
			name: "subjects that change", spec: blockSpec{base: "a", subjects: 3, payload: 12, count: 2}, n: 2, first: 4,
			want: "PUB a.0000001 12\r\n400000000000\r\nPUB a.0000002 12\r\n500000000000\r\n",
		},
		{
			name: "a PING behind a full block", spec: blockSpec{base: "a", payload: 12, count: 2, ping: true}, n: 1, first: 3,
			want: "PUB a 12\r\n300000000000\r\nPING\r\n",
		},
		{
			name: "no PING behind a part", spec: blockSpec{base: "a", payload: 12, count: 2, ping: true}, n: 1, first: 2,
			want: "PUB a 12\r\n200000000000\r\n",
		},
		{
			name: "header", spec: blockSpec{base: "a", header: 32, payload: 12, count: 1}, n: 1, first: 5,
			want: "HPUB a 32 44\r\nNATS/1.0\r\nBench-Pad: xxxxxxx\r\n\r\n500000000000\r\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBlock(tt.spec)
			b.fill(tt.first+7*uint64(b.count), 1) // what an earlier use has left must not matter
			got := readable(b.fill(tt.first, tt.n))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplyTokensDiffer(t *testing.T) {
	t.Parallel()
	b := newBlock(blockSpec{base: "svc", inbox: "_INBOX.x.", payload: 12, count: 8})
	seen := make(map[string]bool)
	const n = 1 << 12
	for first := uint64(0); first < n; first += 8 {
		for line := range strings.SplitSeq(string(b.fill(first, 8)), "PUB svc ") {
			if reply, _, ok := strings.Cut(line, " "); ok {
				seen[reply] = true
			}
		}
	}
	if len(seen) != n {
		t.Errorf("%d requests have %d different reply subjects", n, len(seen))
	}
}

func TestHeaderBlock(t *testing.T) {
	t.Parallel()
	if got := headerBlock(0); got != nil {
		t.Errorf("headerBlock(0) = %q", got)
	}
	for _, n := range []int{scenario.MinHeader, 72, 500} {
		b := string(headerBlock(n))
		if len(b) != n || !strings.HasPrefix(b, "NATS/1.0\r\nBench-Pad: ") || !strings.HasSuffix(b, "\r\n\r\n") {
			t.Errorf("headerBlock(%d) has %d B: %q", n, len(b), b)
		}
	}
}

func TestMessageSizeIsThatOfABlock(t *testing.T) {
	t.Parallel()
	for _, s := range scenario.Table() {
		if s.Kind != scenario.Publish {
			continue
		}
		b := newBlock(blockSpec{
			base: baseSubject(&s, 3), subjects: s.Subjects, header: s.Header, payload: s.Payload, count: 2,
		})
		if got, want := messageSize(&s), b.size; got != want {
			t.Errorf("%s: messageSize is %d, a message has %d B", s.Name, got, want)
		}
		if len(b.buf) != 2*b.size {
			t.Errorf("%s: two messages of %d B take %d B", s.Name, b.size, len(b.buf))
		}
	}
}

func TestFillDoesNotAllocate(t *testing.T) {
	for _, subjects := range []int{1, 7} {
		t.Run(fmt.Sprint(subjects), func(t *testing.T) {
			b := newBlock(blockSpec{base: "a", subjects: subjects, payload: 128, count: 100})
			next := uint64(0)
			if n := testing.AllocsPerRun(100, func() { b.fill(next, 100); next += 100 }); n != 0 {
				t.Errorf("fill allocates %v times", n)
			}
		})
	}
}
