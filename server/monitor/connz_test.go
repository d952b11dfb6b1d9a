package monitor_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/server/monitor"
)

// threeOpenTwoClosed returns connections whose every quantity orders them in a
// way of its own. It is to be called in a synctest bubble, an hour after the
// first of them began.
func threeOpenTwoClosed() *fakeSource {
	now := time.Now()
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	stop := func(seconds int) *time.Time { t := ago(seconds); return &t }
	return &fakeSource{
		conns: []monitor.ConnInfo{
			{CID: 3, Start: ago(2000), LastActivity: ago(30), RTT: 2, NumSubs: 5, Pending: 1, InMsgs: 9, OutMsgs: 4, InBytes: 40, OutBytes: 900, Account: "A", AuthorizedUser: "alice"},
			{CID: 1, Start: ago(3600), LastActivity: ago(10), RTT: 3, NumSubs: 0, Pending: 3, InMsgs: 7, OutMsgs: 6, InBytes: 60, OutBytes: 700, Account: "$G"},
			{CID: 5, Start: ago(100), LastActivity: ago(20), RTT: 1, NumSubs: 2, Pending: 2, InMsgs: 8, OutMsgs: 5, InBytes: 50, OutBytes: 800, Account: "A", AuthorizedUser: "bob", JWT: "j", IssuerKey: "k", NameTag: "n", Tags: []string{"t"}, TLSPeerCerts: []monitor.PeerCert{{Subject: "CN=x"}}},
			{CID: 2, Start: ago(3000), LastActivity: ago(2900), Stop: stop(2800), Reason: "Stale Connection", Account: "B", AuthorizedUser: "alice"},
			{CID: 4, Start: ago(1000), LastActivity: ago(999), Stop: stop(900), Reason: "Client Closed", Account: "A", AuthorizedUser: "alice"},
		},
		subs: map[uint64][]monitor.SubDetail{
			2: {{Account: "B", Subject: "old", Sid: "1", CID: 2}},
			3: {{Subject: "b", Sid: "1", CID: 3}, {Subject: "a", Queue: "q", Sid: "2", Msgs: 3, Max: 10, CID: 3}},
		},
	}
}

func TestConnzSelection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query string
		want  []uint64
		total int
	}{
		{"", []uint64{1, 3, 5}, 3},
		{"state=open", []uint64{1, 3, 5}, 3},
		{"state=closed", []uint64{2, 4}, 2},
		{"state=any", []uint64{1, 2, 3, 4, 5}, 5},

		{"sort=cid", []uint64{1, 3, 5}, 3},
		{"sort=start", []uint64{1, 3, 5}, 3},
		{"sort=subs", []uint64{3, 5, 1}, 3},
		{"sort=pending", []uint64{1, 5, 3}, 3},
		{"sort=msgs_to", []uint64{1, 5, 3}, 3},
		{"sort=msgs_from", []uint64{3, 5, 1}, 3},
		{"sort=bytes_to", []uint64{3, 5, 1}, 3},
		{"sort=bytes_from", []uint64{1, 5, 3}, 3},
		{"sort=last", []uint64{1, 5, 3}, 3},
		{"sort=idle", []uint64{3, 5, 1}, 3},
		{"sort=uptime", []uint64{5, 3, 1}, 3},
		{"sort=rtt", []uint64{1, 3, 5}, 3},
		{"sort=stop&state=closed", []uint64{4, 2}, 2},
		{"sort=reason&state=closed", []uint64{4, 2}, 2},
		{"sort=uptime&state=any", []uint64{4, 5, 2, 3, 1}, 5},
		{"sort=subs&state=any", []uint64{3, 5, 1, 2, 4}, 5}, // equals by cid
		{"sort=last&state=closed", []uint64{4, 2}, 2},

		{"limit=2", []uint64{1, 3}, 3},
		{"limit=2&offset=2", []uint64{5}, 3},
		{"offset=3", nil, 3},
		{"offset=100&limit=100", nil, 3},
		{"offset=-5&limit=-5", []uint64{1, 3, 5}, 3},
		{"limit=9223372036854775807&offset=1", []uint64{3, 5}, 3},
		{"offset=9223372036854775807", nil, 3},

		{"cid=3", []uint64{3}, 3},
		{"cid=2", nil, 3},
		{"cid=2&state=any", []uint64{2}, 5},
		{"cid=3&offset=1", nil, 3},
		{"acc=A", []uint64{3, 5}, 2},
		{"acc=A&state=any&auth=1", []uint64{3, 4, 5}, 3},
		{"acc=$G", []uint64{1}, 1},
		{"acc=nope", nil, 0},
		{"user=alice", []uint64{3}, 3},
		{"user=alice&state=any", []uint64{2, 3, 4}, 5},
		{"user=alice&acc=B&state=any", []uint64{2}, 1},
		{"user=alice&cid=5", nil, 3},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source := threeOpenTwoClosed()
				var c monitor.Connz
				decode(t, get(t, monitor.New(source, monitor.Options{}), "/connz?"+tt.query), &c)
				var got []uint64
				for _, ci := range c.Conns {
					got = append(got, ci.CID)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if c.NumConns != len(tt.want) || c.Total != tt.total || c.ID != "NID" || !c.Now.Equal(time.Now()) {
					t.Errorf("got %+v, want %d of %d connections", c, len(tt.want), tt.total)
				}
			})
		})
	}
}

