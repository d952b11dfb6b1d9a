package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/crypto/bcrypt"

	"moonwire/plugins/sdk"
	"moonwire/plugins/sdk/sdktest"
)

// scene is a directory with the plugin that reads it.
type scene struct {
	t     *testing.T
	path  string
	it    *directory
	asked *sdktest.Plugin
}

// newStore makes a store with two groups and ann, of both.
func newStore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "directory.db")
	administrate(t, path, "", "add-group", "-publish", "orders.>", "-deny-publish", "orders.*.void", "-subscribe", "_INBOX.>", "clerks")
	administrate(t, path, "", "add-group", "-subscribe", "audit.>,_INBOX.>", "auditors")
	addUser(t, path, "ann", "secret", "clerks", "auditors")
	return path
}

// administrate runs a command that has to go well, and returns what it prints.
func administrate(t *testing.T, path, stdin, command string, args ...string) string {
	t.Helper()
	var out, complaint bytes.Buffer
	args = append([]string{command, "-store", path}, args...)
	if code := administer(args, strings.NewReader(stdin), &out, &complaint); code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, code, &complaint)
	}
	return out.String()
}

// addUser is the command with a cheap hash.
func addUser(t *testing.T, path, name, password string, of ...string) {
	t.Helper()
	err := change(path, func(tx *bbolt.Tx) error { return putUser(tx, name, password, bcrypt.MinCost, of, time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, path string, o sdktest.Options) *scene {
	t.Helper()
	s := &scene{t: t, path: path, it: newDirectory()}
	o.Config = map[string]any{"store": path, "account": "A", "every": "1h"} // the tests refresh
	p, err := sdktest.Run(t, s.it, o, registrations()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.it.close)
	s.asked = p
	return s
}

func (s *scene) connect(user, password string) sdktest.Result {
	s.t.Helper()
	return s.asked.Connect(sdk.Connect{User: user, Password: password})
}

// commands are what a refresh makes the plugin ask of the broker. A question behind it
// has its answer behind the commands.
func (s *scene) commands(refresh func()) []string {
	s.t.Helper()
	refresh()
	s.asked.Connect(sdk.Connect{}).WantPass()
	var list []string
	for _, c := range s.asked.Commands() {
		line := c.String()
		if c.Permissions != nil {
			line += " may publish " + strings.Join(c.Permissions.Publish.Allow, " ")
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

func (s *scene) refresh() {
	s.t.Helper()
	if err := s.it.refresh(); err != nil {
		s.t.Error(err)
	}
}

// credential is that of a user now.
func credential(t *testing.T, path, name string) string {
	t.Helper()
	s, err := read(path, nil)
	if err != nil || s.users[name] == nil {
		t.Fatalf("there is no user %q, %v", name, err)
	}
	return s.users[name].Credential
}

func TestConnect(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	addUser(t, path, "eve", "none")
	s := start(t, path, sdktest.Options{})
	for _, tt := range []struct{ name, user, password, reason string }{
		{"a wrong password", "ann", "Secret", "wrong password"},
		{"no password", "ann", "", "wrong password"},
		{"a stranger", "bob", "secret", `no user "bob"`},
		{"another case", "Ann", "secret", `no user "Ann"`},
	} {
		if r := s.connect(tt.user, tt.password).WantDeny(); !strings.Contains(r.Reason, tt.reason) || strings.Contains(r.Reason, "ecret") {
			t.Errorf("%s: the reason is %q", tt.name, r.Reason)
		}
	}
	s.connect("", "secret").WantPass()

	got := s.connect("ann", "secret").WantAllow().Identity
	want := &sdk.Permissions{
		Publish:   sdk.Rules{Allow: []string{"orders.>"}, Deny: []string{"orders.*.void"}},
		Subscribe: sdk.Rules{Allow: []string{"_INBOX.>", "audit.>"}},
	}
	if got == nil || got.User != "ann" || got.Account != "A" || !reflect.DeepEqual(got.Permissions, want) {
		t.Errorf("ann is %+v", got)
	}
	nothing := sdk.Rules{Deny: []string{">"}}
	got = s.connect("eve", "none").WantAllow().Identity
	if !reflect.DeepEqual(got.Permissions, &sdk.Permissions{Publish: nothing, Subscribe: nothing}) {
		t.Errorf("who is in no group may do %+v", got.Permissions)
	}
}

// TestChange: what was granted follows the directory.
func TestChange(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	addUser(t, path, "bob", "secret", "auditors")
	s := start(t, path, sdktest.Options{})
	ann, bob := credential(t, path, "ann"), credential(t, path, "bob")
	gone := func(id string) string {
		return `disconnect reason="the user was removed, or has another password" tags=map[directory.credential:` + id + "]"
	}
	for _, tt := range []struct {
		name   string
		change func()
		want   []string
	}{
		{"nothing", func() {}, nil},
		{"a group of one", func() {
			administrate(t, path, "", "add-group", "-publish", "orders.eu.>", "clerks")
		}, []string{`set_permissions user="ann" tags=map[directory.credential:` + ann + "] may publish orders.eu.>"}},
		{"a group that is gone", func() { administrate(t, path, "", "remove-group", "auditors") }, []string{
			`set_permissions user="ann" tags=map[directory.credential:` + ann + "] may publish orders.eu.>",
			`set_permissions user="bob" tags=map[directory.credential:` + bob + "] may publish ",
		}},
		{"another password", func() { addUser(t, path, "ann", "better", "clerks") }, []string{gone(ann)}},
		{"a user who is gone", func() { administrate(t, path, "", "remove-user", "bob") }, []string{gone(bob)}},
		{"a user who is back", func() { addUser(t, path, "bob", "secret", "clerks") }, nil},
	} {
		tt.change()
		got := s.commands(s.refresh)
		if tt.name == "another password" { // the new credential gets its permissions, of which no session has any
			got = slices.DeleteFunc(got, func(c string) bool { return strings.HasPrefix(c, "set_permissions") })
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
	}
	s.connect("ann", "secret").WantDeny()
	s.connect("ann", "better").WantAllow()
	s.connect("bob", "secret").WantAllow()
}

// TestChangeUnseen: a process that takes the place of one that died, or of one that saw
// another directory, has all sessions follow the directory.
func TestChangeUnseen(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	old := credential(t, path, "ann")
	state := start(t, path, sdktest.Options{}).asked.State()
	for _, tt := range []struct {
		name string
		o    sdktest.Options
		want int
	}{
		{"the first", sdktest.Options{}, 0},
		{"handed over", sdktest.Options{State: state}, 0},
		{"restarted", sdktest.Options{Restarted: true}, 1},
	} {
		if got := start(t, path, tt.o).commands(func() {}); len(got) != tt.want {
			t.Errorf("%s: got %q, want %d commands", tt.name, got, tt.want)
		}
	}
	administrate(t, path, "", "remove-user", "ann")
	got := start(t, path, sdktest.Options{State: state}).commands(func() {})
	if len(got) != 1 || !strings.HasPrefix(got[0], "disconnect") || !strings.Contains(got[0], old) {
		t.Errorf("got %q", got)
	}
}

// TestReplaced: another store that is put in the place of the one that was read counts,
// though it had as many changes, and who is not in it has to go.
func TestReplaced(t *testing.T) {
	t.Parallel()
	path, other := newStore(t), newStore(t)
	old := credential(t, path, "ann")
	s := start(t, path, sdktest.Options{})
	state := s.asked.State()
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	want := `disconnect reason="the user was removed, or has another password" tags=map[directory.credential:` + old + "]"
	if got := s.commands(s.refresh); !slices.Equal(got, []string{want}) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Who the successor of the first one has to end it cannot know; but others follow.
	if got := start(t, path, sdktest.Options{State: state}).commands(func() {}); len(got) != 1 || !strings.HasPrefix(got[0], "set_permissions") {
		t.Errorf("the successor: got %q", got)
	}
}

// TestDecoy: to compare the password of somebody unknown costs as much as that of a
// user, also of one who came later.
func TestDecoy(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	s := start(t, path, sdktest.Options{})
	for _, cost := range []int{bcrypt.MinCost, bcrypt.MinCost + 1} {
		err := change(path, func(tx *bbolt.Tx) error { return putUser(tx, "bob", "secret", cost, nil, time.Now()) })
		if err != nil {
			t.Fatal(err)
		}
		s.refresh()
		decoy := s.it.now.Load().decoy
		if got, err := bcrypt.Cost(decoy); got != cost || err != nil {
			t.Errorf("the cost is %d, %v, want %d", got, err, cost)
		}
		if err := bcrypt.CompareHashAndPassword(decoy, nil); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("got %v", err)
		}
	}
}

// TestChangeMeanwhile: the directory changes after the answer to a client, and before
// the broker has its session.
func TestChangeMeanwhile(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	s := start(t, path, sdktest.Options{})
	come := func(id uint64) sdk.Event {
		granted := s.connect("ann", "secret").WantAllow().Identity
		return sdk.Event{Type: "connect", Client: &sdk.Client{ID: id, User: "ann", Tags: granted.Tags}}
	}
	first, second := come(1), come(2)
	if got := s.commands(func() { s.asked.Event(first) }); len(got) != 0 {
		t.Errorf("nothing has changed: %q", got)
	}
	administrate(t, path, "", "add-group", "-publish", "x", "clerks")
	s.commands(s.refresh)
	if got := s.commands(func() { s.asked.Event(first) }); len(got) != 1 || got[0] != "set_permissions id=1 may publish x" {
		t.Errorf("the group has changed: %q", got)
	}
	administrate(t, path, "", "remove-user", "ann")
	s.commands(s.refresh)
	if got := s.commands(func() { s.asked.Event(second) }); len(got) != 1 || !strings.HasSuffix(got[0], "id=2") || !strings.HasPrefix(got[0], "disconnect") {
		t.Errorf("the user is gone: %q", got)
	}
	if s.asked.Event(sdk.Event{Type: "disconnect", Client: &sdk.Client{}}) {
		t.Error("the plugin wants to know who goes")
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	missing, empty := filepath.Join(t.TempDir(), "missing.db"), filepath.Join(t.TempDir(), "empty.db")
	db, err := bbolt.Open(empty, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		config map[string]any
		want   string
	}{
		{"no store", map[string]any{"store": missing}, "add-group"},
		{"all wrong", map[string]any{"every": "often", "store": missing}, "add-group"},
		{"another store", map[string]any{"store": empty}, "not made by this program"},
		{"no duration", map[string]any{"every": "often"}, `"often"`},
		{"a word too many", map[string]any{"stores": "x"}, "stores"},
	} {
		d := newDirectory()
		_, err := sdktest.Run(t, d, sdktest.Options{Config: tt.config}, registrations()...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		d.close()
	}
}

func TestAdminister(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	for _, tt := range []struct {
		name, stdin string
		args        []string
		code        int
		want        string
	}{
		{"no such command", "", []string{"help"}, 2, "Usage"},
		{"no name", "", []string{"remove-user"}, 2, "Usage"},
		{"too many names", "", []string{"remove-user", "a", "b"}, 2, "Usage"},
		{"no such flag", "", []string{"list", "-all"}, 1, "-all"},
		{"no such user", "", []string{"remove-user", "bob"}, 1, `no user "bob"`},
		{"no such group", "", []string{"remove-group", "bob"}, 1, `no group "bob"`},
		{"a user of no such group", "pw", []string{"add-user", "-groups", "bosses", "bob"}, 1, `no group "bosses"`},
		{"no password", "\n", []string{"add-user", "bob"}, 1, "password is empty"},
		{"a password that bcrypt would cut", strings.Repeat("x", 73), []string{"add-user", "bob"}, 1, "72 bytes"},
		{"no subject", "", []string{"add-group", "-publish", "a..b", "x"}, 1, `"a..b"`},
	} {
		var out, complaint bytes.Buffer
		args := tt.args
		if tt.code == 1 {
			args = append([]string{args[0], "-store", path}, args[1:]...)
		}
		if code := administer(args, strings.NewReader(tt.stdin), &out, &complaint); code != tt.code || !strings.Contains(complaint.String(), tt.want) {
			t.Errorf("%s: exit code %d, %q", tt.name, code, &complaint)
		}
	}
	want := "group auditors, subscribe audit.> _INBOX.>\ngroup clerks, publish orders.>, not publish orders.*.void, subscribe _INBOX.>\nuser ann: clerks auditors\n"
	if got := administrate(t, path, "", "list"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestForgotten: the list of what was revoked does not grow for ever.
func TestForgotten(t *testing.T) {
	t.Parallel()
	path := newStore(t)
	old := credential(t, path, "ann")
	now := time.Now()
	for i, days := range []int{0, 1, 100} {
		err := change(path, func(tx *bbolt.Tx) error {
			return putUser(tx, "ann", "pw", bcrypt.MinCost, nil, now.AddDate(0, 0, days))
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := read(path, nil)
		if err != nil || s.revoked[old] != (days < 90) || len(s.revoked) != []int{1, 2, 1}[i] {
			t.Errorf("after %d days %d are known, %v", days, len(s.revoked), err)
		}
	}
}
