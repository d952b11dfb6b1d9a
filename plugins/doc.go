// Package plugins runs hooks out of process: programs in any language that speak
// the protocol of plugins/api/v1/hook.proto over gRPC, started and watched by
// hashicorp/go-plugin.
//
// A [Plugin] is a hooks.Engine. It has one process at a time, and with it one link:
//
//	Do → batch.go, encode.go → link (queue → frames → stream) → process
//	Do ← batch.go, decode.go ← link (replies by id)           ← process
//
// Each call of Do encodes its requests itself, in the goroutine of the connection
// that asks, and reads the replies; the link's writer only strings requests
// together, and its reader only looks at ids, so a frame costs them a copy. Two
// frames are out at a time: while the plugin works on one the next fills up, which
// is what makes single requests fast and many cheap (hooks.md §2.4). Timeouts are
// seen to by one clock for all batches of a link (clock.go).
//
// The supervisor (supervise.go) starts another process when one has died, does not
// answer its health check or takes no more questions: at once the first time and
// then ever more slowly. A call that is under way then, or comes meanwhile, waits for
// the next process as far as its time goes, and is asked again, though not of a third
// one, as it may be what kills them. Not to wait would let the policy of a whole
// broker fail, and open its breaker, for the 30 ms that a start takes. While the
// supervisor rests between two starts messages fail at once with
// hooks.KindTransport, and only those who connect wait.
//
// A process (process.go, program.go) gets no environment but what the options name,
// a socket in a directory that nobody else can enter, mutual TLS with keys that are
// made for it alone, a process group that is killed as a whole, and on Linux limits of
// memory and files, and an end when the broker is killed (limits_linux.go). What it
// writes to its standard error goes to the log, as many lines a second as a log can
// bear (log.go).
//
// A plugin that somebody else has started, in a debugger for instance, is attached to
// instead (attach.go): there is a connection in the place of a process, and nothing
// else differs but that nobody asks it whether it is well.
//
// A plugin can do no more harm than to give wrong answers: hostile_test.go has those
// that try. It decides what it is asked, and the broker believes it.
//
// Goroutines: one that supervises for each Plugin; for each link one that writes, one
// that reads, one that looks at the time, and one that runs the plugin's commands;
// for each process one that waits for its end, and those of go-plugin and gRPC. Close
// waits for all. Lock order: link.mu, and below it those of the contexts of calls.
package plugins