func TestConnzHead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options       monitor.ConnzOptions
		offset, limit int
	}{
		{monitor.ConnzOptions{}, 0, monitor.DefaultLimit},
		{monitor.ConnzOptions{Offset: -1, Limit: -1}, 0, monitor.DefaultLimit},
		{monitor.ConnzOptions{Offset: 7, Limit: 5}, 7, 5},
		{monitor.ConnzOptions{Limit: 5, CID: 1}, 0, 1},
	}
	for _, tt := range tests {
		c, err := monitor.New(&fakeSource{}, monitor.Options{}).Connz(tt.options)
		if err != nil || c.Offset != tt.offset || c.Limit != tt.limit || c.Conns == nil {
			t.Errorf("%+v: got %+v, %v; want offset %d and limit %d", tt.options, c, err, tt.offset, tt.limit)
		}
	}
	for _, state := range []monitor.ConnState{-1, 3} {
		if _, err := monitor.New(&fakeSource{}, monitor.Options{}).Connz(monitor.ConnzOptions{State: state}); err == nil {
			t.Errorf("state %d: no error", state)
		}
	}
}

func TestConnzDetail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := monitor.New(threeOpenTwoClosed(), monitor.Options{})
		now := time.Now().UTC()
		// one returns the connection cid, with the times that are the same in
		// all answers checked and taken out.
		one := func(o monitor.ConnzOptions, start, idle time.Duration) monitor.ConnInfo {
			t.Helper()
			o.State = monitor.ConnAny
			c, err := m.Connz(o)
			if err != nil || len(c.Conns) != 1 {
				t.Fatalf("%+v: got %d connections, %v", o, len(c.Conns), err)
			}
			ci := *c.Conns[0]
			if !ci.Start.Equal(now.Add(-start)) || !ci.LastActivity.Equal(now.Add(-idle)) {
				t.Errorf("connection %d: start %v, last activity %v", ci.CID, ci.Start, ci.LastActivity)
			}
			ci.Start, ci.LastActivity, ci.Stop = time.Time{}, time.Time{}, nil
			return ci
		}
		numbers := monitor.ConnInfo{
			CID: 5, RTT: 1, Uptime: "1m40s", Idle: "20s", NumSubs: 2, Pending: 2,
			InMsgs: 8, OutMsgs: 5, InBytes: 50, OutBytes: 800,
		}
		if diff := cmp.Diff(numbers, one(monitor.ConnzOptions{CID: 5, Subs: true}, 100*time.Second, 20*time.Second)); diff != "" {
			t.Errorf("plain (-want +got):\n%s", diff)
		}
		full := numbers
		full.Account, full.AuthorizedUser = "A", "bob"
		full.JWT, full.IssuerKey, full.NameTag, full.Tags = "j", "k", "n", []string{"t"}
		full.TLSPeerCerts = []monitor.PeerCert{{Subject: "CN=x"}}
		if diff := cmp.Diff(full, one(monitor.ConnzOptions{CID: 5, Auth: true, Subs: true}, 100*time.Second, 20*time.Second)); diff != "" {
			t.Errorf("auth (-want +got):\n%s", diff)
		}
		if got := one(monitor.ConnzOptions{CID: 1, Auth: true}, time.Hour, 10*time.Second); got.Account != "" || got.Uptime != "1h0m0s" {
			t.Errorf("global account: got %+v, want its name left out", got)
		}
		got := one(monitor.ConnzOptions{CID: 3, Subs: true}, 2000*time.Second, 30*time.Second)
		if !slices.Equal(got.Subs, []string{"b", "a"}) || got.SubsDetail != nil {
			t.Errorf("subs: got %q and %v", got.Subs, got.SubsDetail)
		}
		got = one(monitor.ConnzOptions{CID: 3, Subs: true, SubsDetail: true}, 2000*time.Second, 30*time.Second)
		if diff := cmp.Diff(threeOpenTwoClosed().subs[3], got.SubsDetail); diff != "" || got.Subs != nil {
			t.Errorf("subs in detail: got %q and (-want +got):\n%s", got.Subs, diff)
		}
		// Closed: the times are those at the end.
		got = one(monitor.ConnzOptions{CID: 2, Subs: true}, 3000*time.Second, 2900*time.Second)
		if got.Uptime != "3m20s" || got.Idle != "1m40s" || !slices.Equal(got.Subs, []string{"old"}) {
			t.Errorf("closed: got %+v", got)
		}
	})
}

func TestRTT(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                          `"0s"`,
		999:                        `"999ns"`,
		471234:                     `"471µs"`,
		time.Millisecond:           `"1ms"`,
		1234567:                    `"1.234567ms"`,
		90*time.Second + 1:         `"1m30.000000001s"`,
		-1 * time.Millisecond:      `"-1ms"`,
		999*time.Microsecond + 999: `"999µs"`,
	} {
		got, err := json.Marshal(monitor.RTT(d))
		if err != nil || string(got) != want {
			t.Errorf("%v: got %s, %v; want %s", d, got, err, want)
		}
	}
	var r monitor.RTT
	if err := json.Unmarshal([]byte(`"1.5ms"`), &r); err != nil || r != 1500000 {
		t.Errorf("got %d, %v; want 1500000", r, err)
	}
	if err := json.Unmarshal([]byte(`"soon"`), &r); err == nil {
		t.Error("no error for a text that is no duration")
	}
}
