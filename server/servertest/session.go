package servertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// defaultWait is how long an expectation without a bound may take to come true.
const defaultWait = 5 * time.Second

// errLate says that what a run waited for did not come in time.
var errLate = errors.New("nothing more came in time")

// session is one run of a script against one server. One goroutine uses it.
type session struct {
	script *script
	server string // its name
	inst   Instance
	addr   string // of inst, which may forget it when it stops
	steps  []step
	at     int              // the step at hand
	peers  map[string]*peer // open connections
	wake   chan struct{}    // one slot; filled when something came
	wait   time.Duration    // how long an expectation without a bound may take
	began  time.Time        // when the step before began
	mark   time.Time        // when the step before ended
	work   sync.WaitGroup   // shutdowns under way
}

// run plays the script against the named server.
func (s *script) run(server string, inst Instance) error {
	x, err := s.session(server, inst)
	if err != nil {
		return err
	}
	return x.run()
}

// session prepares a run.
func (s *script) session(server string, inst Instance) (*session, error) {
	if server != Moonwire && server != Reference {
		return nil, fmt.Errorf("%q is no name of a server: %s or %s", server, Moonwire, Reference)
	}
	return &session{
		script: s,
		server: server,
		inst:   inst,
		addr:   inst.Addr(),
		steps:  s.forServer(server),
		peers:  map[string]*peer{},
		wake:   make(chan struct{}, 1),
		wait:   defaultWait,
		began:  time.Now(),
		mark:   time.Now(),
	}, nil
}

// run plays all steps and ends the session.
func (x *session) run() error {
	defer x.close()
	for i, st := range x.steps {
		x.at = i
		if err := x.play(st); err != nil {
			return err
		}
	}
	return x.end()
}

// play runs one step and names its place when it fails.
func (x *session) play(st step) error {
	began := time.Now()
	if err := st.do.run(x); err != nil {
		return fmt.Errorf("%s: %w", x.script.at(st.line), err)
	}
	now := time.Now()
	// From the beginning of the step before, as its end may be seen late.
	if took := now.Sub(x.began); took < st.earliest {
		return fmt.Errorf("%s: came after %v, %v at the earliest", x.script.at(st.line), took.Round(time.Millisecond), st.earliest)
	}
	x.began, x.mark = began, now
	return nil
}

// end checks that nothing came that the script says nothing of.
func (x *session) end() error {
	var errs []error
	for name, p := range x.peers {
		p.pass()
		if got, _ := p.state(); len(got) > 0 {
			errs = append(errs, fmt.Errorf("%s: at the end %s has unexpected %s", x.script.path, name, quote(got)))
		}
	}
	return errors.Join(errs...)
}

// close ends the connections, and waits for all that the run has started.
func (x *session) close() {
	for _, p := range x.peers {
		p.close()
	}
	x.work.Wait()
}

// peer returns the named connection, and opens it at its first use: unless the
// script says what the first INFO looks like, that must be any legal INFO.
func (x *session) peer(name string) (*peer, error) {
	if p, ok := x.peers[name]; ok {
		return p, nil
	}
	p, err := dial(name, x.addr, x.expectsPing(name), x.wake)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	x.peers[name] = p
	if x.expectsInfo(name) {
		return p, nil
	}
	var legal *infoPattern
	if err := x.expect([]unit{{names: []string{name}, want: legal}}); err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return p, nil
}

// expectsInfo tells whether the next expectation on the connection is an INFO.
func (x *session) expectsInfo(name string) bool {
	for _, st := range x.steps[x.at:] {
		switch do := st.do.(type) {
		case expectStep:
			for _, u := range do.units {
				if slices.Contains(u.names, name) {
					_, info := u.want.(*infoPattern)
					return info
				}
			}
		case closedStep:
			if do.name == name {
				return false
			}
		case silentStep:
			if do.name == name {
				return false
			}
		case closeStep:
			if do.name == name {
				return false
			}
		}
	}
	return false
}

// expectsPing tells whether the script expects a PING on the connection.
func (x *session) expectsPing(name string) bool {
	for _, st := range x.steps {
		e, ok := st.do.(expectStep)
		if !ok {
			continue
		}
		for _, u := range e.units {
			v, _, _ := u.want.match(x.server, []byte("PING\r\n"))
			if v != mismatch && slices.Contains(u.names, name) {
				return true
			}
		}
	}
	return false
}

