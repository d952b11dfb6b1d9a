package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultLimit is how many connections /connz lists unless told otherwise.
const DefaultLimit = 1024

// globalAccount is the account that nats-server does not name in /connz.
const globalAccount = "$G"

// ConnState says which connections are meant.
type ConnState int

// The states of connections.
const (
	ConnOpen   ConnState = iota // the default
	ConnClosed                  // those the broker remembers
	ConnAny                     // both
)

// ConnzOptions select, order and detail the connections of /connz. The zero
// value lists the first DefaultLimit open connections by id.
type ConnzOptions struct {
	// Sort is what to sort by: cid (the default), start, subs, pending, msgs_to,
	// msgs_from, bytes_to, bytes_from, last, idle, uptime, rtt, and, with
	// ConnClosed only, stop and reason. cid, start, uptime and reason are
	// ascending, all else is descending. Equals come by cid.
	Sort       string    `json:"sort"`
	Auth       bool      `json:"auth"`                 // tell user, account and what else belongs to them
	Subs       bool      `json:"subscriptions"`        // list subjects
	SubsDetail bool      `json:"subscriptions_detail"` // list subscriptions; goes before Subs
	Offset     int       `json:"offset"`               // leave out so many; below 0: 0
	Limit      int       `json:"limit"`                // list at most so many; 0 or below: DefaultLimit
	CID        uint64    `json:"cid"`                  // this connection only; 0: all
	State      ConnState `json:"state"`                // default ConnOpen
	User       string    `json:"user"`                 // this user's connections only; empty: all
	Account    string    `json:"acc"`                  // this account's connections only; empty: all
}

// Connz is the answer of /connz.
type Connz struct {
	ID       string      `json:"server_id"`
	Now      time.Time   `json:"now"`
	NumConns int         `json:"num_connections"` // in Conns
	Total    int         `json:"total"`           // in the asked state and account
	Offset   int         `json:"offset"`
	Limit    int         `json:"limit"`
	Conns    []*ConnInfo `json:"connections"` // never nil
}

// ConnInfo is a connection in /connz. Fields marked [m] are set by the Monitor;
// it clears those marked [auth] unless ConnzOptions.Auth asks for them.
type ConnInfo struct {
	CID            uint64      `json:"cid"`
	Kind           string      `json:"kind,omitempty"` // Client or Leafnode
	Type           string      `json:"type,omitempty"` // nats, mqtt or websocket
	IP             string      `json:"ip"`
	Port           int         `json:"port"`
	Start          time.Time   `json:"start"`
	LastActivity   time.Time   `json:"last_activity"`
	Stop           *time.Time  `json:"stop,omitempty"`   // nil: open
	Reason         string      `json:"reason,omitempty"` // why it was closed
	RTT            RTT         `json:"rtt"`              // 0: not known
	Uptime         string      `json:"uptime"`           // [m]
	Idle           string      `json:"idle"`             // [m]
	Pending        int         `json:"pending_bytes"`
	InMsgs         int64       `json:"in_msgs"`
	OutMsgs        int64       `json:"out_msgs"`
	InBytes        int64       `json:"in_bytes"`
	OutBytes       int64       `json:"out_bytes"`
	Stalls         int64       `json:"stalls,omitempty"`
	NumSubs        uint32      `json:"subscriptions"`
	Name           string      `json:"name,omitempty"`
	Lang           string      `json:"lang,omitempty"`
	Version        string      `json:"version,omitempty"`
	TLSVersion     string      `json:"tls_version,omitempty"`
	TLSCipher      string      `json:"tls_cipher_suite,omitempty"`
	TLSPeerCerts   []PeerCert  `json:"tls_peer_certs,omitempty"` // [auth]
	TLSFirst       bool        `json:"tls_first,omitempty"`
	AuthorizedUser string      `json:"authorized_user,omitempty"`           // [auth]
	Account        string      `json:"account,omitempty"`                   // [auth] always set; $G is not shown
	Subs           []string    `json:"subscriptions_list,omitempty"`        // [m]
	SubsDetail     []SubDetail `json:"subscriptions_list_detail,omitempty"` // [m]
	JWT            string      `json:"jwt,omitempty"`                       // [auth] empty for bearer tokens
	IssuerKey      string      `json:"issuer_key,omitempty"`                // [auth]
	NameTag        string      `json:"name_tag,omitempty"`                  // [auth]
	Tags           []string    `json:"tags,omitempty"`                      // [auth]
}

// PeerCert is a certificate that a client presented; the digests are hex.
type PeerCert struct {
	Subject          string `json:"subject,omitempty"`
	SubjectPKISha256 string `json:"spki_sha256,omitempty"`
	CertSha256       string `json:"cert_sha256,omitempty"`
}

// SubDetail is a subscription of a connection.
type SubDetail struct {
	Account    string `json:"account,omitempty"`
	AccountTag string `json:"account_tag,omitempty"`
	Subject    string `json:"subject"`
	Queue      string `json:"qgroup,omitempty"`
	Sid        string `json:"sid"`
	Msgs       int64  `json:"msgs"`
	Max        int64  `json:"max,omitempty"`
	CID        uint64 `json:"cid"`
}

// RTT is a round trip time. In JSON it is text as "1.5ms".
type RTT time.Duration

// MarshalText implements encoding.TextMarshaler. Between a microsecond and a
// millisecond the nanoseconds are cut off.
func (r RTT) MarshalText() ([]byte, error) {
	d := time.Duration(r)
	if d > time.Microsecond && d < time.Millisecond {
		d = d.Truncate(time.Microsecond)
	}
	return []byte(d.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *RTT) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*r = RTT(d)
	return err
}

