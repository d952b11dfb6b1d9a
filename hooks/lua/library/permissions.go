package library

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
	"moonwire/server/subject"
)

// PermissionTypes is the shape of the table that [ParsePermissions] reads.
func PermissionTypes() []Type { return slices.Clone(permissionTypes) }

var permissionTypes = []Type{
	{
		Name: "Permissions",
		Doc: "What a client may do. A part that is missing bounds nothing; but where allow_responses is set and " +
			"publish is missing, the client may publish answers only.",
		Fields: []Param{
			{"publish", "Rules|string[]|string|nil", "What it may publish to. A list is short for { allow = list }."},
			{"subscribe", "Rules|string[]|string|nil", "What it may subscribe to. A rule may have a queue behind a blank."},
			{"allow_responses", "boolean|integer|Responses|nil", "Lets it answer what it receives: true is once, within two minutes; " +
				"a number is how often."},
		},
	},
	{
		Name: "Rules",
		Doc:  "Subjects, which may have wildcards. What is denied is not allowed.",
		Fields: []Param{
			{"allow", "string[]|string|nil", "Subjects that are allowed. Without this all are; an empty list allows none."},
			{"deny", "string[]|string|nil", "Subjects that are not."},
		},
	},
	{
		Name: "Responses",
		Doc:  "How much a client may answer.",
		Fields: []Param{
			{"max", "integer?", "Messages to one reply subject; 1 by default, -1 is no bound."},
			{"expires", "number?", "Seconds in which it may answer; 120 by default, -1 is no bound."},
		},
	},
}

// ParsePermissions reads what a script says that a client may do:
//
//	{ publish = rules, subscribe = rules, allow_responses = true | max | { max =, expires = } }
//
// where rules are { allow = list, deny = list } or a list, which is to be
// allowed, and a list may be one string. Unknown keys and what is no subject are
// errors, which begin with where, such as "permissions".
//
// A rule of Lua becomes one of [hooks.Permissions] but for two cases in which a
// script would allow more than it says: a list that is there and empty allows
// nothing, and a table without any key is an error.
//
// It is for functions that scripts call: what it makes is charged to the call.
func ParsePermissions(vm *sandbox.VM, t sandbox.Table, where string) (*hooks.Permissions, error) {
	if err := CheckKeys(t, where, "publish", "subscribe", "allow_responses"); err != nil {
		return nil, err
	}
	p, said := new(hooks.Permissions), false
	for _, part := range []struct {
		key   string
		rules *hooks.Rules
		check func(string) string
	}{
		{"publish", &p.Publish, wrongPublish},
		{"subscribe", &p.Subscribe, wrongSubscribe},
	} {
		v := t.Get(part.key)
		if v.IsNil() {
			continue
		}
		var err error
		if *part.rules, err = parseRules(vm, v, where+"."+part.key, part.check); err != nil {
			return nil, err
		}
		said = true
	}
	v := t.Get("allow_responses")
	if !said && v.IsNil() {
		return nil, fmt.Errorf("%s: says nothing: give publish, subscribe or allow_responses", where)
	}
	var err error
	if p.Responses, err = parseResponses(v, where+".allow_responses"); err != nil {
		return nil, err
	}
	return p, nil
}

func parseRules(vm *sandbox.VM, v sandbox.Value, where string, check func(string) string) (r hooks.Rules, err error) {
	allow, deny := v, sandbox.Value{}
	if t, ok := v.Table(); ok && hasNames(vm, t) {
		if err := CheckKeys(t, where, "allow", "deny"); err != nil {
			return r, err
		}
		allow, deny = t.Get("allow"), t.Get("deny")
		if r.Allow, err = parseSubjects(vm, allow, where+".allow", check); err != nil {
			return r, err
		}
	} else if r.Allow, err = parseSubjects(vm, allow, where, check); err != nil {
		return r, err
	}
	if r.Deny, err = parseSubjects(vm, deny, where+".deny", check); err != nil {
		return r, err
	}
	if !allow.IsNil() && len(r.Allow) == 0 {
		r.Deny = []string{">"}
	}
	return r, nil
}

