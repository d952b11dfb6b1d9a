package subject_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"moonwire/server/subject"
)

const (
	benchSubject = "orders.eu.customer4711.created.v2"
	benchPattern = "orders.*.customer4711.>"
)

func BenchmarkValidPattern(b *testing.B) {
	s := []byte(benchPattern)
	b.ReportAllocs()
	for b.Loop() {
		subject.ValidPattern(s)
	}
}

func BenchmarkWellFormed(b *testing.B) {
	s := []byte(benchSubject)
	b.ReportAllocs()
	for b.Loop() {
		subject.WellFormed(s)
	}
}

func BenchmarkHasWildcard(b *testing.B) {
	s := []byte(benchSubject)
	b.ReportAllocs()
	for b.Loop() {
		subject.HasWildcard(s)
	}
}

func BenchmarkNext(b *testing.B) {
	subj := []byte(benchSubject)
	b.ReportAllocs()
	for b.Loop() {
		for s, more := subj, true; more; {
			_, s, more = subject.Next(s)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, bb := range []struct{ name, pattern string }{
		{"literal", benchSubject},
		{"wildcard", benchPattern},
		{"miss", "shipments.>"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := []byte(benchSubject)
			b.ReportAllocs()
			for b.Loop() {
				subject.Match(bb.pattern, s)
			}
		})
	}
}

func BenchmarkSubset(b *testing.B) {
	s := []byte(benchPattern)
	b.ReportAllocs()
	for b.Loop() {
		subject.Subset(s, "orders.>")
	}
}

func BenchmarkTransform(b *testing.B) {
	for _, destination := range []string{
		"o.$1.$2.x.>", "o.{{partition(10,2)}}.>", "o.{{partition(10)}}.>", "o.{{split(2,7)}}.>", "o.{{sliceFromLeft(2,3)}}.>",
	} {
		b.Run(destination, func(b *testing.B) {
			tr, err := subject.NewTransform("orders.*.*.>", destination)
			if err != nil {
				b.Fatal(err)
			}
			subj, dst := []byte(benchSubject), make([]byte, 0, 128)
			b.ReportAllocs()
			for b.Loop() {
				tr.Append(dst, subj)
			}
		})
	}
}

func BenchmarkMappings(b *testing.B) {
	rules := []subject.MapRule{
		{Source: "orders.*.*.>", Destinations: []subject.MapDestination{{Subject: "o.$1.$2.>", Weight: 100}}},
		{Source: "orders.canary", Destinations: []subject.MapDestination{{Subject: "orders.next", Weight: 10}}},
	}
	for i := range 100 {
		rules = append(rules, subject.MapRule{
			Source:       fmt.Sprintf("orders.literal%d", i),
			Destinations: []subject.MapDestination{{Subject: "other", Weight: 100}},
		})
	}
	m, err := subject.NewMappings(rules, "")
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct{ name, subject string }{
		{"other first byte", "shipments.eu.customer4711"},
		{"other first token", "outbox.eu.customer4711"},
		{"other second token", "orders.eu"},
		{"literal", "orders.literal42"},
		{"weighted", "orders.canary"},
		{"wildcard", benchSubject},
	} {
		b.Run(bb.name, func(b *testing.B) {
			subj, dst := []byte(bb.subject), make([]byte, 0, 128)
			b.ReportAllocs()
			for b.Loop() {
				m.Append(dst, subj, rand.Uint32N)
			}
		})
	}
}
