package lua

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// Keys of allow: those that are for connect only, and for all points.
var (
	identityKeys = []string{"user", "account", "permissions", "limits", "tags", "expires"}
	allowKeys    = append(append([]string{}, identityKeys...), "ttl", "no_cache")
)

// read reads the table of an allow.
func (ans *answer) read(a *sandbox.Args, t sandbox.Table) (err error) {
	if err = checkKeys(t, "the table", allowKeys...); err != nil {
		return err
	}
	for _, k := range identityKeys {
		if !t.Get(k).IsNil() {
			ans.key = k
		}
	}
	if ans.ttl, err = seconds(t.Get("ttl"), "ttl"); err != nil {
		return err
	}
	switch v := t.Get("no_cache"); v.Kind() {
	case sandbox.KindNil:
	case sandbox.KindBool:
		ans.noCache = v.True()
	default:
		return fmt.Errorf("no_cache is a %s; want true or false", v.Kind())
	}
	if ttl := t.Get("ttl"); !ttl.IsNil() && ans.ttl == 0 {
		return errors.New("ttl is 0; want more, or no_cache for an answer that is not kept")
	}
	if ans.key == "" && ans.ttl == 0 {
		return nil
	}
	ans.identity, err = readIdentity(a, t, ans.ttl > 0)
	return err
}

func readIdentity(a *sandbox.Args, t sandbox.Table, ttl bool) (id *hooks.Identity, err error) {
	id = new(hooks.Identity)
	a.Charge(512)
	if id.User, err = name(t, "user"); err != nil {
		return nil, err
	}
	if id.Account, err = name(t, "account"); err != nil {
		return nil, err
	}
	if v := t.Get("expires"); !v.IsNil() {
		if ttl {
			return nil, errors.New("it has both ttl and expires; want one of them")
		}
		if id.Expires, err = unixTime(v); err != nil {
			return nil, err
		}
	}
	if v := t.Get("tags"); !v.IsNil() {
		if id.Tags, err = readTags(a, v); err != nil {
			return nil, err
		}
	}
	if v := t.Get("limits"); !v.IsNil() {
		if id.Limits, err = readLimits(v); err != nil {
			return nil, err
		}
	}
	if v := t.Get("permissions"); !v.IsNil() {
		id.Permissions, err = readPermissions(a, v)
	}
	return id, err
}

// name reads a text that is not empty if it is there.
func name(t sandbox.Table, key string) (string, error) {
	v := t.Get(key)
	if v.IsNil() {
		return "", nil
	}
	s, ok := v.Text()
	if !ok || s == "" {
		return "", fmt.Errorf("%s is %s; want a text that is not empty", key, article(v))
	}
	return s, nil
}

func article(v sandbox.Value) string {
	if s, ok := v.Text(); ok && s == "" {
		return "empty"
	}
	return "a " + v.Kind().String()
}

