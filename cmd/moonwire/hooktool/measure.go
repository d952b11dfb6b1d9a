package hooktool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/sandbox"
)

// sample is the message, subscription or connection that functions are asked
// about.
type sample struct {
	client          *hooks.Client
	connect         *hooks.ConnectInfo
	subject, queue  string
	header, payload []byte
}

// fill makes a call of it.
func (s *sample) fill(c *hooks.Call, p hooks.Point) {
	c.Client, c.Subject = s.client, []byte(s.subject)
	switch p {
	case hooks.AtConnect:
		c.Connect, c.Subject = s.connect, nil
		return
	case hooks.AtSubscribe:
		if s.queue != "" {
			c.Queue = []byte(s.queue)
		}
		return
	case hooks.AtInspect:
		c.Payload = s.payload
	}
	c.Header, c.Size, c.MaxPayload = s.header, len(s.header)+len(s.payload), maxPayload
}

// measured is what calls of one function cost. Times are of one call.
type measured struct {
	first       hooks.Result // the first answer
	used        sandbox.Budget
	min, median time.Duration
	allocs      float64
	kept        time.Duration // with an answer that was kept; 0 if none is
	refused     []string      // why none is, although they are to be: fields that were looked at
}

// single is a script of which one function is asked, and no other.
type single struct {
	*lua.Script
	index int
	cache bool
}

// Registrations implements [hooks.Engine].
func (s *single) Registrations() []hooks.Registration {
	r := s.Script.Registrations()[s.index]
	if !s.cache {
		r.Cache = nil
	}
	return []hooks.Registration{r}
}

// Do implements [hooks.Engine].
func (s *single) Do(ctx context.Context, _ int, calls []*hooks.Call) error {
	return s.Script.Do(ctx, s.index, calls)
}

// Close implements [hooks.Engine]: the script goes on.
func (s *single) Close(context.Context) error { return nil }

// measure measures the function of one registration, as the broker asks it: in
// some runs, each at least so long.
func measure(ctx context.Context, s *lua.Script, index, runs int, least time.Duration, of *sample) (m measured, err error) {
	r := s.Registrations()[index]
	c := hooks.NewCall()
	of.fill(c, r.Point)
	m.used, err = s.Measure(ctx, index, c)
	if m.first = c.Out; err != nil {
		return m, err
	}
	c.Done()
	timed, err := timeRuns(ctx, &single{s, index, false}, r.Point, runs, least, of)
	if err != nil {
		return m, err
	}
	m.min, m.median, m.allocs = timed.min, timed.median, timed.allocs
	if r.Cache == nil {
		return m, nil
	}
	timed, err = timeRuns(ctx, &single{s, index, true}, r.Point, runs, least, of)
	m.refused = timed.refused
	if len(m.refused) == 0 && timed.hit {
		m.kept = timed.min
	}
	return m, err
}

// timing is what some runs took.
type timing struct {
	min, median time.Duration
	allocs      float64
	hit         bool     // the last answer was one that was kept
	refused     []string // fields that keep answers from being kept
}

func timeRuns(ctx context.Context, e *single, p hooks.Point, runs int, least time.Duration, of *sample) (t timing, err error) {
	// The breaker would leave a slow function alone, and then there is nothing to
	// measure.
	o := hooks.Options{Breaker: hooks.BreakerOptions{Threshold: 1}}
	set, err := hooks.Compile([]hooks.Hook{{Name: "bench", Engine: e}}, o)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, set.Close(ctx)) }()
	table := set.Table(of.client.Account)
	if p == hooks.AtConnect {
		table = set.Table("")
	}
	var session hooks.Session
	calls := make([]*hooks.Call, 1)
	once := func() {
		calls[0] = hooks.NewCall()
		of.fill(calls[0], p)
		table.Do(ctx, &session, p, calls)
		calls[0].Done()
	}
	once() // virtual machines are made, and an answer is kept if it may be
	n := 1
	var took []time.Duration
	for len(took) < runs && ctx.Err() == nil {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range n {
			once()
		}
		d := time.Since(start)
		runtime.ReadMemStats(&after)
		if d < least && n < 1<<30 { // too short a run says nothing
			n = max(2*n, int(float64(n)*1.2*float64(least)/float64(d+1)))
			n = min(n, 1<<30)
			continue
		}
		took = append(took, d/time.Duration(n))
		t.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
	}
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	slices.Sort(took)
	t.min, t.median = took[0], took[len(took)/2]
	st := set.Stats()[0]
	t.hit = st.CacheHits > 0
	for name := range st.CacheRefused {
		t.refused = append(t.refused, name)
	}
	slices.Sort(t.refused)
	return t, nil
}

// verdict says what a function answered.
func (m *measured) verdict() string {
	text := m.first.Verdict.String()
	if m.first.Reason != "" {
		text += ": " + m.first.Reason
	}
	return text
}

// cached says what an answer costs that was kept.
func (m *measured) cached() string {
	switch {
	case len(m.refused) > 0:
		return "not kept: it looked at " + strings.Join(m.refused, ", ")
	case m.kept == 0:
		return "-"
	}
	return fmt.Sprintf("%d ns", m.kept.Nanoseconds())
}
