package monitor

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// AccountState is an account as monitoring sees it: what it is, and what goes on
// in it.
type AccountState struct {
	Info AccountInfo
	Stat AccountStat
}

// AccountInfo is an account in /accountz.
type AccountInfo struct {
	Name      string                          `json:"account_name"`
	Updated   time.Time                       `json:"update_time,omitzero"`
	IsSystem  bool                            `json:"is_system,omitempty"`
	Expired   bool                            `json:"expired"`
	Complete  bool                            `json:"complete"` // all that it imports is there
	JetStream bool                            `json:"jetstream_enabled"`
	Leafs     int                             `json:"leafnode_connections"`
	Clients   int                             `json:"client_connections"`
	NumSubs   uint32                          `json:"subscriptions"`
	Mappings  map[string][]AccountDestination `json:"mappings,omitempty"` // by the subject that is mapped
	Exports   []AccountExport                 `json:"exports,omitempty"`
	Imports   []AccountImport                 `json:"imports,omitempty"`
	IssuerKey string                          `json:"issuer_key,omitempty"`
	NameTag   string                          `json:"name_tag,omitempty"`
	Index     IndexStats                      `json:"sublist_stats"`
}

// AccountDestination is a subject that messages get by a mapping.
type AccountDestination struct {
	Subject string `json:"subject"`
	Weight  int    `json:"weight"` // percent
	Cluster string `json:"cluster,omitempty"`
}

// AccountExport is a stream or a service that an account offers.
type AccountExport struct {
	Subject  string   `json:"subject,omitempty"`
	Type     string   `json:"type,omitempty"` // stream or service
	Response string   `json:"response_type,omitempty"`
	Position int      `json:"account_token_position,omitempty"`
	Accounts []string `json:"approved_accounts,omitempty"` // empty: all
}

// AccountImport is a stream or a service that an account takes in.
type AccountImport struct {
	Subject string `json:"subject,omitempty"`
	Account string `json:"account,omitempty"`
	To      string `json:"to,omitempty"`            // of a service: the same as Local
	Local   string `json:"local_subject,omitempty"` // what it is here
	Type    string `json:"type,omitempty"`          // stream or service
	Invalid bool   `json:"invalid"`
	Share   bool   `json:"share"`
}

// Accountz is the answer of /accountz: the names of all accounts, or one of them.
type Accountz struct {
	ID      string       `json:"server_id"`
	Now     time.Time    `json:"now"`
	System  string       `json:"system_account,omitempty"`
	Names   []string     `json:"accounts,omitempty"`
	Account *AccountInfo `json:"account_detail,omitempty"`
}

// ErrNoAccount is wrapped by the error for an account that is not there.
var ErrNoAccount = errors.New("there is no such account")

// AccountzOptions select what /accountz tells.
type AccountzOptions struct {
	Account string `json:"account"` // of this account; empty: the names of all
}

// Accountz returns the names of the accounts, or one account.
func (m *Monitor) Accountz(o AccountzOptions) (*Accountz, error) {
	z := &Accountz{ID: m.source.ServerID(), Now: time.Now().UTC()}
	for _, a := range m.source.Accounts() {
		if a.Info.IsSystem {
			z.System = a.Info.Name
		}
		switch o.Account {
		case "":
			z.Names = append(z.Names, a.Info.Name)
		case a.Info.Name:
			z.Account = &a.Info
		}
	}
	if o.Account != "" && z.Account == nil {
		return nil, fmt.Errorf("acc: %q: %w", o.Account, ErrNoAccount)
	}
	return z, nil
}

// AccountStat is what goes on in an account, in /accstatz.
type AccountStat struct {
	Account       string `json:"acc"`
	Name          string `json:"name"`
	Conns         int    `json:"conns"`
	Leafs         int    `json:"leafnodes"`
	TotalConns    int    `json:"total_conns"` // Conns and Leafs
	NumSubs       uint32 `json:"num_subscriptions"`
	Sent          Data   `json:"sent"`     // to connections
	Received      Data   `json:"received"` // from connections
	SlowConsumers int64  `json:"slow_consumers"`
}

// Data counts messages and their bytes.
type Data struct {
	MsgBytes
	Gateways *MsgBytes `json:"gateways,omitempty"` // of Msgs and Bytes
	Routes   *MsgBytes `json:"routes,omitempty"`   // the same
	Leafs    *MsgBytes `json:"leafs,omitempty"`    // the same
}

// MsgBytes are messages and bytes.
type MsgBytes struct {
	Msgs  int64 `json:"msgs"`
	Bytes int64 `json:"bytes"`
}

// ClientData returns counts of which all is of clients.
func ClientData(msgs, bytes int64) Data {
	return Data{MsgBytes{msgs, bytes}, new(MsgBytes), new(MsgBytes), new(MsgBytes)}
}

// AccountStatzOptions select the accounts of /accstatz. The zero value lists those
// that have connections.
type AccountStatzOptions struct {
	Accounts []string `json:"accounts"`       // these only; empty: all
	Unused   bool     `json:"include_unused"` // those without connections too
}

// AccountStatz is the answer of /accstatz.
type AccountStatz struct {
	ID       string        `json:"server_id"`
	Now      time.Time     `json:"now"`
	Accounts []AccountStat `json:"account_statz"` // never nil; by name
}

// AccountStatz returns what goes on in the accounts that o asks for.
func (m *Monitor) AccountStatz(o AccountStatzOptions) *AccountStatz {
	z := &AccountStatz{ID: m.source.ServerID(), Now: time.Now().UTC(), Accounts: []AccountStat{}}
	for _, a := range m.source.Accounts() {
		asked := len(o.Accounts) == 0 || slices.Contains(o.Accounts, a.Stat.Account)
		if asked && (o.Unused || a.Stat.TotalConns > 0) {
			z.Accounts = append(z.Accounts, a.Stat)
		}
	}
	return z
}
