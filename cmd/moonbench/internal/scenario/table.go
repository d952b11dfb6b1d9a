package scenario

import (
	"fmt"
	"time"
)

// Groups that scenarios are selected by.
const (
	GroupDesign  = "design"  // the table of the design document
	GroupQuick   = "quick"   // a first impression in a minute
	GroupFanout  = "fanout"  // one publisher, many subscribers
	GroupLatency = "latency" // paced, with percentiles
	GroupMemory  = "memory"  // bytes for each connection and subscription
	GroupGrowth  = "growth"  // cost against number of subscriptions and connections
	GroupTLS     = "tls"     // encrypted; only for servers that can
)

// wideWindow is the window of large fan-outs: it is held in memory once for
// each subscriber.
const wideWindow = 256 << 10

// settle is how long memory is let come to rest before it is measured.
const settle = 6 * time.Second

// slowRate is what a slow reader takes: less than its share of 20,000 messages
// of 128 B a second, which is 3 MB/s.
const slowRate = 1_000_000

// Table returns all scenarios in the order in which they are shown. The caller
// owns the slice.
func Table() []Scenario {
	design := []string{GroupDesign}
	t := []Scenario{
		{
			Name: "1to1-16", Title: "1 → 1, 16 B", Groups: []string{GroupDesign, GroupQuick},
			Publishers: 1, Subscribers: 1, Payload: 16,
		},
		{
			Name: "1to1-128", Title: "1 → 1, 128 B", Groups: []string{GroupDesign, GroupQuick},
			Publishers: 1, Subscribers: 1, Payload: 128,
		},
		{
			Name: "1to1-4k", Title: "1 → 1, 4 KiB", Groups: design,
			Publishers: 1, Subscribers: 1, Payload: 4096,
		},
		{
			Name: "4to4-128", Title: "4 → 4, 128 B", Groups: design,
			Fan: Pairs, Publishers: 4, Subscribers: 4, Payload: 128,
		},
		{
			Name: "1to10-128", Title: "1 → 10, 128 B", Groups: []string{GroupDesign, GroupQuick, GroupFanout},
			Publishers: 1, Subscribers: 10, Payload: 128,
		},
		{
			Name: "1to100-128", Title: "1 → 100, 128 B", Groups: []string{GroupDesign, GroupFanout},
			Publishers: 1, Subscribers: 100, Payload: 128, Window: wideWindow,
		},
		{
			Name: "1to1000-128", Title: "1 → 1000, 128 B", Groups: []string{GroupDesign, GroupFanout},
			Publishers: 1, Subscribers: 1000, Payload: 128, Window: wideWindow,
		},
		{
			Name: "1to1000-4k", Title: "1 → 1000, 4 KiB", Groups: []string{GroupDesign, GroupFanout},
			Publishers: 1, Subscribers: 1000, Payload: 4096, Window: wideWindow,
		},
		{
			Name: "queue-4to8", Title: "queue group, 4 → 8, 128 B", Groups: []string{GroupDesign, GroupQuick},
			Fan: Queue, Publishers: 4, Subscribers: 8, Payload: 128,
		},
		{
			Name: "100k-hot", Title: "100 k subscriptions, 100 hot subjects", Groups: design,
			Fan: Partition, Publishers: 1, Subscribers: 4, Payload: 128, Subjects: 100, Background: 100_000,
		},
		{
			Name: "100k-hot-churn", Title: "100 k subscriptions, 100 hot, 5,000 SUB and UNSUB a second", Groups: design,
			Fan: Partition, Publishers: 1, Subscribers: 4, Payload: 128, Subjects: 100, Background: 100_000, Churn: 5000,
		},
		{
			Name: "100k-turn", Title: "100 k subscriptions, 100 k subjects in turn", Groups: design,
			Fan: Partition, Publishers: 1, Subscribers: 4, Payload: 128, Subjects: 100_000,
		},
		{
			Name: "request-1", Title: "request/reply, 1 in flight", Groups: []string{GroupDesign, GroupQuick, GroupLatency},
			Kind: Request, Publishers: 1, Subscribers: 1, Payload: 128, InFlight: 1,
		},
		{
			Name: "request-64", Title: "request/reply, 64 in flight", Groups: []string{GroupDesign, GroupLatency},
			Kind: Request, Publishers: 1, Subscribers: 1, Payload: 128, InFlight: 64,
		},
		{
			Name: "nobody-128", Title: "publish, nobody listens, 128 B", Groups: []string{GroupDesign, GroupQuick},
			Fan: Nobody, Publishers: 1, Payload: 128,
		},
		{
			Name: "headers-200", Title: "1 → 1, 72 B of headers and 128 B", Groups: design,
			Publishers: 1, Subscribers: 1, Payload: 128, Header: 72,
		},
		{
			Name: "paced-20k", Title: "1 → 1 unbatched, 20 k/s", Groups: []string{GroupDesign, GroupLatency},
			Publishers: 1, Subscribers: 1, Payload: 128, Rate: 20_000, Unbatched: true,
		},
		{
			Name: "paced-1to100", Title: "1 → 100 unbatched, 50 k deliveries/s", Groups: []string{GroupDesign, GroupLatency},
			Publishers: 1, Subscribers: 100, Payload: 128, Rate: 500, Unbatched: true,
		},
		{
			Name: "idle-1k", Title: "1,000 idle connections", Groups: []string{GroupDesign, GroupMemory},
			Kind: Idle, Connections: 1000, Settle: settle,
		},
		{
			Name: "idle-10k", Title: "10,000 idle connections", Groups: []string{GroupMemory},
			Kind: Idle, Connections: 10_000, Settle: settle,
		},
		{
			Name: "idle-subs-100k", Title: "100 k idle subscriptions on 100 connections", Groups: []string{GroupMemory},
			Kind: Idle, Connections: 100, Subscriptions: 100_000, Settle: settle,
		},
		{
			Name: "connect", Title: "connect, PING, disconnect; 16 at a time",
			Kind: Connect, Connections: 16,
		},
		{
			Name: "churn-wild-100k", Title: "100 k hot subjects, 5,000 wildcard SUB and UNSUB a second",
			Fan: Partition, Publishers: 1, Subscribers: 4, Payload: 128, Subjects: 100_000, Churn: 5000, ChurnKind: ChurnWildcard,
		},
		{
			Name: "slow", Title: "1 → 10 beside a subscriber that never reads", Groups: []string{"slow-consumer"},
			Publishers: 1, Subscribers: 10, Payload: 128, Stuck: 1,
		},
		{
			Name: "slow-paced", Title: "1 → 10 at 20 k/s beside a subscriber that never reads", Groups: []string{GroupLatency, "slow-consumer"},
			Publishers: 1, Subscribers: 10, Payload: 128, Rate: 20_000, Stuck: 1,
		},
		{
			Name: "slow-paced-none", Title: "1 → 10 at 20 k/s, everybody reads", Groups: []string{GroupLatency, "slow-consumer"},
			Publishers: 1, Subscribers: 10, Payload: 128, Rate: 20_000,
		},
		{
			Name: "slow-reader", Title: "1 → 10 beside a subscriber that reads 1 MB/s", Groups: []string{"slow-consumer"},
			Publishers: 1, Subscribers: 10, Payload: 128, Slow: 1, SlowRate: slowRate,
		},
		{
			Name: "slow-reader-paced", Title: "1 → 10 at 20 k/s beside a subscriber that reads 1 MB/s", Groups: []string{GroupLatency, "slow-consumer"},
			Publishers: 1, Subscribers: 10, Payload: 128, Rate: 20_000, Slow: 1, SlowRate: slowRate,
		},
		{
			Name: "tls-1to1-128", Title: "1 → 1, 128 B over TLS", Groups: []string{GroupTLS},
			Publishers: 1, Subscribers: 1, Payload: 128, TLS: true,
		},
		{
			Name: "tls-1to1-4k", Title: "1 → 1, 4 KiB over TLS", Groups: []string{GroupTLS},
			Publishers: 1, Subscribers: 1, Payload: 4096, TLS: true,
		},
	}
	for _, pct := range []int{10, 50, 90} {
		t = append(t, Scenario{
			Name: fmt.Sprintf("latency-%d", pct), Title: fmt.Sprintf("1 → 1, 128 B at %d %% of the lowest maximum", pct),
			Groups: []string{GroupLatency}, Publishers: 1, Subscribers: 1, Payload: 128, RatePercent: pct,
		})
	}
	for _, n := range []int{100, 1000, 10_000, 100_000, 1_000_000} {
		t = append(t, Scenario{
			Name: "growth-subs-" + short(n), Title: fmt.Sprintf("100 hot subjects among %s subscriptions", short(n)),
			Groups: []string{GroupGrowth, GroupGrowthSubs}, Fan: Partition,
			Publishers: 1, Subscribers: 4, Payload: 128, Subjects: 100, Background: n,
		})
	}
	for _, n := range []int{10, 100, 1000, 10_000} {
		t = append(t, Scenario{
			Name: "growth-conns-" + short(n), Title: fmt.Sprintf("1 → 1, 128 B beside %s idle connections", short(n)),
			Groups: []string{GroupGrowth, GroupGrowthConns}, Publishers: 1, Subscribers: 1, Payload: 128, Bystanders: n,
		})
	}
	return withGoals(t)
}

func short(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dm", n/1_000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
