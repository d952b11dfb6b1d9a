package main

import (
	"slices"

	"moonwire/plugins/sdk"
)

// snapshot is the directory at one moment. Immutable.
type snapshot struct {
	revision int // of the store; another content has another
	users    map[string]*user
	groups   map[string]*group
	revoked  map[string]bool // credentials
}

// permissions are those of all groups of a user together; what one of them denies is
// denied. A group that there is not gives nothing.
func (s *snapshot) permissions(u *user) *sdk.Permissions {
	var p sdk.Permissions
	for _, name := range u.Groups {
		g := s.groups[name]
		if g == nil {
			continue
		}
		add(&p.Publish, g.Publish)
		add(&p.Subscribe, g.Subscribe)
	}
	// To the broker no list is no bound, and here it is nothing.
	for _, r := range []*sdk.Rules{&p.Publish, &p.Subscribe} {
		if len(r.Allow) == 0 {
			r.Deny = []string{">"}
		}
	}
	return &p
}

func add(to *sdk.Rules, r rules) {
	to.Allow = distinct(append(to.Allow, r.Allow...))
	to.Deny = distinct(append(to.Deny, r.Deny...))
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
