package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/server"
)

// TestOpenHooks: a tool gets the hooks in their order, and nothing is left open.
func TestOpenHooks(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "broken.lua", "broken")
	w := new(workshop)
	open := func(conf string) ([]hooks.Hook, *server.Server, error) {
		s, err := server.New(f.options(conf), w.option(), server.WithHooks(native("own")))
		must(t, err)
		list, err := s.OpenHooks(context.Background())
		return list, s, err
	}
	list, s, err := open(`hooks { load: [ { name: a, lua: a.lua, on_error: skip }, { name: b, lua: broken.lua, mode: off } ] }`)
	must(t, err)
	var names []string
	for _, h := range list {
		names = append(names, h.Name+" "+h.Mode.String())
		if (h.Engine == nil) != (h.Mode == hooks.Off) {
			t.Errorf("hook %q has the engine %v", h.Name, h.Engine)
		} else if h.Engine != nil {
			must(t, h.Engine.Close(context.Background()))
		}
	}
	if diff := cmp.Diff([]string{"own enforce", "a enforce", "b off"}, names); diff != "" || list[1].OnError[hooks.AtPublish] != hooks.OnErrorSkip {
		t.Errorf("%+v (-want +got):\n%s", list[1].OnError, diff)
	}
	w.expect(t, "open a 1", "close a 1")
	if !w.last().NoteReads {
		t.Error("the engine does not note what is read")
	}
	if _, again := s.OpenHooks(context.Background()); again == nil {
		t.Error("they are opened twice")
	}
	if again := s.Start(); again == nil {
		t.Error("it starts")
	}
	s.Shutdown()

	list, s, err = open(`hooks { load: [ { name: a, lua: a.lua }, { name: b, lua: broken.lua }, { name: c, lua: none.lua } ] }`)
	if list != nil || err == nil || !strings.HasPrefix(err.Error(), `opening hook "b": `+f.path("broken.lua:1")) || !strings.Contains(err.Error(), `opening hook "c": `) {
		t.Errorf("got %v, %v", list, err)
	}
	w.expect(t, "open a 1", "close a 1")
	s.Shutdown()
	_, s, err = open(`hooks { load: [ { name: a, plugin: a } ] }`)
	if err == nil {
		t.Error("nothing runs plugins")
	}
	s.Shutdown()
	_, s, err = open(`hooks { scripts_dir: none }`)
	if err == nil {
		t.Error("there is no such folder")
	}
	s.Shutdown()
}
