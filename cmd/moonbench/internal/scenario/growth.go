package scenario

import "slices"

// Groups of the same load among more and more of something.
const (
	GroupGrowthSubs  = "growth-subs"
	GroupGrowthConns = "growth-conns"
)

// Growth says of what there is more and more in the scenarios that this one
// belongs to, and how much of it here. It returns "" for a scenario that is no
// part of such a row.
func (s *Scenario) Growth() (what string, n int) {
	switch {
	case slices.Contains(s.Groups, GroupGrowthSubs):
		return "subscriptions", s.Background
	case slices.Contains(s.Groups, GroupGrowthConns):
		return "connections", s.Bystanders
	}
	return "", 0
}
