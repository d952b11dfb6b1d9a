package plugins

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"moonwire/hooks"
	hookv1 "moonwire/plugins/api/v1"
)

// asker is a connection of a benchmark: it asks about a batch of calls.
type asker struct {
	session hooks.Session
	calls   []*hooks.Call
}

func newAsker(i, batch int, subject string, payload []byte) *asker {
	a := &asker{}
	c := &hooks.Client{ID: uint64(i + 1), User: fmt.Sprint("u", i), Account: "A", Host: "10.0.0.1", Kind: "STANDARD"}
	for range batch {
		q := hooks.NewCall()
		q.Client, q.Subject, q.Payload, q.Size, q.MaxPayload = c, []byte(subject), payload, len(payload), 1<<20
		a.calls = append(a.calls, q)
	}
	return a
}

// measure has callers ask b.N times in all, and reports rate, latencies and what
// both processes spent.
func measure(b *testing.B, p *Plugin, callers, batch int, subject string, payload []byte, ask func(*asker) error) {
	b.Helper()
	askers := make([]*asker, callers)
	for i := range askers {
		askers[i] = newAsker(i, batch, subject, payload)
		if err := ask(askers[i]); err != nil {
			b.Fatal(err)
		}
	}
	var n atomic.Int64
	took := make([][]time.Duration, callers)
	pid := p.now.Load().process.program.pid()
	spent := spentBy(b, pid)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, a := range askers {
		wg.Go(func() {
			for n.Add(1) <= int64(b.N) {
				start := time.Now()
				if err := ask(a); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	report(b, b.N*batch, spentBy(b, pid)-spent, slices.Concat(took...))
}

// report reports the rate of calls, what they cost, and how long batches of them
// took.
func report(b *testing.B, calls int, spent time.Duration, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(calls)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(calls), "cpu-us/call")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-us")
}

// spentBy returns the processor time of this process and a plugin's, 0 where there
// is no /proc.
func spentBy(b *testing.B, plugin int) (d time.Duration) {
	b.Helper()
	for _, pid := range []int{os.Getpid(), plugin} {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return 0
		}
		f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		for _, v := range f[11:13] {
			ticks, _ := strconv.Atoi(string(v))
			d += time.Duration(ticks) * (time.Second / 100)
		}
	}
	return d
}

// BenchmarkYardstick says how fast the machine is: one question after the other goes
// to a process over a stream without TLS and comes back, and neither the broker nor
// the SDK is in between.
func BenchmarkYardstick(b *testing.B) {
	o := options(b, zapcore.NewNopCore(), func(o *Options) { o.NoMTLS, o.Env = true, map[string]string{enemyKey: "none"} })
	p, err := Start(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer func() {
		cancel()
		if err := p.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	s, err := p.Hook().Stream(ctx)
	if err != nil {
		b.Fatal(err)
	}
	frame := &hookv1.Batch{Requests: []*hookv1.Request{{Id: 1, Point: hookv1.Point_POINT_PUBLISH, Subject: []byte("p.x")}}}
	var took []time.Duration
	spent := spentBy(b, p.process.program.pid())
	for b.Loop() {
		start := time.Now()
		if err := s.Send(frame); err != nil {
			b.Fatal(err)
		}
		if in, err := s.Recv(); err != nil || len(in.GetReplies()) != 1 {
			b.Fatal(in, err)
		}
		took = append(took, time.Since(start))
	}
	report(b, len(took), spentBy(b, p.process.program.pid())-spent, took)
}

// BenchmarkDo is single questions of many connections.
func BenchmarkDo(b *testing.B) { benchmarkDo(b, nil) }

// BenchmarkDoAllProcessors is the same for a plugin that uses all processors, where
// one by the SDK uses half of them.
func BenchmarkDoAllProcessors(b *testing.B) {
	benchmarkDo(b, func(o *Options) { o.Env = map[string]string{"GOMAXPROCS": strconv.Itoa(runtime.NumCPU())} })
}

func benchmarkDo(b *testing.B, change func(*Options)) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			p, _ := open(b, change, nil)
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			measure(b, p, callers, 1, "p.x", nil, func(a *asker) error {
				a.calls[0].Out = hooks.Result{}
				if err := p.Do(ctx, atPublish, a.calls); err != nil {
					return err
				}
				if v := a.calls[0].Out.Verdict; v != hooks.Allow {
					return fmt.Errorf("the verdict is %v", v)
				}
				return nil
			})
		})
	}
}

// BenchmarkInspect is one connection that publishes much: its read buffer at a
// time.
func BenchmarkInspect(b *testing.B) {
	p, _ := open(b, nil, nil)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	measure(b, p, 1, 256, "i.x", make([]byte, 128), func(a *asker) error {
		for _, c := range a.calls {
			c.Client.User = "plain"
			c.Out = hooks.Result{}
		}
		return p.Do(ctx, atInspect, a.calls)
	})
}

// BenchmarkTable is the same as the broker does it: by a table, with the timeouts
// of a connection.
func BenchmarkTable(b *testing.B) {
	for _, tt := range []struct {
		callers, batch int
		point          hooks.Point
		subject        string
	}{{8, 1, hooks.AtPublish, "p.x"}, {64, 1, hooks.AtPublish, "p.x"}, {1, 256, hooks.AtInspect, "i.x"}} {
		b.Run(fmt.Sprintf("%v/callers=%d/batch=%d", tt.point, tt.callers, tt.batch), func(b *testing.B) {
			p, _ := open(b, nil, nil)
			m := hooks.NewManager(hooks.ManagerOptions{Probation: -1})
			defer func() { _ = m.Close(context.Background()) }()
			err := m.Load(b.Context(), []hooks.Spec{{
				Hook: hooks.Hook{Name: "policy", Timeout: hooks.PerPoint[time.Duration]{}.All(10 * time.Second)},
				Open: func(context.Context, hooks.Engine) (hooks.Engine, error) { return p, nil },
			}})
			if err != nil {
				b.Fatal(err)
			}
			table := m.Table("A")
			var payload []byte
			if tt.point == hooks.AtInspect {
				payload = make([]byte, 128)
			}
			measure(b, p, tt.callers, tt.batch, tt.subject, payload, func(a *asker) error {
				for _, c := range a.calls {
					c.Client.User = "plain"
				}
				table.Do(b.Context(), &a.session, tt.point, a.calls)
				for _, c := range a.calls {
					if c.Outcome.Verdict.Refuses() {
						return fmt.Errorf("refused: %+v", c.Outcome)
					}
				}
				return nil
			})
		})
	}
}
