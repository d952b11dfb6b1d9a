package lua

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// Keys of allow: those that are for connect only, and for all points.
var (
	identityKeys = []string{"user", "account", "permissions", "limits", "tags", "expires"}
	allowKeys    = append(append([]string{}, identityKeys...), "ttl", "no_cache")
)

// read reads the table of an allow.
func (ans *answer) read(a *sandbox.Args, t sandbox.Table) (err error) {
	if err = library.CheckKeys(t, "the table", allowKeys...); err != nil {
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

// mostName is how long the name of a user, an account or a tag may be, and the
// text of a tag, in bytes: a connection keeps them for as long as it lasts.
const mostName = 1024

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
	if len(s) > mostName {
		return "", fmt.Errorf("%s has %d bytes; want at most %d", key, len(s), mostName)
	}
	return strings.Clone(s), nil // it may be a piece of something long
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
		case len(k) > mostName || len(s) > mostName:
			err = fmt.Errorf("tags: a name or text is longer than %d bytes", mostName)
		case !isText:
			err = fmt.Errorf("tags.%s is a %s; want a text", k, value.Kind())
		case len(tags) == mostTags:
			err = fmt.Errorf("tags: there are more than %d", mostTags)
		}
		a.Charge(128 + len(k) + len(s))
		tags[strings.Clone(k)] = strings.Clone(s)
		return err == nil
	})
	return tags, err
}

func readLimits(v sandbox.Value) (l hooks.Limits, err error) {
	t, ok := v.Table()
	if !ok {
		return l, fmt.Errorf("limits is a %s; want a table with subscriptions and payload", v.Kind())
	}
	if err = library.CheckKeys(t, "limits", "subscriptions", "payload"); err != nil {
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
	return library.ParsePermissions(a.VM(), t, "permissions")
}
