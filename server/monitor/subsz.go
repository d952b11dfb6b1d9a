package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"moonwire/server/subject"
)

// SubszOptions select the subscriptions of /subsz. The zero value counts them and
// lists none.
type SubszOptions struct {
	Offset  int    `json:"offset"`            // leave out so many; below 0: 0
	Limit   int    `json:"limit"`             // list at most so many; 0 or below: DefaultLimit
	Subs    bool   `json:"subscriptions"`     // list them
	Account string `json:"account,omitempty"` // of this account only; empty: all
	Test    string `json:"test,omitempty"`    // list those only that a message on this subject reaches; empty: all
}

// Subsz is the answer of /subsz.
type Subsz struct {
	ID  string    `json:"server_id"`
	Now time.Time `json:"now"`
	IndexStats
	Total  int         `json:"total"` // that could be listed; 0 unless a list is asked for
	Offset int         `json:"offset"`
	Limit  int         `json:"limit"`
	Subs   []SubDetail `json:"subscriptions_list,omitempty"` // those of connections, by connection and subject
}

// IndexStats tell of the index of subscriptions. But for the number of them they
// are 0, and there for the shape: the index does not count what nobody needs.
type IndexStats struct {
	NumSubs      uint32  `json:"num_subscriptions"` // but for the server's own
	NumCache     uint32  `json:"num_cache"`
	NumInserts   uint64  `json:"num_inserts"`
	NumRemoves   uint64  `json:"num_removes"`
	NumMatches   uint64  `json:"num_matches"`
	CacheHitRate float64 `json:"cache_hit_rate"`
	MaxFanout    uint32  `json:"max_fanout"`
	AvgFanout    float64 `json:"avg_fanout"`
}

// Subsz returns the subscriptions that o asks for. The error says which of them
// makes no sense.
func (m *Monitor) Subsz(o SubszOptions) (*Subsz, error) {
	if o.Test != "" && !subject.ValidLiteral(o.Test) {
		return nil, fmt.Errorf("test: %q is not a subject to publish to: it must have no wildcards and no empty tokens", o.Test)
	}
	z := &Subsz{ID: m.source.ServerID(), Now: time.Now().UTC(), Offset: max(o.Offset, 0), Limit: o.Limit}
	if z.Limit <= 0 {
		z.Limit = DefaultLimit
	}
	for _, a := range m.source.Accounts() {
		if o.Account == "" || a.Info.Name == o.Account {
			z.NumSubs += a.Info.NumSubs
		}
	}
	if !o.Subs {
		return z, nil
	}
	for _, c := range m.source.Conns(ConnOpen) {
		if o.Account != "" && c.Account != o.Account {
			continue
		}
		for _, s := range m.source.Subscriptions(c.CID) {
			if o.Test == "" || subject.Match(s.Subject, o.Test) {
				s.AccountTag = c.NameTag
				z.Subs = append(z.Subs, s)
			}
		}
	}
	slices.SortFunc(z.Subs, func(a, b SubDetail) int {
		return cmp.Or(cmp.Compare(a.CID, b.CID), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Sid, b.Sid))
	})
	z.Total = len(z.Subs)
	from := min(z.Offset, z.Total)
	z.Subs = z.Subs[from:min(from+z.Limit, z.Total)]
	return z, nil
}