// drop forgets a connection, which a later step may open anew.
func (x *session) drop(p *peer) {
	p.close()
	delete(x.peers, p.name)
}

// limit is when the step at hand must have come true.
func (x *session) limit() time.Time {
	if latest := x.steps[x.at].latest; latest > 0 {
		return x.mark.Add(latest)
	}
	return time.Now().Add(x.wait)
}

// await calls done whenever something came, until it tells so or fails. It
// returns errLate when the limit passes first.
func (x *session) await(limit time.Time, done func() (bool, error)) error {
	timer := time.NewTimer(time.Until(limit))
	defer timer.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-x.wake:
		case <-timer.C:
			if ok, err := done(); ok || err != nil {
				return err
			}
			return errLate
		}
	}
}

// expect waits until all units came, in any order.
func (x *session) expect(units []unit) error {
	rest := slices.Clone(units)
	err := x.await(x.limit(), func() (bool, error) {
		for {
			i, n, p := x.find(rest)
			if p == nil && x.pass(rest) {
				continue
			}
			if p == nil {
				break
			}
			p.take(n)
			rest = slices.Delete(rest, i, i+1)
		}
		return len(rest) == 0, x.hopeless(rest)
	})
	if errors.Is(err, errLate) {
		return x.missing(rest, "")
	}
	return err
}

// find returns the first unit that came whole, its length and its connection.
func (x *session) find(units []unit) (i, n int, p *peer) {
	for i, u := range units {
		for _, name := range u.names {
			p := x.peers[name]
			got, _ := p.state()
			if v, n, _ := u.want.match(x.server, got); v == match {
				return i, n, p
			}
		}
	}
	return 0, 0, nil
}

// pass drops a PING that nobody asked for from a connection of the units, and
// tells whether there was one.
func (x *session) pass(units []unit) bool {
	return slices.ContainsFunc(namesOf(units), func(name string) bool { return x.peers[name].pass() })
}

// hopeless reports why the units cannot come any more: every connection where one
// may come has bytes that fit none of them, or was closed. Such bytes on one of
// several connections are of a later step when the unit comes on another one.
func (x *session) hopeless(units []unit) error {
	why := ""
	stuck := map[string]bool{} // has bytes that fit no unit
	for _, name := range namesOf(units) {
		got, _ := x.peers[name].state()
		if len(got) == 0 {
			continue
		}
		fits, reason := false, ""
		for _, u := range units {
			if !slices.Contains(u.names, name) {
				continue
			}
			var v verdict
			v, _, reason = u.want.match(x.server, got)
			fits = fits || v != mismatch
		}
		if !fits {
			stuck[name], why = true, reason
		}
	}
	for _, u := range units {
		// What came just now may be it: then the next look finds it.
		hope := slices.ContainsFunc(u.names, func(name string) bool {
			got, err := x.peers[name].state()
			v, _, _ := u.want.match(x.server, got)
			return v == match || err == nil && !stuck[name]
		})
		if !hope {
			return x.missing(units, why)
		}
	}
	return nil
}

// missing describes the units that did not come, and what came instead.
func (x *session) missing(units []unit, why string) error {
	var b strings.Builder
	for i, u := range units {
		if i > 0 {
			b.WriteString(" and ")
		}
		fmt.Fprintf(&b, "%s expected %s", strings.Join(u.names, ","), u.want)
	}
	for _, name := range namesOf(units) {
		got, err := x.peers[name].state()
		switch {
		case err == nil:
			fmt.Fprintf(&b, "\n\t%s got %s", name, quote(got))
		case isClosed(err):
			fmt.Fprintf(&b, "\n\t%s got %s and was closed", name, quote(got))
		default:
			fmt.Fprintf(&b, "\n\t%s got %s and failed: %v", name, quote(got), err)
		}
	}
	if why != "" {
		fmt.Fprintf(&b, "\n\t%s", why)
	}
	return errors.New(b.String())
}

// namesOf returns the connections of the units, each once.
func namesOf(units []unit) []string {
	var names []string
	for _, u := range units {
		names = append(names, u.names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
