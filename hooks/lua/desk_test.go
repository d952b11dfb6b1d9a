package lua

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

// TestMeasure: what calls are charged, and that those fail as ever that fail.
func TestMeasure(t *testing.T) {
	t.Parallel()
	s := open(t, `
		hook.publish("short", function(req) return allow() end)
		hook.publish("long", function(req) local s = "" for i = 1, 100 do s = s .. "x" end return deny(s) end)
		hook.publish("bad", function(req) return 1 end)
		hook.connect(function(req) return allow{ user = "u" } end)
		hook.event("reload", function(ev) end)`)
	ask := func(i int) (int64, int64, *hooks.Call, error) {
		c := &hooks.Call{Client: &hooks.Client{ID: 1}, Subject: []byte("a"), Connect: &hooks.ConnectInfo{}}
		used, err := s.Measure(context.Background(), i, c)
		return used.Instructions, used.Memory, c, err
	}
	shortI, shortM, c, err := ask(0)
	if err != nil || c.Out.Verdict != hooks.Allow || shortI == 0 {
		t.Errorf("short: %d instructions, %+v, %v", shortI, c.Out, err)
	}
	longI, longM, c, err := ask(1)
	if err != nil || c.Out.Verdict != hooks.Deny || longI < shortI+300 || longM < shortM+5000 {
		t.Errorf("long: %d instructions and %d bytes, short: %d and %d; %+v, %v", longI, longM, shortI, shortM, c.Out, err)
	}
	if _, _, c, err := ask(2); err == nil || c.Err == nil || c.Out.Verdict != hooks.Pass {
		t.Errorf("bad: %+v, %v", c, err)
	}
	if _, _, c, err := ask(3); err != nil || c.Out.Identity == nil || c.Out.Identity.User != "u" {
		t.Errorf("connect: %+v, %v", c, err)
	}
	for i, want := range map[int]string{4: "is for events", 5: "no registration 5", -1: "no registration -1"} {
		if _, _, _, err := ask(i); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: got %v, want %q", i, err, want)
		}
	}
}

// TestUndefined: a script is looked at wherever its virtual machines are, and its
// own globals and those of the host are there.
func TestUndefined(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, script, want string }{
		{"for messages", "own = 1\nhook.publish(function(req)\n log.info(own, config)\n return denied() end)", "[{denied test.lua 4}]"},
		{"at connect", "hook.connect(function(req) return alow() end)", "[{alow test.lua 1}]"},
		{"nothing", "hook.event(function(ev) require 'kv' allow() deny() drop() string.rep('x', 1) end)", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			list, err := open(t, tt.script).Undefined(context.Background())
			if got := fmt.Sprint(list); err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// TestTell: who tells of an event hears what went wrong, and so does the log.
func TestTell(t *testing.T) {
	t.Parallel()
	var logged []string
	s, err := Open(context.Background(), Options{
		Name: "test", File: "test.lua",
		Source: []byte("hook.event(function(ev)\nif ev.type == 'reload' then error('no') end end)"),
		Log:    func(_ library.Level, message string, _ []any) { logged = append(logged, message) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	client := &hooks.Client{ID: 1}
	if err := s.Tell(0, hooks.Event{Type: hooks.EventConnect, Client: client}); err != nil || logged != nil {
		t.Errorf("got %v, log %q", err, logged)
	}
	if err := s.Tell(0, hooks.Event{Type: hooks.EventReload}); err == nil || !strings.Contains(err.Error(), "test.lua:2: no") || len(logged) != 1 {
		t.Errorf("got %v, log %q", err, logged)
	}
	if err := s.Tell(1, hooks.Event{}); err == nil {
		t.Error("there is no registration 1")
	}
}

// TestNoteReads: functions without a cache tell what they look at, too.
func TestNoteReads(t *testing.T) {
	t.Parallel()
	for _, note := range []bool{false, true} {
		s, err := Open(context.Background(), Options{
			Name: "test", File: "test.lua", NoteReads: note,
			Source: []byte("hook.publish(function(req) if req.client.tags.a and req.subject and req.size then return deny() end end)"),
		})
		if err != nil {
			t.Fatal(err)
		}
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: keeping{s}}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // fields are made ahead once they were read
			c := &hooks.Call{Client: &hooks.Client{ID: 1, Tags: map[string]string{"a": "b"}}, Subject: []byte("a"), Size: 1}
			set.Table("").Do(context.Background(), new(hooks.Session), hooks.AtPublish, []*hooks.Call{c})
		}
		refused := set.Stats()[0].CacheRefused
		if note && (refused["tags"] != 3 || refused["size"] != 3 || refused["subject"] != 0) || !note && refused["tags"] == 3 {
			t.Errorf("noted %v: refused %v", note, refused)
		}
		_ = set.Close(context.Background())
	}
}

// keeping is a script whose answers are kept by the subject, whether it asks for
// that or not.
type keeping struct{ *Script }

func (k keeping) Registrations() []hooks.Registration {
	list := k.Script.Registrations()
	for i := range list {
		list[i].Cache = &hooks.CachePolicy{By: hooks.Fields{Set: hooks.FieldSubject}, TTL: 1, NegativeTTL: 1}
	}
	return list
}