// Connz returns the connections that o asks for. It returns an error, which names
// the option and the allowed values, if o.Sort or o.State is none of them.
func (m *Monitor) Connz(o ConnzOptions) (Connz, error) {
	now := time.Now().UTC()
	compare, err := o.comparison(now)
	if err != nil {
		return Connz{}, err
	}
	o.Offset = max(o.Offset, 0)
	switch {
	case o.CID > 0:
		o.Limit = 1
	case o.Limit <= 0:
		o.Limit = DefaultLimit
	}
	all := m.source.Conns(o.State)
	c := Connz{ID: m.source.ServerID(), Now: now, Offset: o.Offset, Limit: o.Limit}
	conns := make([]*ConnInfo, 0, len(all))
	for i := range all {
		ci := &all[i]
		if o.Account != "" && ci.Account != o.Account {
			continue
		}
		c.Total++
		if (o.CID == 0 || ci.CID == o.CID) && (o.User == "" || ci.AuthorizedUser == o.User) {
			conns = append(conns, ci)
		}
	}
	slices.SortFunc(conns, func(a, b *ConnInfo) int {
		return cmp.Or(compare(a, b), cmp.Compare(a.CID, b.CID))
	})
	first := min(o.Offset, len(conns))
	c.Conns = conns[first : first+min(o.Limit, len(conns)-first)]
	c.NumConns = len(c.Conns)
	for _, ci := range c.Conns {
		m.complete(ci, o, now)
	}
	return c, nil
}

// complete sets and clears the fields of ci as o asks for.
func (m *Monitor) complete(ci *ConnInfo, o ConnzOptions, now time.Time) {
	end := ci.end(now)
	ci.Uptime, ci.Idle = uptime(end.Sub(ci.Start)), uptime(end.Sub(ci.LastActivity))
	if !o.Auth {
		ci.AuthorizedUser, ci.Account, ci.NameTag = "", "", ""
		ci.JWT, ci.IssuerKey, ci.Tags, ci.TLSPeerCerts = "", "", nil, nil
	}
	if ci.Account == globalAccount {
		ci.Account = ""
	}
	if !o.Subs && !o.SubsDetail {
		return
	}
	subs := m.source.Subscriptions(ci.CID)
	if o.SubsDetail {
		ci.SubsDetail = subs
		return
	}
	for _, sub := range subs {
		ci.Subs = append(ci.Subs, sub.Subject)
	}
}

// comparison returns the order that o asks for, or an error if there is none.
func (o ConnzOptions) comparison(now time.Time) (func(a, b *ConnInfo) int, error) {
	if o.State < ConnOpen || o.State > ConnAny {
		return nil, fmt.Errorf("state: %d is none of %d, %d, %d", o.State, ConnOpen, ConnClosed, ConnAny)
	}
	var names []string
	for _, order := range connOrders(now) {
		if order.name == o.Sort {
			if order.closedOnly && o.State != ConnClosed {
				return nil, fmt.Errorf("sort: %q goes with closed connections only", o.Sort)
			}
			return order.compare, nil
		}
		if !order.closedOnly || o.State == ConnClosed {
			names = append(names, order.name)
		}
	}
	if o.Sort == "" {
		return byCID, nil
	}
	return nil, fmt.Errorf("sort: %q is none of %s", o.Sort, strings.Join(names, ", "))
}

// connOrder is something to sort connections by.
type connOrder struct {
	name       string
	closedOnly bool
	compare    func(a, b *ConnInfo) int
}

func byCID(a, b *ConnInfo) int { return cmp.Compare(a.CID, b.CID) }

// connOrders returns all that connections can be sorted by. The ages are those at
// the time now.
func connOrders(now time.Time) []connOrder {
	age := func(ci *ConnInfo) time.Duration { return ci.end(now).Sub(ci.Start) }
	stop := func(ci *ConnInfo) time.Time { return ci.end(time.Time{}) }
	return []connOrder{
		{"cid", false, byCID},
		{"start", false, byCID}, // ids are given in order of start
		{"subs", false, func(a, b *ConnInfo) int { return cmp.Compare(b.NumSubs, a.NumSubs) }},
		{"pending", false, func(a, b *ConnInfo) int { return cmp.Compare(b.Pending, a.Pending) }},
		{"msgs_to", false, func(a, b *ConnInfo) int { return cmp.Compare(b.OutMsgs, a.OutMsgs) }},
		{"msgs_from", false, func(a, b *ConnInfo) int { return cmp.Compare(b.InMsgs, a.InMsgs) }},
		{"bytes_to", false, func(a, b *ConnInfo) int { return cmp.Compare(b.OutBytes, a.OutBytes) }},
		{"bytes_from", false, func(a, b *ConnInfo) int { return cmp.Compare(b.InBytes, a.InBytes) }},
		{"last", false, func(a, b *ConnInfo) int { return b.LastActivity.Compare(a.LastActivity) }},
		{"idle", false, func(a, b *ConnInfo) int { return a.LastActivity.Compare(b.LastActivity) }},
		{"uptime", false, func(a, b *ConnInfo) int { return cmp.Compare(age(a), age(b)) }},
		{"rtt", false, func(a, b *ConnInfo) int { return cmp.Compare(b.RTT, a.RTT) }},
		{"stop", true, func(a, b *ConnInfo) int { return stop(b).Compare(stop(a)) }},
		{"reason", true, func(a, b *ConnInfo) int { return cmp.Compare(a.Reason, b.Reason) }},
	}
}

// end returns when a connection was closed, or now if it was not.
func (ci *ConnInfo) end(now time.Time) time.Time {
	if ci.Stop == nil {
		return now
	}
	return *ci.Stop
}
