// Package target holds the servers under test: a command that is started fresh
// for each round and killed after it, or a server that runs already.
//
// A command is split into words as a shell would (quotes and backslashes, but
// no expansion); leading NAME=VALUE words go to its environment, and every
// {port} becomes a free port, every {prof} another one. A second command line
// may start the server with TLS: its {cert} and {key} become the files of a
// self-signed certificate that lives as long as the server. A command runs in a
// process group of its own, which is ended as a whole: SIGTERM, then SIGKILL
// after a grace period. Should moonbench itself be killed, the kernel takes the
// command along.
//
// The package owns processes, not connections: it dials only to see whether
// the server answers a PING.
//
//	t := target.Command{Name: "A", Line: "nats-server -p {port}"}
//	s, err := t.Start(ctx)
//	defer s.Stop()
//	use(s.Addr, s.Meter)
package target
