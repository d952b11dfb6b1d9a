package monitor

import "time"

// Routez is the answer of /routez. There are no routes: it is there for those who
// ask for it beside the others.
type Routez struct {
	ID        string     `json:"server_id"`
	Name      string     `json:"server_name"`
	Now       time.Time  `json:"now"`
	NumRoutes int        `json:"num_routes"`
	Routes    []struct{} `json:"routes"` // never nil
}

// Routez returns the routes.
func (m *Monitor) Routez() *Routez {
	return &Routez{ID: m.source.ServerID(), Name: m.source.Varz().Name, Now: time.Now().UTC(), Routes: []struct{}{}}
}

// Gatewayz is the answer of /gatewayz. There are no gateways, as with [Routez].
type Gatewayz struct {
	ID       string              `json:"server_id"`
	Now      time.Time           `json:"now"`
	Outbound map[string]struct{} `json:"outbound_gateways"` // never nil
	Inbound  map[string]struct{} `json:"inbound_gateways"`  // never nil
}

// Gatewayz returns the gateways.
func (m *Monitor) Gatewayz() *Gatewayz {
	return &Gatewayz{m.source.ServerID(), time.Now().UTC(), map[string]struct{}{}, map[string]struct{}{}}
}

// Leafz is the answer of /leafz. There are no leaf nodes, as with [Routez].
type Leafz struct {
	ID       string     `json:"server_id"`
	Now      time.Time  `json:"now"`
	NumLeafs int        `json:"leafnodes"`
	Leafs    []struct{} `json:"leafs"` // never nil
}

// Leafz returns the leaf nodes.
func (m *Monitor) Leafz() *Leafz {
	return &Leafz{ID: m.source.ServerID(), Now: time.Now().UTC(), Leafs: []struct{}{}}
}
