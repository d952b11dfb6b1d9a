package operator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"

	"moonwire/server/subject"
)

// maxExpanded is how many subjects the templates of one list may become, as in
// nats-server.
const maxExpanded = 4096

// placeholder is an operation in a subject: {{name()}}.
var placeholder = regexp.MustCompile(`{{([^}]+)}}`)

// template fills in the placeholders of a scoped signing key.
type template struct {
	user *jwt.UserClaims
	acct *jwt.AccountClaims
}

// permissions returns p with every list expanded. A subject of an allow list
// whose tag does not exist, or that would not be valid, is left out; what allows
// nothing any more denies everything. In a deny list it is an error, since
// leaving it out would allow more.
func (t *template) permissions(p jwt.Permissions) (jwt.Permissions, error) {
	for _, side := range []*jwt.Permission{&p.Sub, &p.Pub} {
		allow, err := t.list(side.Allow, false)
		if err != nil {
			return p, fmt.Errorf("allowed subjects: %w", err)
		}
		deny, err := t.list(side.Deny, true)
		if err != nil {
			return p, fmt.Errorf("denied subjects: %w", err)
		}
		if len(side.Allow) > 0 && len(allow) == 0 {
			deny = append(slices.Clip(deny), ">")
		}
		side.Allow, side.Deny = allow, deny
	}
	return p, nil
}

// list expands a list of subjects; strict says that each must become a valid
// one. A list without placeholders is as it was.
func (t *template) list(list jwt.StringList, strict bool) (jwt.StringList, error) {
	if !slices.ContainsFunc(list, placeholder.MatchString) {
		return list, nil
	}
	var out jwt.StringList
	for _, s := range list {
		subjects, err := t.expand(s, maxExpanded-len(out))
		if err != nil {
			return nil, err
		}
		if strict && len(subjects) == 0 {
			return nil, fmt.Errorf("template %q names a tag that is not there", s)
		}
		for _, e := range subjects {
			switch {
			case validSubject(e):
				out = append(out, e)
			case strict:
				return nil, fmt.Errorf("template %q becomes a subject that is not valid", s)
			}
		}
	}
	return out, nil
}

// expand returns s with its placeholders filled in: a subject for each
// combination of their values, at most room.
func (t *template) expand(s string, room int) ([]string, error) {
	values := make(map[string][]string)
	var ops []string // in the order of their first use
	count := 1
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		if _, ok := values[m[0]]; ok {
			continue
		}
		v, ok := t.value(strings.TrimSpace(m[1]))
		if !ok {
			return nil, fmt.Errorf("template %q has an operation that does not exist", s)
		}
		ops, values[m[0]] = append(ops, m[0]), v
		if count *= len(v); count > maxExpanded {
			break
		}
	}
	if count > room {
		return nil, fmt.Errorf("template %q has too many combinations of tags: a list may become %d subjects", s, maxExpanded)
	}
	if count == 0 {
		return nil, nil
	}
	out := make([]string, 0, count)
	chosen := make(map[string]string, len(ops))
	for i := range count {
		for _, op := range slices.Backward(ops) { // the last turns fastest
			v := values[op]
			chosen[op] = v[i%len(v)]
			i /= len(v)
		}
		out = append(out, placeholder.ReplaceAllStringFunc(s, func(op string) string { return chosen[op] }))
	}
	return out, nil
}

// value returns what an operation stands for; false for one that does not
// exist. A tag stands for all values that it has, none if it has none.
func (t *template) value(op string) ([]string, bool) {
	switch strings.ToLower(op) {
	case "name()":
		return []string{t.user.Name}, true
	case "subject()":
		return []string{t.user.Subject}, true
	case "account-name()":
		return []string{t.acct.Name}, true
	case "account-subject()":
		return []string{t.acct.Subject}, true
	}
	name, ok := strings.CutSuffix(strings.ToLower(op), ")")
	if tag, found := strings.CutPrefix(name, "tag("); ok && found {
		return tagged(t.user.Tags, tag), true
	}
	if tag, found := strings.CutPrefix(name, "account-tag("); ok && found {
		return tagged(t.acct.Tags, tag), true
	}
	return nil, false
}

// tagged returns the values of a tag: of "team:blue" the tag is team.
func tagged(tags jwt.TagList, name string) (values []string) {
	for _, t := range tags {
		if v, ok := strings.CutPrefix(t, name+":"); ok {
			values = append(values, v)
		}
	}
	return values
}

// validSubject reports whether s may stand in a permission that came from a
// template: there it has no queue.
func validSubject(s string) bool {
	return subject.ValidPattern(s) && !strings.ContainsAny(s, "\t\n\f\r ")
}
