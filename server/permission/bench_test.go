package permission_test

import (
	"fmt"
	"testing"
	"time"

	"moonwire/server/config"
	"moonwire/server/permission"
)

const benchSubject = "orders.eu.customer4711.created"

// benchSets are sets that allow benchSubject, by a literal entry and by wildcards.
func benchSets(b *testing.B) map[string]*permission.Set {
	few := config.Rules{Allow: []string{benchSubject, "shipments.*.done", "_INBOX.>", "stock.>"}}
	wild := config.Rules{Allow: []string{"customers.eu", "shipments.*.done", "_INBOX.>", "orders.*.*.created"}}
	both := wild
	both.Deny = []string{"orders.*.*.deleted", "stock.secret", "orders.us.>"}
	many := config.Rules{Allow: []string{benchSubject}, Deny: []string{"orders.eu.*.deleted"}}
	for i := range 1000 {
		many.Allow = append(many.Allow, fmt.Sprintf("orders.eu.customer%d.updated", i), fmt.Sprintf("orders.*.agent%d.>", i))
		many.Deny = append(many.Deny, fmt.Sprintf("orders.eu.customer%d.secret", i))
	}
	sets := make(map[string]*permission.Set)
	for name, rules := range map[string]config.Rules{"literal+3": few, "wildcard+3": wild, "deny": both, "3000": many} {
		sets[name] = compile(b, &config.Permissions{Publish: rules, Subscribe: rules})
	}
	return sets
}

func BenchmarkPublish(b *testing.B) {
	for name, set := range benchSets(b) {
		b.Run(name, func(b *testing.B) {
			subj := []byte(benchSubject)
			b.ReportAllocs()
			for b.Loop() {
				if !set.Publish(subj) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for name, set := range benchSets(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !set.Subscribe(benchSubject, "workers") {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkFilter(b *testing.B) {
	set := benchSets(b)["3000"]
	b.ReportAllocs()
	for b.Loop() {
		if set.Filter("orders.*.customer4711.>", "") == nil {
			b.Fatal("nothing to leave out")
		}
	}
}

func BenchmarkDenies(b *testing.B) {
	f := benchSets(b)["3000"].Filter("orders.>", "")
	subj := []byte(benchSubject)
	b.ReportAllocs()
	for b.Loop() {
		if f.Denies(subj) {
			b.Fatal("denied")
		}
	}
}

func BenchmarkCache(b *testing.B) {
	set := benchSets(b)["deny"]
	for _, n := range []int{1, 2, 16, 64, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			subjects := make([][]byte, n)
			for i := range subjects {
				subjects[i] = fmt.Appendf(nil, "orders.eu.customer%d.created", i)
			}
			var c permission.Cache
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !c.Publish(set, subjects[i%n]) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkReplies(b *testing.B) {
	r := permission.NewReplies(&config.Responses{})
	now := time.Now()
	subj := []byte("_INBOX.4mPwnWnqMCBeyPQ8mTfXFy.00000000")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		subj[len(subj)-1] = byte('0' + i%10)
		r.Add(subj, now)
		if !r.Use(subj, now) {
			b.Fatal("refused")
		}
	}
}
