package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server/config"
	"moonwire/server/log"
)

// judge decides by the subject.
func judge(c *hooks.Call) {
	switch string(c.Subject) {
	case "no":
		c.Out.Verdict, c.Out.Reason = hooks.Deny, "not today"
	case "broken":
		c.Err = &hooks.Error{Kind: hooks.KindBudget, Err: errors.New("auth.lua:3: too long\nstack traceback:\n\tauth.lua:3")}
	default:
		c.Out.Verdict = hooks.Allow
	}
}

// judged starts a server that logs all decisions of a judge.
func judged(t *testing.T, mode hooks.Mode) (*Server, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(zapcore.InfoLevel)
	spec := hooktest.Spec("judge", hooktest.New(hooktest.On(hooks.AtConnect, judge), hooktest.On(hooks.AtPublish, judge)))
	spec.Mode = mode
	s, err := New(Options{
		Host: "127.0.0.1", Port: -1,
		Hooks: config.Hooks{
			DecisionLog: config.HooksDecisionLog{Sample: 1},
			Breaker:     config.HooksBreaker{MinCalls: 4, Cooldown: time.Nanosecond},
		},
	}, WithLogger(zap.New(core)), WithHooks(spec))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	logged.TakeAll()
	return s, logged
}

// ask asks the hooks about messages on some subjects.
func ask(s *Server, p hooks.Point, subjects ...string) {
	calls := make([]*hooks.Call, len(subjects))
	for i, subj := range subjects {
		c := hooks.NewCall()
		defer c.Done()
		c.Client = &hooks.Client{ID: 7, User: "u", Account: "A", Host: "10.0.0.1", Tags: map[string]string{"k": "hunter2"}}
		c.Subject, c.Payload = []byte(subj), []byte("hunter2")
		if p == hooks.AtConnect {
			c.Connect = &hooks.ConnectInfo{User: "u", Password: "hunter2", Token: "hunter2", JWT: "hunter2", Signature: "hunter2"}
		}
		calls[i] = c
	}
	s.hooks.Table("").Do(context.Background(), new(hooks.Session), p, calls)
}

// lines are what was logged, with the fields in order.
func lines(logged *observer.ObservedLogs) (list []string) {
	for _, e := range logged.TakeAll() {
		line := e.Level.CapitalString() + " " + e.Message
		for _, f := range e.Context {
			enc := zapcore.NewMapObjectEncoder()
			f.AddTo(enc)
			line += fmt.Sprintf(" %s=%v", f.Key, enc.Fields[f.Key])
		}
		list = append(list, line)
	}
	return list
}

// TestHookDecisionsAreLogged: without what is secret.
func TestHookDecisionsAreLogged(t *testing.T) {
	t.Parallel()
	s, logged := judged(t, hooks.Enforce)
	ask(s, hooks.AtPublish, "yes", "no")
	ask(s, hooks.AtConnect, "")
	ask(s, hooks.AtPublish, "broken")
	want := []string{
		`INFO Hook decision hook=judge point=publish client=7 host=10.0.0.1 account=A user=u subject=yes verdict=allow reason= cached=false`,
		`INFO Hook decision hook=judge point=publish client=7 host=10.0.0.1 account=A user=u subject=no verdict=deny reason=not today cached=false`,
		`INFO Hook decision hook=judge point=connect client=7 host=10.0.0.1 account=A user=u subject= verdict=allow reason= cached=false`,
		`ERROR Hook failed: budget: auth.lua:3: too long hook=judge point=publish kind=budget detail=` + "budget: auth.lua:3: too long\nstack traceback:\n\tauth.lua:3",
		`INFO Hook decision hook=judge point=publish client=7 host=10.0.0.1 account=A user=u subject=broken verdict=deny reason=the hook failed: budget cached=false error=budget: auth.lua:3: too long`,
	}
	got := lines(logged)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(strings.Join(got, ""), "hunter2") {
		t.Errorf("a secret is in the log: %q", got)
	}
}

