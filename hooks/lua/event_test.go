package lua

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

// lines is a log that is kept.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) log(level library.Level, message string, fields []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Sprint([...]string{"debug", "info", "warn", "error"}[level], " ", message)
	for i := 0; i < len(fields); i += 2 {
		line += fmt.Sprintf(" %v=%v", fields[i], fields[i+1])
	}
	l.all = append(l.all, line)
}

func (l *lines) get() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// TestEvents: functions are told of events, in order, with what they say.
func TestEvents(t *testing.T) {
	t.Parallel()
	var l lines
	s := openWith(t, `hook.event(function(ev)
		local c = ev.client
		log.info(ev.type, { time = ev.time, user = c and c.user, role = c and c.tags.role, reason = ev.reason, subject = ev.subject, queue = ev.queue })
	end)`, Options{Log: l.log})
	at := time.Unix(1_700_000_000, 500_000_000)
	s.Notify(0, []hooks.Event{
		{Type: hooks.EventDisconnect, Time: at, Client: alice, Reason: "gone"},
		{Type: hooks.EventSubscribe, Time: at, Client: alice, Subject: "a.>", Queue: "q"},
		{Type: hooks.EventReload, Time: at, Reason: "ok"},
	})
	s.Notify(1, []hooks.Event{{Type: hooks.EventReload}}) // nobody's
	want := []string{
		"info disconnect reason=gone role=admin time=1.7000000005e+09 user=alice",
		"info subscribe queue=q role=admin subject=a.> time=1.7000000005e+09 user=alice",
		"info reload reason=ok time=1.7000000005e+09",
	}
	if diff := cmp.Diff(want, l.get()); diff != "" {
		t.Error(diff)
	}
}

// TestEventErrors: what goes wrong in a function for events is logged with its
// place, within bounds, and the next event is told all the same.
func TestEventErrors(t *testing.T) {
	t.Parallel()
	var l lines
	s := openWith(t, `hook.event(function(ev)
		if ev.reason == "error" then error("broken") end
		if ev.reason == "loop" then while true do end end
		if ev.reason == "answer" then return deny("no") end
		if ev.reason == "field" then return ev.nothing end
		log.info(ev.reason)
	end)`, Options{Log: l.log, Clock: frozen, Limits: Limits{BlockingVMs: 1}})
	tell := func(reasons ...string) {
		events := make([]hooks.Event, len(reasons))
		for i, r := range reasons {
			events[i] = hooks.Event{Type: hooks.EventReload, Reason: r}
		}
		s.Notify(0, events)
	}
	tell("error", "loop", "fine", "answer", "field")
	got := l.get()
	if len(got) != 5 {
		t.Fatalf("got %q", got)
	}
	for i, want := range []string{
		"event=reload error=runtime: test.lua:2: broken traceback=", "event=reload error=budget: test.lua:3: ", "info fine",
		"error=bad_reply: test.lua:1: the function for event returned deny(); want nothing", `error=runtime: test.lua:5: reading event["nothing"]: at event there is no field "nothing"`,
	} {
		if !strings.Contains(got[i], want) || i != 2 && !strings.HasPrefix(got[i], "error the function for an event failed") {
			t.Errorf("line %d: got %q, want %q", i, got[i], want)
		}
	}
	for range 100 {
		tell("error")
	}
	if n := len(l.get()); n != 6 {
		t.Errorf("%d lines at one moment, want 6", n)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	tell("fine")
	if n := len(l.get()); n != 6 {
		t.Errorf("%d lines, want 6: a script that is closed does no more", n)
	}
}

// TestEventsThroughHooks: events come by the way that the broker takes.
func TestEventsThroughHooks(t *testing.T) {
	t.Parallel()
	var l lines
	s := openWith(t, `hook.event({ "connect", "reload" }, function(ev) log.warn(ev.type) end)
		hook.event("disconnect", function(ev) log.warn("other " .. ev.type) end)`, Options{Log: l.log})
	set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{hooks.EventConnect, hooks.EventSubscribe, hooks.EventDisconnect, hooks.EventReload} {
		set.Table("").Notify(hooks.Event{Type: e})
	}
	if err := set.Close(context.Background()); err != nil { // which waits for the events
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"warn connect", "warn other disconnect", "warn reload"}, l.get()); diff != "" {
		t.Error(diff)
	}
}

