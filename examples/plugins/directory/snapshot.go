package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"moonwire/plugins/sdk"
)

// snapshot is the directory at one moment. Immutable.
type snapshot struct {
	revision string // of the store; another content has another, also of another store
	decoy    []byte // a hash of no password, which costs as much as those that there are
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

// decoy returns a hash that no password has, of the highest cost of some users: who is
// unknown takes as long as who is known. Salt and sum are zeros, as nobody needs to know
// what it is a hash of.
func decoy(users map[string]*user) []byte {
	most := bcrypt.MinCost
	for _, u := range users {
		if c, err := bcrypt.Cost(u.Hash); err == nil {
			most = max(most, c)
		}
	}
	return fmt.Appendf(nil, "$2a$%02d$%s", most, strings.Repeat(".", 53))
}

func add(to *sdk.Rules, r rules) {
	to.Allow = distinct(append(to.Allow, r.Allow...))
	to.Deny = distinct(append(to.Deny, r.Deny...))
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