// hasNames reports whether a table has keys that are strings.
func hasNames(vm *sandbox.VM, t sandbox.Table) (has bool) {
	t.EachField(func(key, _ sandbox.Value) bool {
		vm.Step(1)
		_, has = key.Text()
		return !has
	})
	return has
}

// parseSubjects reads a list, one string, or nil. Check says what is wrong with
// a subject, or nothing.
func parseSubjects(vm *sandbox.VM, v sandbox.Value, where string, check func(string) string) ([]string, error) {
	if s, ok := v.Text(); ok {
		s, err := parseSubject(vm, s, check)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		return []string{s}, nil
	}
	if v.IsNil() {
		return nil, nil
	}
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("%s: is a %s and must be a list of subjects", where, v.Kind())
	}
	var list []string
	var err error
	t.Each(func(key, element sandbox.Value) bool {
		at := len(list) + 1
		if f, ok := key.Number(); !ok || f != float64(at) {
			// Where a list has a hole, a subject that was to stand there is missing.
			err = fmt.Errorf("%s: is no list: it has nothing at %d, and something behind that", where, at)
			return false
		}
		s, ok := element.Text()
		if !ok {
			err = fmt.Errorf("%s[%d]: is a %s and must be a subject", where, at, element.Kind())
			return false
		}
		if s, err = parseSubject(vm, s, check); err != nil {
			err = fmt.Errorf("%s[%d]: %w", where, at, err)
			return false
		}
		list = append(list, s)
		return true
	})
	return list, err
}

// parseSubject checks a subject and copies it: it may be a piece of something long.
// It is paid for before, as a list may hold the same long text many times over.
func parseSubject(vm *sandbox.VM, s string, check func(string) string) (string, error) {
	vm.Step(4 + len(s)/16)
	vm.Charge(48 + len(s))
	if why := check(s); why != "" {
		return "", fmt.Errorf("%q is %s", brief(s, 64), why)
	}
	return strings.Clone(s), nil
}

func wrongPublish(s string) string {
	if validRule(s) {
		return ""
	}
	return "not a valid subject"
}

func wrongSubscribe(s string) string {
	subj, queue, has := strings.Cut(s, " ")
	if validRule(subj) && (!has || validRule(queue)) {
		return ""
	}
	return "not a valid subject, with or without a queue behind a blank"
}

func validRule(s string) bool {
	return subject.ValidPattern(s) && !strings.ContainsAny(s, " \t\r\n")
}

func parseResponses(v sandbox.Value, where string) (*hooks.Responses, error) {
	if v.Kind() == sandbox.KindBool || v.IsNil() {
		if v.True() {
			return new(hooks.Responses), nil
		}
		return nil, nil
	}
	r, most := new(hooks.Responses), v
	if t, ok := v.Table(); ok {
		if err := CheckKeys(t, where, "max", "expires"); err != nil {
			return nil, err
		}
		if expires := t.Get("expires"); isMinusOne(expires) {
			r.Expires = -1
		} else if !expires.IsNil() {
			var err error
			if r.Expires, err = seconds(expires); err != nil {
				return nil, fmt.Errorf("%s.expires: %w, or -1 for no bound", where, err)
			}
		}
		most, where = t.Get("max"), where+".max"
	}
	if most.IsNil() {
		return r, nil
	}
	f, ok := most.Number()
	if !ok || f != math.Trunc(f) || f > math.MaxInt32 || f < 1 && f != -1 {
		return nil, fmt.Errorf("%s: must be a whole number above 0, or -1 for no bound", where)
	}
	r.Max = int(f)
	return r, nil
}

func isMinusOne(v sandbox.Value) bool {
	f, ok := v.Number()
	return ok && f == -1
}
