package servertest

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

const transcripts = "../testdata/transcripts"

// rewriteFlag makes TestTranscripts write what the reference says into the files.
var rewriteFlag = flag.Bool("rewrite", false, "rewrite plain expectations of the transcripts from the reference")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) {
	if *rewriteFlag {
		RewriteAll(t, transcripts, StartReference)
		return
	}
	RunAll(t, transcripts, Reference, StartReference)
}
