package monitor

import "time"

// Statsz is how the server fares, as the answer to a request for it tells; there is
// no path for it. It is the part of [Varz] that changes.
type Statsz struct {
	Start            time.Time `json:"start"`
	Mem              int64     `json:"mem"` // resident bytes
	Cores            int       `json:"cores"`
	CPU              float64   `json:"cpu"` // percent of one core
	Connections      int       `json:"connections"`
	TotalConnections uint64    `json:"total_connections"`
	ActiveAccounts   int       `json:"active_accounts"` // that have connections
	Subscriptions    uint32    `json:"subscriptions"`
	Sent             Data      `json:"sent"`
	SentToClients    Data      `json:"sent_to_clients"`
	Received         Data      `json:"received"`
	FromClients      Data      `json:"received_from_clients"`
	SlowConsumers    int64     `json:"slow_consumers"`
	SlowConsumersBy  *ByKind   `json:"slow_consumer_stats,omitempty"` // nil: none
	StaleConnections int64     `json:"stale_connections,omitempty"`
	StaleBy          *ByKind   `json:"stale_connection_stats,omitempty"` // nil: none
	StalledClients   int64     `json:"stalled_clients,omitempty"`
	ActiveServers    int       `json:"active_servers,omitempty"` // this one included
	MemLimit         int64     `json:"gomemlimit,omitempty"`
	MaxProcs         int       `json:"gomaxprocs,omitempty"`
}

// Statsz returns how the server fares.
func (m *Monitor) Statsz() *Statsz {
	v := m.Varz()
	z := &Statsz{
		Start: v.Start, Mem: v.Mem, Cores: v.Cores, CPU: v.CPU, MemLimit: v.MemLimit, MaxProcs: v.MaxProcs,
		Connections: v.Connections, TotalConnections: v.TotalConnections, Subscriptions: v.Subscriptions,
		Sent:          Data{MsgBytes: MsgBytes{v.OutMsgs, v.OutBytes}},
		SentToClients: Data{MsgBytes: MsgBytes{v.OutClientMsgs, v.OutClientBytes}},
		Received:      Data{MsgBytes: MsgBytes{v.InMsgs, v.InBytes}},
		FromClients:   Data{MsgBytes: MsgBytes{v.InClientMsgs, v.InClientBytes}},
		SlowConsumers: v.SlowConsumers, StaleConnections: v.StaleConnections, StalledClients: v.StalledClients,
		ActiveServers: 1,
	}
	if v.SlowConsumersBy != (ByKind{}) {
		z.SlowConsumersBy = &v.SlowConsumersBy
	}
	if v.StaleBy != (ByKind{}) {
		z.StaleBy = &v.StaleBy
	}
	z.ActiveAccounts = len(m.AccountStatz(AccountStatzOptions{}).Accounts)
	return z
}