// TestHookDecisionsAreBraked: clients cannot fill the disk with them.
func TestHookDecisionsAreBraked(t *testing.T) {
	t.Parallel()
	s, logged := judged(t, hooks.Enforce)
	for range 10 * log.PerSecond {
		ask(s, hooks.AtPublish, "no")
	}
	s.Shutdown()
	decisions, left := 0, 0
	for _, e := range logged.All() {
		var n int
		if e.Message == "Hook decision" {
			decisions++
		} else if _, err := fmt.Sscanf(e.Message, "%d more decisions of hooks in the last second", &n); err == nil {
			left += n
		}
	}
	if decisions >= 10*log.PerSecond || decisions+left != 10*log.PerSecond {
		t.Errorf("%d decisions were logged, and %d told of in sum, of %d", decisions, left, 10*log.PerSecond)
	}
}

// TestShadowDecisionsAreLogged: marked, so that they are not taken for what was
// refused.
func TestShadowDecisionsAreLogged(t *testing.T) {
	t.Parallel()
	s, logged := judged(t, hooks.Shadow)
	ask(s, hooks.AtPublish, "yes", "no", "broken")
	ask(s, hooks.AtConnect, "")
	s.Shutdown() // which waits for what waits for the hook
	var got []string
	for _, line := range lines(logged) {
		if strings.HasPrefix(line, "INFO Hook decision") {
			got = append(got, line)
		}
	}
	want := []string{
		`INFO Hook decision hook=judge point=publish mode=shadow client=7 host=10.0.0.1 account=A user=u subject=yes would=allow reason= cached=false`,
		`INFO Hook decision hook=judge point=publish mode=shadow client=7 host=10.0.0.1 account=A user=u subject=no would=deny reason=not today cached=false`,
		`INFO Hook decision hook=judge point=publish mode=shadow client=7 host=10.0.0.1 account=A user=u subject=broken would=deny reason=the hook failed: budget cached=false error=budget: auth.lua:3: too long`,
		`INFO Hook decision hook=judge point=connect mode=shadow client=7 host=10.0.0.1 account=A user=u subject= would=allow reason= cached=false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(strings.Join(got, ""), "hunter2") {
		t.Errorf("a secret is in the log: %q", got)
	}
}

// TestShadowDecisionsLeaveRoom: however much a policy that is tried would refuse,
// what is refused is logged.
func TestShadowDecisionsLeaveRoom(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.InfoLevel)
	b := newBrakes(zap.New(core))
	defer b.close()
	s := &Server{brakes: b}
	for range 2 * log.PerSecond {
		s.logDecision(hooks.Decision{Mode: hooks.Shadow, Client: new(hooks.Client), Verdict: hooks.Deny})
	}
	s.logDecision(hooks.Decision{Client: new(hooks.Client), Verdict: hooks.Deny})
	all := logged.All()
	if len(all) == 0 || all[len(all)-1].ContextMap()["verdict"] != "deny" {
		t.Errorf("%d lines, and what was refused is not the last", len(all))
	}
}

// TestBreakerIsLogged: when a hook is left alone, and when it works again.
func TestBreakerIsLogged(t *testing.T) {
	t.Parallel()
	s, logged := judged(t, hooks.Enforce)
	for range 8 {
		ask(s, hooks.AtPublish, "broken")
	}
	ask(s, hooks.AtPublish, "yes")
	states := make(map[string]string)
	for _, line := range lines(logged) {
		if what, state, ok := strings.Cut(line, " hook=judge breaker="); ok {
			states[state] = what
		}
	}
	want := map[string]string{
		"open":   "ERROR Hook is left alone, as it failed too often: on_error decides",
		"closed": "INFO Hook works again",
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLaterFailuresAreLogged: those that nobody waits for.
func TestLaterFailuresAreLogged(t *testing.T) {
	t.Parallel()
	s, logged := judged(t, hooks.Enforce)
	s.loader.failedLater("judge", errors.New(`hook "judge": the version before is back`))
	want := []string{`ERROR hook "judge": the version before is back hook=judge`}
	if diff := cmp.Diff(want, lines(logged)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEngineAtWork: after a rollback it is the one before.
func TestEngineAtWork(t *testing.T) {
	t.Parallel()
	old, young := new(openedHook), &openedHook{backs: 1}
	young.before = old
	l := &loadedHooks{opened: map[string]*openedHook{"a": young, "b": old}}
	for _, tt := range []struct {
		name string
		back uint64
		want *openedHook
	}{{"a", 1, young}, {"a", 2, old}, {"b", 5, old}, {"c", 0, nil}} {
		if got := l.live(tt.name, tt.back); got != tt.want {
			t.Errorf("%s after %d rollbacks: got %p, want %p", tt.name, tt.back, got, tt.want)
		}
	}
}
