// Package servertest holds what tests of a broker need and production code
// must not have: a runner of wire transcripts, and the reference nats-server
// embedded in the test process.
//
// A transcript is a text file that says, line by line, what plain TCP clients
// send to a server and what they get back, byte for byte. Its format is
// described in server/testdata/transcripts/README.md. The same file runs
// against any server that a [Starter] can start; a file that passes against the
// reference and against Moonwire is the proof that both speak alike.
//
// The package is not a client library and knows nothing of a broker's inside:
// it needs an address and two verbs ([Instance]). It is imported by tests
// only, so the embedded reference never reaches a product binary.
//
// Ownership: a run owns its connections and one reading goroutine for each;
// all of them have ended when the run returns. The server belongs to the test,
// which stops it in t.Cleanup. A run is used by one goroutine; runs are
// independent of each other and may be parallel.
//
// Example:
//
//	func TestTranscripts(t *testing.T) {
//		servertest.RunAll(t, "testdata/transcripts", servertest.Moonwire, servertest.StartMoonwire)
//	}
package servertest
