package profile

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stack is one sample: functions from the leaf to the root. One with a "+" in
// front was inlined into the next.
type stack struct {
	ns    int64
	calls []string
}

// made returns a profile of the stacks in pprof's format.
func made(t *testing.T, stacks ...stack) []byte {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	for _, s := range stacks {
		sample := &profile.Sample{Value: []int64{1, s.ns}}
		inlined := false
		for _, name := range s.calls {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: strings.TrimPrefix(name, "+")}
			p.Function = append(p.Function, f)
			if !inlined {
				l := &profile.Location{ID: uint64(len(p.Location) + 1)}
				p.Location, sample.Location = append(p.Location, l), append(sample.Location, l)
			}
			l := p.Location[len(p.Location)-1]
			l.Line = append(l.Line, profile.Line{Function: f})
			inlined = strings.HasPrefix(name, "+")
		}
		p.Sample = append(p.Sample, sample)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSortOneStack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		calls []string
		want  string
	}{
		{name: "write", calls: []string{"internal/runtime/syscall.Syscall6", "syscall.RawSyscall6", "syscall.Syscall", "syscall.write", "syscall.Write", "moonwire/server/conn.(*raw).write"}, want: KernelWrite},
		{name: "writev", calls: []string{"syscall.Syscall", "internal/poll.writev", "internal/poll.(*FD).Writev", "net.(*netFD).writeBuffers"}, want: KernelWrite},
		{name: "read", calls: []string{"syscall.Syscall", "syscall.read", "moonwire/server/conn.(*raw).read", "internal/poll.(*FD).RawRead"}, want: KernelRead},
		{name: "write past the scheduler", calls: []string{"internal/runtime/syscall.Syscall6", "syscall.RawSyscall", "+moonwire/server/conn.writeNow", "moonwire/server/conn.(*raw).try"}, want: KernelWrite},
		{name: "read past the scheduler", calls: []string{"internal/runtime/syscall.Syscall6", "syscall.RawSyscall", "moonwire/server/conn.readNow", "moonwire/server/conn.(*raw).read"}, want: KernelRead},
		{name: "epoll", calls: []string{"internal/runtime/syscall.EpollWait", "runtime.netpoll", "runtime.findRunnable", "runtime.schedule"}, want: KernelWait},
		{name: "futex", calls: []string{"runtime.futex", "runtime.futexsleep", "runtime.stopm"}, want: KernelWait},
		{name: "around a system call", calls: []string{"runtime.exitsyscall", "syscall.Syscall", "syscall.write"}, want: Scheduler},
		{name: "waking", calls: []string{"runtime.ready", "runtime.goready.func1", "runtime.systemstack", "runtime.goready"}, want: Scheduler},
		{name: "stopping for the collector", calls: []string{"runtime.gcstopm", "runtime.schedule"}, want: Scheduler},
		{name: "allocation", calls: []string{"runtime.mallocgcSmallNoscan", "runtime.newobject", "moonwire/server/conn.New"}, want: Memory},
		{name: "collection", calls: []string{"runtime.scanobject", "runtime.gcDrain", "runtime.gcBgMarkWorker"}, want: Memory},
		{name: "growing", calls: []string{"runtime.memmove", "runtime.growslice", "moonwire/server/delivery.(*Out).Append"}, want: Memory},
		{name: "copying for a room", calls: []string{"runtime.memmove", "moonwire/server/delivery.(*Out).Append", "moonwire/server/conn.(*Client).publish"}, want: Staging},
		{name: "copying for nobody", calls: []string{"runtime.memmove", "main.main"}, want: Copying},
		{name: "clearing for nobody", calls: []string{"runtime.memclrNoHeapPointers", "main.main"}, want: Memory},
		{name: "parse", calls: []string{"internal/bytealg.IndexByteBody", "bytes.IndexByte", "moonwire/server/wire.(*Parser).Next", "moonwire/server/conn.(*Client).Serve"}, want: Parse},
		{name: "lookup", calls: []string{"aeshashbody", "moonwire/server/interest.(*Index).Match", "moonwire/server/conn.x"}, want: Lookup},
		{name: "inlined", calls: []string{"+sync/atomic.(*Int64).Add", "+moonwire/server/delivery.count", "moonwire/server/conn.x"}, want: Staging},
		{name: "connection", calls: []string{"moonwire/server/conn.(*Client).Serve", "moonwire/server.(*Server).accept.func1"}, want: Connection},
		{name: "a package with a longer name", calls: []string{"moonwire/server/wirely.F", "main.main"}, want: Other},
		{name: "clock", calls: []string{"runtime.nanotime1", "runtime.nanotime", "time.Now", "moonwire/server/conn.x"}, want: Clock},
		{name: "nothing known", calls: []string{"main.f", "main.main"}, want: Other},
		{name: "no stack", want: Other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shares, err := Sort(made(t, stack{ns: 10, calls: tt.calls}))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range shares {
				if want := s.Room == tt.want; (s.Percent == 100) != want || !want && s.Percent != 0 {
					t.Errorf("%s: %v %%, want all in %s", s.Room, s.Percent, tt.want)
				}
			}
		})
	}
}

func TestSort(t *testing.T) {
	t.Parallel()
	got, err := Sort(made(t,
		stack{ns: 70, calls: []string{"syscall.write"}}, stack{ns: 20, calls: []string{"moonwire/server/wire.F"}}, stack{ns: 10, calls: []string{"x.y"}}))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]Share, 0, len(Rooms()))
	for _, r := range Rooms() {
		want = append(want, Share{Room: r, Percent: map[string]float64{KernelWrite: 70, Parse: 20, Other: 10}[r]})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Sort(made(t)); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: got %v, want %v", err, ErrEmpty)
	}
	if _, err := Sort([]byte("nonsense")); err == nil {
		t.Error("no error for what is no profile")
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	p, err := profile.ParseData(made(t, stack{ns: 10, calls: []string{"main.main"}}))
	if err != nil {
		t.Fatal(err)
	}
	p.Mapping = []*profile.Mapping{{ID: 1, File: "/home/bob/bin/moonwire"}}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	data, err := Strip(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	if got.Mapping[0].File != "moonwire" || got.Sample[0].Value[1] != 10 {
		t.Errorf("got %s", got)
	}
	if _, err := Strip([]byte("nonsense")); err == nil {
		t.Error("no error for what is no profile")
	}
}

// Each line of the table can be reached, and leads to a room that is shown.
func TestEntries(t *testing.T) {
	t.Parallel()
	table, rooms := entries(), make(map[string]bool)
	for _, r := range Rooms() {
		rooms[r] = true
	}
	seen := make(map[string]bool)
	for _, e := range table {
		if e.prefix == "" || seen[e.prefix] || !rooms[e.room] {
			t.Errorf("%+v: empty, twice, or without a room", e)
		}
		seen[e.prefix] = true
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/debug/pprof/profile?seconds=2" {
			http.Error(w, "no such profile: "+r.URL.String(), http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("profile"))
	}))
	defer s.Close()
	addr := strings.TrimPrefix(s.URL, "http://")
	if got, err := Fetch(t.Context(), addr, 1500*time.Millisecond); err != nil || string(got) != "profile" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Fetch(t.Context(), addr, 0); err == nil || !strings.Contains(err.Error(), "404 Not Found: no such profile: /debug/pprof/profile?seconds=1") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, addr, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
