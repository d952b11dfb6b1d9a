package hooktool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
)

// stage is where a test plays: a script as the broker would load it, alone, with
// a clock that only the test moves and a network that only answers what the test
// says. Each test has its own, so that none sees what another left behind.
type stage struct {
	*asker
	script  *lua.Script
	shared  *library.Shared
	network network
	acts    []string          // what the script did to connections
	refused map[string]uint64 // answers that were not kept, by field, that were told already
	lastID  uint64

	mu struct {
		sync.Mutex
		now  time.Time
		logs []string
	}
}

// newStage loads a script.
func newStage(ctx context.Context, o lua.Options) (*stage, error) {
	s := &stage{refused: make(map[string]uint64)}
	s.mu.now = time.Now().Truncate(time.Second)
	var err error
	if s.shared, err = library.NewShared(library.Options{
		Clock: s.now, Control: s, HTTP: library.HTTPOptions{Transport: &s.network},
	}); err != nil {
		return nil, err
	}
	o.Name, o.Libraries, o.Log, o.Clock = nameOf(o.File), library.Modules(s.shared), s.log, s.now
	if s.script, err = lua.Open(ctx, o); err != nil {
		s.shared.Close()
		return nil, err
	}
	if s.asker, err = newAsker(ctx, []hooks.Hook{{Name: o.Name, Engine: s.script, Timeout: o.Timeout}}, hooks.Options{Clock: s.now}); err != nil {
		s.shared.Close()
		return nil, err
	}
	return s, nil
}

// nameOf is what the hook of a script is called.
func nameOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".lua") }

// close lets go of the script.
func (s *stage) close() error {
	err := s.asker.close()
	s.shared.Close()
	return err
}

func (s *stage) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.now
}

// advance moves the clock.
func (s *stage) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.now = s.mu.now.Add(d)
}

func (s *stage) log(level library.Level, message string, fields []any) {
	line := levelNames[level] + ": " + message
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "traceback" { // what the test says is shorter
			line += fmt.Sprintf(" %v=%v", fields[i], fields[i+1])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.logs = append(s.mu.logs, line)
}

var levelNames = [...]string{library.Debug: "debug", library.Info: "info", library.Warn: "warn", library.Error: "error"}

// logged returns what the script has logged.
func (s *stage) logged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.logs)
}

// Disconnect implements [hooks.Control]: it is noted.
func (s *stage) Disconnect(of hooks.Selector, reason string) (int, error) {
	return s.act("disconnect", of, reason)
}

// SetPermissions implements [hooks.Control]: it is noted.
func (s *stage) SetPermissions(of hooks.Selector, p *hooks.Permissions) (int, error) {
	what := ""
	if p != nil {
		what = fmt.Sprintf("publish %s, subscribe %s", list(&p.Publish), list(&p.Subscribe))
	}
	return s.act("permissions", of, what)
}

// list says in words what rules are.
func list(r *hooks.Rules) string {
	text := "everything"
	if len(r.Allow) > 0 {
		text = strings.Join(r.Allow, " ")
	}
	if len(r.Deny) > 0 {
		text += " but " + strings.Join(r.Deny, " ")
	}
	return text
}

func (s *stage) act(what string, of hooks.Selector, how string) (int, error) {
	if err := of.Check(); err != nil {
		return 0, err
	}
	if of.User != "" {
		what += " user " + of.User
	}
	if of.Account != "" {
		what += " account " + of.Account
	}
	if of.ID != 0 {
		what += fmt.Sprintf(" id %d", of.ID)
	}
	for _, k := range slices.Sorted(maps.Keys(of.Tags)) {
		what += fmt.Sprintf(" tag %s=%s", k, of.Tags[k])
	}
	if how != "" {
		what += ": " + how
	}
	s.acts = append(s.acts, what)
	return 1, nil
}

// admit has a client connect. Who is not given an identity by the script becomes
// who it says it is: there is no configuration that knows better.
func (s *stage) admit(c *hooks.Client, info *hooks.ConnectInfo) (*outcome, error) {
	c.ID = s.nextID()
	o, id := s.connect(c, info)
	if !o.allowed() {
		return o, nil
	}
	o.verdict = hooks.Allow
	if id == nil {
		id = &hooks.Identity{User: info.User}
	}
	var err error
	o.client, err = s.newActor(c, id, rulesOf(id.Permissions))
	return o, err
}

func (s *stage) nextID() uint64 {
	s.lastID++
	return s.lastID
}

// notify tells the functions of the script that want to know of an event, and
// returns what goes wrong.
func (s *stage) notify(e hooks.Event) error {
	of := ""
	if e.Client != nil {
		of = e.Client.Account
	}
	var errs []error
	for i, r := range s.script.Registrations() {
		if r.Point == hooks.AtEvent && (len(r.Events) == 0 || slices.Contains(r.Events, e.Type)) &&
			(len(r.Accounts) == 0 || slices.Contains(r.Accounts, of)) {
			errs = append(errs, s.script.Tell(i, e))
		}
	}
	return errors.Join(errs...)
}

// uncached returns which fields the script looked at although it wants its answers
// to be kept by others, since the last time that somebody asked.
func (s *stage) uncached() []string {
	var names []string
	for _, st := range s.set.Stats() {
		for name, n := range st.CacheRefused {
			if n > s.refused[name] {
				s.refused[name] = n
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