// TestLog: the lines of a script.
func TestLog(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	for _, tt := range []struct{ call, want string }{
		{`log.debug("a")`, "debug a"},
		{`log.info("a", {})`, "info a"},
		{`log.warn("a", nil)`, "warn a"},
		{`log.error("a", { z = 1, b = "t", a = true })`, "error a a=true b=t z=1"},
		{`require("log").info("a", { list = { 1, 2 }, inner = { x = { y = { z = { deep = 1 } } } } })`, "info a inner=map[x:map[y:map[z:(table)]]] list=map[1:1 2:2]"},
		{`log.info("a", { f = print, g = log.info, req = req })`, "info a g=(function) req=(userdata)"},
		{`log.info("a\nb\rc\27[31m\0d")`, "info a b c [31m d"},
		{`log.info("\255")`, "info ?"},
		{`log.info("a", { ["k\n"] = "v\n\255" })`, "info a k =v\n?"},
		{`log.info(("x"):rep(2000))`, "info " + strings.Repeat("x", 1024) + "…"},
		{`log.info("a", { v = ("x"):rep(600), [("x"):rep(600)] = 1 })`, "info a v=" + long[:512] + "… " + long[:512] + "…=1"},
		{`log.info()`, "! log.info: argument #1 is a no value; want a text"},
		{`log.info({})`, "! log.info: argument #1 is a table; want a text"},
		{`log.info("a", "b")`, "! log.info: argument #2 is a string; want a table of fields"},
		{`log.inform("a")`, `! log has no "inform"; did you mean "info"?`},
	} {
		var l lines
		s := openWith(t, "require 'log' hook.publish(function(req)\n"+tt.call+"\nend)", Options{Log: l.log})
		c := ask(t, s, callAt(hooks.AtPublish))
		got := strings.Join(l.get(), "; ")
		if c.Err != nil {
			got = strings.Replace(c.Err.Error(), "runtime: test.lua:2:", "!", 1)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.call, got, tt.want)
		}
	}
}

// TestLogBounds: how much a script can log is bounded, in all ways.
func TestLogBounds(t *testing.T) {
	t.Parallel()
	var l lines
	clock := now
	s := openWith(t, `hook.publish(function(req)
		if req.subject == "many" then for i = 1, 1000 do log.info("x") end return end
		if req.subject == "fields" then
			local t = {} for i = 1, 1000 do t["k" .. i] = i end
			return log.info("x", t)
		end
		local t = {} -- a table that is 2^60 tables
		for i = 1, 60 do t = { a = t, b = t } end
		log.info("x", t)
	end)`, Options{Log: l.log, Clock: func() time.Time { return clock }})
	calls := batch("many", "many")
	if err := s.Do(context.Background(), 0, calls); err != nil || calls[1].Err != nil {
		t.Fatal(err, calls[1].Err)
	}
	if n := len(l.get()); n != 200 {
		t.Errorf("%d lines at one moment, want 200", n)
	}
	clock = clock.Add(100 * time.Millisecond)
	calls = batch("fields", "deep")
	if err := s.Do(context.Background(), 0, calls); err != nil || calls[0].Err != nil || calls[1].Err != nil {
		t.Fatal(err, calls[0].Err, calls[1].Err)
	}
	got := l.get()[200:]
	if len(got) != 2 || !strings.HasSuffix(got[0], " omitted=1800") || strings.Count(got[0], "=") != mostFields+1 || len(got[1]) > 4000 {
		t.Errorf("got %q", got)
	}
	s.options.Log = nil
	if c := ask(t, s, &hooks.Call{Client: alice, Subject: []byte("deep")}); c.Err != nil {
		t.Errorf("without a log: %v", c.Err)
	}
}
