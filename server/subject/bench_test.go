package subject_test

import (
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
