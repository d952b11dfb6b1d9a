package library

import (
	"slices"
	"strings"
)

// Modules returns the modules that scripts get by require, in order of their
// names.
func Modules(s *Shared) []*Module {
	list := []*Module{
		cryptoModule(), jsonModule(), jwtModule(s.clock), nkeyModule(), reModule(), subjectModule(), timeModule(s.clock),
		s.clients.module(), s.http.module(), s.kv.module(), s.rateLimit.module(),
	}
	slices.SortFunc(list, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	return list
}
