// Package hooktool is `moonwire hook …`: what people who write hooks use at their
// desk. None of it needs a broker that runs, except reload, which tells one.
//
//	tool.go                 the sub-commands, and what they have of the program
//	open.go                 hooks of scripts, or of a configuration, opened
//	ask.go                  hooks asked one question at a time, with what each says
//	actor.go                a client, and the way that its messages take in the broker
//	rules.go                which entry of permissions decides
//
//	test.go, suite.go       test: files of tests and their results
//	trial.go, stage.go      one test, and the script that it is about
//	testlib.go              what tests have: declared,
//	play.go, assert.go      and done; reading.go reads what they are given
//	network.go              what answers the script's requests over http
//	report.go, junit.go     the results, for people and for CI
//
//	check.go, reload.go     check, and reload, which checks first
//	bench.go, measure.go    bench
//	explain.go, identify.go explain
//	replay.go, decision.go  replay, and the log that it reads
//	conform.go              conform, of which plugins/conform is what matters
//	stub.go, reference.go   what scripts have: for editors, and for docs/hooks
//
// The declarations of hooks/lua and its libraries are the only source of stub and
// reference, so that these cannot drift.
package hooktool

//go:generate go test -run TestGenerated -update
