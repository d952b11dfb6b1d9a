package servertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRewrite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{
			"nothing to do",
			"# a\nC1> PING\n\nC1< PONG\n",
			"# a\nC1> PING\n\nC1< PONG\n",
		},
		{
			"another line",
			"# a\nC1> PING\n# b\nC1< +OK\n# c\nC1> PING\nC1< PONG\n",
			"# a\nC1> PING\n# b\nC1< PONG\n# c\nC1> PING\nC1< PONG\n",
		},
		{
			"more lines",
			"C1> SUB foo 1\nC1> PUB foo 2\nC1> hi\nC1> PING\nC1< ?\nC1> PING\nC1< PONG\n",
			"C1> SUB foo 1\nC1> PUB foo 2\nC1> hi\nC1> PING\nC1< +OK\nC1< +OK\nC1< MSG foo 1 2\nC1< hi\nC1< PONG\nC1> PING\nC1< PONG\n",
		},
		{
			"fewer lines",
			"C1> PING\nC1< +OK\nC1< +OK\n# a\nC1> PING\nC1< PONG\n",
			"C1> PING\nC1< PONG\n# a\nC1> PING\nC1< PONG\n",
		},
		{
			"what cannot be read aloud",
			"C1>> \"SUB foo 1\\r\\nPUB foo 8\\r\\n\\x00 a \\r\\n b\\r\\n\"\nC1< ?\n",
			"C1>> \"SUB foo 1\\r\\nPUB foo 8\\r\\n\\x00 a \\r\\n b\\r\\n\"\nC1< +OK\nC1< +OK\nC1< MSG foo 1 8\nC1<< \"\\x00 a \\r\\n\"\nC1<  b\n",
		},
		{
			"an empty line",
			"C1>> \"SUB foo 1\\r\\nPUB foo 0\\r\\n\\r\\n\"\nC1< ?\n",
			"C1>> \"SUB foo 1\\r\\nPUB foo 0\\r\\n\\r\\n\"\nC1< +OK\nC1< +OK\nC1< MSG foo 1 0\nC1<\n",
		},
		{
			"before a close",
			"C1> FOO\nC1< ?\nC1! closed\n",
			"C1> FOO\nC1< -ERR 'Unknown Protocol Operation'\nC1! closed\n",
		},
		{
			"before an INFO",
			"C1> CONNECT {\"protocol\":1}\nC1> PING\nC1< ?\nC1< INFO {connect_info:true, …}\n",
			"C1> CONNECT {\"protocol\":1}\nC1> PING\nC1< +OK\nC1< PONG\nC1< INFO {connect_info:true, …}\n",
		},
		{
			"an INFO that nobody foresaw",
			"C1> CONNECT {\"protocol\":1}\nC1> PING\nC1< ?\n",
			"C1> CONNECT {\"protocol\":1}\nC1> PING\nC1< +OK\nC1< PONG\nC1< INFO {…}\n",
		},
		{
			"two connections",
			"C1> SUB foo 1\nC1< +OK\nC2> PUB foo 1\nC2> a\nC1< ?\nC2< +OK\nC1< ?\n",
			"C1> SUB foo 1\nC1< +OK\nC2> PUB foo 1\nC2> a\nC1< MSG foo 1 1\nC1< a\nC2< +OK\n",
		},
		{
			"lines for one server stay",
			"C1> PING\nC1< ?\n# differs: x\nmoonwire| C1< boo\nC1> PING\nC1< PONG\n",
			"C1> PING\nC1< PONG\n# differs: x\nmoonwire| C1< boo\nC1> PING\nC1< PONG\n",
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse("x.txt", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.rewrite(Reference, StartReference(t, ""))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			again, err := parse("x.txt", got)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.run(Reference, StartReference(t, "")); err != nil {
				t.Errorf("the rewritten text does not hold: %v", err)
			}
		})
	}
}

func TestRewriteFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{"raw", "C1> PING\nC1<< \"x\"\n", "x.txt:2: C1 expected \"x\"\n\tC1 got \"PONG\\r\\n\""},
		{"bound", "C1> PING\nC1! within 0s..1s\nC1< x\n", "x.txt:3: C1 expected \"x\\r\\n\"\n\tC1 got \"PONG\\r\\n\""},
		{"block", "C1> PING\n{\nC1< x\n}\n", "x.txt:2: C1 expected \"x\\r\\n\"\n\tC1 got \"PONG\\r\\n\""},
		{"leftover", "C1> PING\nC1< PONG\nC1> PING\nC1! silent 20ms\n", "x.txt:4: C1 expected nothing\n\tC1 got \"PONG\\r\\n\""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse("x.txt", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.rewrite(Reference, startFake(t, fakeInfo, map[string]string{"PING": "PONG\r\n"}))
			if diff := cmp.Diff(tc.want, errText(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRewriteAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{
		"a.txt": "C1> PING\nC1< PONG\n",
		"b.txt": "config:\n  max_payload: 10\nC1< INFO {max_payload:10, …}\nC1> PING\nC1< ?\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The subtests of RewriteAll are parallel: they are done when this one is.
	t.Run("rewrite", func(t *testing.T) { RewriteAll(t, dir, StartReference) })
	files["b.txt"] = strings.ReplaceAll(files["b.txt"], "?", "PONG")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	t.Run("again", func(t *testing.T) { RunAll(t, dir, Reference, StartReference) })
}
