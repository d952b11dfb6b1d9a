package server_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
)

// edition is one version of a hook that marks messages with it. It is to be asked
// only between the end of Open and the beginning of Close.
type edition struct {
	hooktest.Engine
	open atomic.Bool
}

func (e *edition) Close(context.Context) error {
	e.open.Store(false)
	return nil
}

// editions returns two hooks, of one version both, which mark subject and payload.
func editions(version int, misused *atomic.Int64) []hooks.Spec {
	var list []hooks.Spec
	for _, name := range []string{"p", "q"} {
		s := hooktest.Spec(name, nil)
		s.Version = fmt.Sprint(version)
		s.Open = func(context.Context, hooks.Engine) (hooks.Engine, error) {
			e := new(edition)
			e.Wants = []hooks.Registration{{Point: hooks.AtRewrite}, {Point: hooks.AtInspect}}
			e.Ask = func(_ context.Context, r int, calls []*hooks.Call) error {
				if !e.open.Load() {
					misused.Add(1)
				}
				for _, c := range calls {
					if r == 0 {
						c.Out = hooks.Result{Verdict: hooks.Replace, Subject: fmt.Appendf(nil, "%s.%d", c.Subject, version)}
					} else {
						c.Out = hooks.Result{Verdict: hooks.Replace, Payload: fmt.Appendf(nil, "%s %d", c.Payload, version)}
					}
				}
				return nil
			}
			e.open.Store(true)
			return e, nil
		}
		list = append(list, s)
	}
	return list
}

// TestHooksReplacedBesideTraffic replaces two hooks again and again while
// connections publish. No message is lost, none overtakes another, none is decided
// at one point by hooks of two versions, and later ones not by an earlier version.
func TestHooksReplacedBesideTraffic(t *testing.T) {
	t.Parallel()
	const publishers, messages = 3, 6000
	var misused atomic.Int64
	b, _ := startLogged(t, loopback(), server.WithHooks(editions(1, &misused)...))
	m := server.Manager(b.Server)
	var work crew
	for p := range publishers {
		in := connect(t, b.Addr())
		must(t, in.send(fmt.Sprintf("SUB %d.> 1\r\n", p)))
		must(t, in.sync(nil))
		work.do(fmt.Sprintf("reader %d", p), func() error {
			last := [2]int{}
			for want := range messages {
				f, err := in.message()
				if err != nil {
					return err
				}
				var n, subj1, subj2, body1, body2 int
				if _, err := fmt.Sscanf(string(f.payload), "%d %d %d", &n, &body1, &body2); err != nil {
					return fmt.Errorf("%s: %w", f, err)
				}
				if _, err := fmt.Sscanf(strings.ReplaceAll(f.subject, ".", " "), fmt.Sprintf("%d a %%d %%d", p), &subj1, &subj2); err != nil {
					return fmt.Errorf("%s: %w", f, err)
				}
				switch {
				case n != want:
					return fmt.Errorf("%s in place of message %d", f, want)
				case subj1 != subj2 || body1 != body2:
					return fmt.Errorf("%s was decided by two versions at one point", f)
				case subj1 < last[0] || body1 < last[1] || body1 < subj1:
					return fmt.Errorf("%s was decided by an older version than one before", f)
				}
				last = [2]int{subj1, body1}
			}
			return nil
		})
		out := connect(t, b.Addr())
		work.do(fmt.Sprintf("publisher %d", p), func() error {
			w := bufio.NewWriterSize(out.nc, 4<<10)
			for n := range messages {
				body := fmt.Sprint(n)
				fmt.Fprintf(w, "PUB %d.a %d\r\n%s\r\n", p, len(body), body)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			return out.sync(nil)
		})
	}
	done, stopped := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for version := 2; ; version++ {
			select {
			case <-done:
				stopped <- version
				return
			case <-tick.C:
			}
			if err := m.Load(context.Background(), editions(version, &misused)); err != nil {
				t.Error(err)
			}
		}
	}()
	stop := sync.OnceValue(func() int {
		close(done)
		return <-stopped
	})
	defer stop()
	work.wait(t)
	if n := stop(); n < 5 {
		t.Errorf("only %d versions were loaded", n)
	}
	if n := misused.Load(); n > 0 {
		t.Errorf("%d batches went to an engine that was closed", n)
	}
}

// TestHooksReplacedAtTheDoor: when a hook at connect comes or goes, the greeting
// says so, and who is there stays.
func TestHooksReplacedAtTheDoor(t *testing.T) {
	t.Parallel()
	b, _ := startLogged(t, loopback())
	m := server.Manager(b.Server)
	before := connect(t, b.Addr())
	must(t, before.sync(nil))
	must(t, m.Load(context.Background(), []hooks.Spec{connecting(refuse)}))
	if info := greeted(t, b.Addr()); !info.AuthRequired {
		t.Errorf("greeted with %+v", info)
	}
	if _, line := says(t, b.Addr(), ""); line != violation {
		t.Errorf("got %q", line)
	}
	must(t, before.sync(nil))
	must(t, m.Load(context.Background(), nil))
	if info := greeted(t, b.Addr()); info.AuthRequired {
		t.Errorf("greeted with %+v", info)
	}
	says2(t, b.Addr(), "")
}
