package plugins

import (
	"context"
	"strings"
	"testing"
	"time"

	"moonwire/hooks"
)

// kill has the plugin's process end by itself.
func kill(t testing.TB, p *Plugin) {
	t.Helper()
	before := p.now.Load()
	killGroup(before.process.program.cmd)
	select {
	case <-before.next:
	case <-time.After(patience):
		t.Fatal("its end is not seen")
	}
}

// TestEventsWait: events that come between two processes are told to the second.
func TestEventsWait(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	kill(t, p)
	p.Notify(atEvent, []hooks.Event{{Type: hooks.EventConnect, Time: time.Now(), Client: bob()}})
	state, _, err := handover(t.Context(), p)
	if err != nil || string(state) != "connect:bob" {
		t.Errorf("got %q, %v", state, err)
	}
}

// TestCommandsStand: what a process has commanded is done, though it dies meanwhile: it
// may have taken away somebody's rights.
func TestCommandsStand(t *testing.T) {
	t.Parallel()
	c := &control{make(chan string)}
	p, _ := open(t, func(o *Options) { o.Control, o.Env = c, map[string]string{enemyKey: "revokes"} }, nil)
	if err := ask(t, p, 0, call(t, bob(), "p.x"), patience); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(p.now.Load().link.commands) == revoked-1 }, "all commands have come")
	kill(t, p)
	for n := range revoked {
		select {
		case <-c.asked:
		case <-time.After(patience):
			t.Fatalf("%d commands are done", n)
		}
	}
}

// TestRestartsGoOn: the count of restarts is that of the hook, not of a plugin.
func TestRestartsGoOn(t *testing.T) {
	t.Parallel()
	p, _ := open(t, nil, nil)
	kill(t, p)
	eventually(t, p.Up, "the plugin is back")
	q, _ := open(t, nil, p)
	kill(t, q)
	eventually(t, q.Up, "the plugin is back")
	if p.Restarts() != 2 || q.Restarts() != 2 {
		t.Errorf("got %d and %d", p.Restarts(), q.Restarts())
	}
}

// TestFollowsTheDead: who takes the place of a plugin is told whether that has died,
// and with it its state.
func TestFollowsTheDead(t *testing.T) {
	t.Parallel()
	told := func(o *Options) { o.Env, o.RestartMin = map[string]string{enemyKey: "told"}, time.Hour }
	version := func(old hooks.Engine) string {
		p, _ := open(t, told, old)
		v, _ := p.Version()
		return v
	}
	p, _ := open(t, told, nil)
	if v, _ := p.Version(); v != `state "", restarted false` {
		t.Errorf("the first is told %s", v)
	}
	if v := version(p); v != `state "kept", restarted false` {
		t.Errorf("who follows one that is at work is told %s", v)
	}
	kill(t, p)
	eventually(t, p.Up, "the plugin is back")
	kill(t, p)
	eventually(t, func() bool { return p.now.Load().resting }, "the plugin rests")
	if v := version(p); v != `state "", restarted true` {
		t.Errorf("who follows one that rests is told %s", v)
	}
}

// TestFollowsTheStopped: who follows a process that stands still does so when that has
// been given up, and has as much time to start as any other.
func TestFollowsTheStopped(t *testing.T) {
	t.Parallel()
	told := func(o *Options) {
		o.Env, o.HealthEvery, o.StartTimeout = map[string]string{enemyKey: "told"}, 2*time.Second, 4*time.Second
	}
	p, _ := open(t, told, nil)
	stopProcess(t, p.PID())
	q, _ := open(t, told, p)
	if v, _ := q.Version(); v != `state "", restarted true` {
		t.Errorf("it is told %s", v)
	}
}

// TestDiesInHandover: a process that is gone before anybody has seen it has no
// state, which keeps nobody out.
func TestDiesInHandover(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) { o.Env = map[string]string{enemyKey: "dies in Handover"} }, nil)
	state, died, err := handover(t.Context(), p)
	if state != nil || !died || err != nil {
		t.Errorf("got %q, %v, %v", state, died, err)
	}
}

// TestResting: while it is not clear when the next process comes messages do not
// wait for it, and who connects does; Close ends the waiting.
func TestResting(t *testing.T) {
	t.Parallel()
	p, logs := open(t, func(o *Options) { o.RestartMin = time.Hour }, nil)
	if p.o.RestartMax != time.Hour {
		t.Errorf("the longest rest is %v", p.o.RestartMax)
	}
	kill(t, p)
	eventually(t, p.Up, "the plugin is back")
	kill(t, p)
	eventually(t, func() bool { return p.now.Load().resting }, "the plugin rests")
	if p.Up() {
		t.Error("it is up")
	}
	err := ask(t, p, atPublish, call(t, bob(), "p.x"), patience)
	if err == nil || !strings.Contains(err.Error(), "the plugin is not running: ") || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("got %v", err)
	}
	c := call(t, bob(), "")
	c.Connect = &hooks.ConnectInfo{User: "ann"}
	if err := ask(t, p, atConnect, c, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "the plugin is not running: ") {
		t.Errorf("got %v", err)
	}
	waiting := make(chan error)
	go func() { waiting <- ask(t, p, atConnect, c, patience) }()
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-waiting; err == nil {
		t.Error("it is answered")
	}
	if n := logs.FilterMessage("the plugin cannot be restarted").Len(); n > 0 {
		t.Errorf("Close makes %d lines", n)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	o := Options{RestartMin: 100 * time.Millisecond, RestartMax: 30 * time.Second}
	for failed, want := range map[int]time.Duration{
		1: 0, 2: 100 * time.Millisecond, 3: 200 * time.Millisecond, 4: 400 * time.Millisecond, 11: 30 * time.Second, 1 << 40: 30 * time.Second,
	} {
		if got := o.backoff(failed); got != want {
			t.Errorf("after %d: got %v, want %v", failed, got, want)
		}
	}
}
