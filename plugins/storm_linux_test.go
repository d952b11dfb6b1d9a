package plugins

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"moonwire/hooks"
)

// killsKey is a variable of the environment: how often TestKilled kills; see the
// target `kills` of the Makefile.
const killsKey = "MOONWIRE_KILLS"

// storm is connections that ask all the time while somebody is at their plugin.
type storm struct {
	t       *testing.T
	f       *front
	table   *hooks.Table
	askers  sync.WaitGroup
	over    atomic.Bool
	rounds  [16]atomic.Uint64 // of each asker
	decided atomic.Uint64     // by the plugin

	connected, published, failed atomic.Uint64
	slowest                      [hooks.Points]atomic.Int64 // nanoseconds
}

func newStorm(t *testing.T, change func(*Options)) *storm {
	t.Helper()
	s := &storm{t: t, f: newFront(t, "policy")}
	// At connect it is more than the broker's 1s, so that a machine which is slow to
	// start a process is not taken for a broker that lets somebody wait in vain.
	s.f.timeout, s.f.connectTimeout = 0, 10*time.Second
	s.f.change = func(o *Options) {
		o.Env, o.HealthEvery, o.RestartMax = nil, 5*time.Second, time.Millisecond
		change(o)
	}
	if err := s.f.load(); err != nil {
		t.Fatal(err)
	}
	s.table = s.f.manager.Table("A")
	for i := range s.rounds {
		s.askers.Go(func() {
			var session hooks.Session
			for !s.over.Load() {
				if i%4 == 0 {
					s.connect(&session)
				} else {
					s.publish(&session, i)
				}
				s.rounds[i].Add(1)
			}
		})
	}
	return s
}

// do asks, and notes how long it took.
func (s *storm) do(session *hooks.Session, p hooks.Point, calls ...*hooks.Call) {
	start := time.Now()
	s.table.Do(context.Background(), session, p, calls)
	for d := int64(time.Since(start)); ; {
		if most := s.slowest[p].Load(); d <= most || s.slowest[p].CompareAndSwap(most, d) {
			return
		}
	}
}

// connect asks to be let in, which has to be answered by the plugin itself.
func (s *storm) connect(session *hooks.Session) {
	c := hooks.NewCall()
	defer c.Done()
	c.Client, c.Connect = &hooks.Client{ID: 1, Host: "h"}, &hooks.ConnectInfo{User: "ann", Password: "A"}
	s.do(session, hooks.AtConnect, c)
	if c.Outcome.Verdict == hooks.Allow && c.Outcome.Identity != nil && c.Outcome.Identity.User == "ann" {
		s.connected.Add(1)
		s.decided.Add(1)
		return
	}
	s.t.Errorf("connect: %+v, %v", c.Outcome, c.Err)
}

// publish asks about what the policy allows and what it denies.
func (s *storm) publish(session *hooks.Session, i int) {
	client := bob()
	client.ID = uint64(i)
	good, bad := hooks.NewCall(), hooks.NewCall()
	defer good.Done()
	defer bad.Done()
	good.Client, good.Subject = client, []byte("p.x")
	bad.Client, bad.Subject = client, []byte("p.deny")
	s.do(session, hooks.AtPublish, good, bad)
	if bad.Outcome.Verdict != hooks.Deny {
		s.t.Errorf("what the policy denies is not denied: %+v", bad.Outcome)
	}
	if good.Outcome.Verdict == hooks.Allow {
		s.published.Add(1)
		s.decided.Add(1)
	} else {
		s.failed.Add(1)
	}
}

// everybody waits until each asker has had an answer.
func (s *storm) everybody() {
	s.t.Helper()
	for i := range s.rounds {
		before := s.rounds[i].Load()
		eventually(s.t, func() bool { return s.rounds[i].Load() >= before+2 }, "everybody gets answers")
	}
}

// strike sends a signal to the process and returns how long it takes until the
// next one decides.
func (s *storm) strike(sig syscall.Signal) time.Duration {
	s.t.Helper()
	s.everybody()
	p := s.f.opened[0]
	old, before := p.now.Load().process.program.pid(), p.Restarts()
	start := time.Now()
	if err := syscall.Kill(old, sig); err != nil {
		s.t.Fatal(err)
	}
	for p.Restarts() == before {
		if time.Since(start) > patience {
			s.t.Fatal("the plugin does not come back")
		}
		r := p.now.Load()
		select {
		case <-r.next:
		case <-time.After(time.Millisecond):
		}
	}
	decided := s.decided.Load()
	for s.decided.Load() == decided {
		if time.Since(start) > patience {
			s.t.Fatal("the plugin does not decide")
		}
		<-time.After(100 * time.Microsecond)
	}
	return time.Since(start)
}

// end ends the storm and tells what it was like.
func (s *storm) end(took []time.Duration) {
	s.t.Helper()
	s.everybody()
	s.over.Store(true)
	s.askers.Wait()
	slices.Sort(took)
	s.t.Logf("%d strikes; to the next decision: median %v, most %v; %d connected, %d published, %d failed; slowest: connect %v, publish %v",
		len(took), took[len(took)/2], took[len(took)-1], s.connected.Load(), s.published.Load(), s.failed.Load(),
		time.Duration(s.slowest[hooks.AtConnect].Load()), time.Duration(s.slowest[hooks.AtPublish].Load()))
	// The timeout, the clock of the link, and whatever else the machine has to do.
	const most = 20 * time.Second
	for _, p := range []hooks.Point{hooks.AtConnect, hooks.AtPublish} {
		if d := time.Duration(s.slowest[p].Load()); d > most {
			s.t.Errorf("a call at %v took %v", p, d)
		}
	}
}

// TestKilled: a process that is killed while many ask is replaced before they
// notice: no call hangs, all who connect are let in by the plugin itself, and what
// it denies is never allowed.
func TestKilled(t *testing.T) {
	t.Parallel()
	n := 20
	if v := os.Getenv(killsKey); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil || n < 1 {
			t.Fatalf("%s=%s: want a number above 0", killsKey, v)
		}
	}
	s := newStorm(t, func(*Options) {})
	var took []time.Duration
	for range n {
		took = append(took, s.strike(syscall.SIGKILL))
	}
	s.end(took)
}

// TestStopped is the same with a process that stands still, which is found out when
// somebody has waited in vain.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := newStorm(t, func(*Options) {})
	var took []time.Duration
	for range 3 {
		took = append(took, s.strike(syscall.SIGSTOP))
	}
	s.end(took)
}
