// Moonbench drives servers that speak the NATS protocol and tells what they
// cost: server CPU for a delivered message, messages a second, latency and
// memory, and how many times the first server is better than the others, which
// are measured in turns with it.
//
//	moonbench run --a 'moonwire -p {port}' --b 'nats-server -p {port}'
//	moonbench run --scenario tls --a 'nats-server -p {port}' \
//		--a-tls 'nats-server -p {port} --tls --tlscert {cert} --tlskey {key}'
//	moonbench list
//	moonbench floor --port 4222
//
// It is not a client and not a stress test of correctness, but it takes
// nothing on trust: a message that is lost, duplicated, changed or out of
// order fails the run.
//
// Who owns what: package scenario is the table of loads, package load runs one
// of them, package target owns the servers' processes, package cert makes
// certificates for those that speak TLS, package series interleaves the runs,
// package profile sorts where a server's CPU time goes, package report shows
// the result, package hookpage shows what hooks cost, package floor is the
// forwarder that only copies bytes. Linux only: it reads /proc and uses epoll.
package main