// unixTime reads a time in seconds since 1970, as in the exp of a JWT.
func unixTime(v sandbox.Value) (time.Time, error) {
	f, ok := v.Number()
	if !ok {
		return time.Time{}, fmt.Errorf("expires is a %s; want Unix seconds", v.Kind())
	}
	if !(f > 0 && f <= 1<<40) { // also when it is no number at all
		return time.Time{}, fmt.Errorf("expires is %v; want Unix seconds", f)
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// mostTags is how many tags an identity may have.
const mostTags = 64

func readTags(a *sandbox.Args, v sandbox.Value) (tags map[string]string, err error) {
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("tags is a %s; want a table of texts", v.Kind())
	}
	tags = make(map[string]string)
	t.Each(func(key, value sandbox.Value) bool {
		k, ok := key.Text()
		s, isText := value.Text()
		switch {
		case !ok || k == "":
			err = errors.New("tags: it has elements or an empty name; want names and texts")
		case !isText:
			err = fmt.Errorf("tags.%s is a %s; want a text", k, value.Kind())
		case len(tags) == mostTags:
			err = fmt.Errorf("tags: there are more than %d", mostTags)
		}
		a.Charge(128 + len(k) + len(s))
		tags[k] = s
		return err == nil
	})
	return tags, err
}

func readLimits(v sandbox.Value) (l hooks.Limits, err error) {
	t, ok := v.Table()
	if !ok {
		return l, fmt.Errorf("limits is a %s; want a table with subscriptions and payload", v.Kind())
	}
	if err = checkKeys(t, "limits", "subscriptions", "payload"); err != nil {
		return l, err
	}
	for key, to := range map[string]*int{"subscriptions": &l.MaxSubscriptions, "payload": &l.MaxPayload} {
		if v := t.Get(key); !v.IsNil() {
			if *to, err = whole(v, "limits."+key, 1); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

func readPermissions(a *sandbox.Args, v sandbox.Value) (*hooks.Permissions, error) {
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("permissions is a %s; want a table with publish, subscribe and allow_responses", v.Kind())
	}
	err := checkKeys(t, "permissions", "publish", "subscribe", "allow_responses")
	if err != nil {
		return nil, err
	}
	p := new(hooks.Permissions)
	if p.Publish, err = readRules(a, t.Get("publish"), "permissions.publish", checkPattern); err != nil {
		return nil, err
	}
	if p.Subscribe, err = readRules(a, t.Get("subscribe"), "permissions.subscribe", checkSubscription); err != nil {
		return nil, err
	}
	p.Responses, err = readResponses(t.Get("allow_responses"))
	return p, err
}

// readRules reads what is allowed and denied. A list of what is allowed that is
// there and empty allows nothing: a script that found no subjects for somebody
// does not mean all of them.
func readRules(a *sandbox.Args, v sandbox.Value, what string, check func(string) error) (r hooks.Rules, err error) {
	if v.IsNil() {
		return r, nil
	}
	t, ok := v.Table()
	if !ok {
		return r, fmt.Errorf("%s is a %s; want a table with allow and deny", what, v.Kind())
	}
	if err = checkKeys(t, what, "allow", "deny"); err != nil {
		return r, err
	}
	allowed, denied := t.Get("allow"), t.Get("deny")
	if allowed.IsNil() && denied.IsNil() {
		return r, fmt.Errorf("%s has neither allow nor deny; leave it out for no bound, or write allow = {} for nothing", what)
	}
	if r.Deny, err = readSubjects(a, denied, what+".deny", check); err != nil {
		return r, err
	}
	if r.Allow, err = readSubjects(a, allowed, what+".allow", check); err != nil {
		return r, err
	}
	if !allowed.IsNil() && len(r.Allow) == 0 {
		r.Deny = []string{">"}
	}
	return r, nil
}

func readSubjects(a *sandbox.Args, v sandbox.Value, what string, check func(string) error) ([]string, error) {
	if v.IsNil() {
		return nil, nil
	}
	list, err := texts(v, what)
	if err != nil {
		return nil, err
	}
	a.Charge(16 * len(list))
	a.Step(4 * len(list))
	for _, s := range list {
		if err := check(s); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	return list, nil
}

// checkSubscription checks a subject, with or without a queue group behind a
// blank.
func checkSubscription(s string) error {
	subj, queue, has := strings.Cut(s, " ")
	if checkPattern(subj) != nil || has && checkPattern(queue) != nil {
		return fmt.Errorf("%q is not a valid subject, with or without a queue group behind a blank", s)
	}
	return nil
}

func readResponses(v sandbox.Value) (*hooks.Responses, error) {
	switch v.Kind() {
	case sandbox.KindNil:
		return nil, nil
	case sandbox.KindBool:
		if v.True() {
			return new(hooks.Responses), nil
		}
		return nil, nil
	}
	t, ok := v.Table()
	if !ok {
		return nil, fmt.Errorf("permissions.allow_responses is a %s; want true, or a table with max and expires", v.Kind())
	}
	err := checkKeys(t, "permissions.allow_responses", "max", "expires")
	if err != nil {
		return nil, err
	}
	r := new(hooks.Responses)
	if v := t.Get("max"); !v.IsNil() {
		if r.Max, err = whole(v, "permissions.allow_responses.max", 1); err != nil {
			return nil, err
		}
	}
	r.Expires, err = seconds(t.Get("expires"), "permissions.allow_responses.expires")
	return r, err
}
