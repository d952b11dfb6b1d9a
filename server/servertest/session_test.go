package servertest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// errText returns the text of an error, or nothing.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRun(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"PING":   "PONG\r\n",
		"BYE":    "-ERR 'bye'\r\n<close>",
		"CLOSE":  "<close>",
		"MSG":    "MSG foo 1 1\r\na\r\n",
		"BINARY": "\x00\xff\r\n",
		"TWO":    "MSG foo 2 1\r\nb\r\nMSG foo 1 1\r\na\r\n",
		"HALF":   "PON",
		"INFO":   fakeInfo,
		"BULK":   strings.Repeat("x", 1000) + "<close>",
	}
	tests := []struct {
		name, text, want string
	}{
		{"plain", "C1> PING\nC1< PONG\n", ""},
		{"raw", "C1>> \"PI\" + \"NG\\n\"\nC1<< \"PO\" + \"NG\\r\\n\"\n", ""},
		{"binary", "C1> BINARY\nC1<< \"\\x00\\xff\\r\\n\"\n", ""},
		{"wrong line", "C1> PING\n\nC1< +OK\n", "x.txt:3: C1 expected \"+OK\\r\\n\"\n\tC1 got \"PONG\\r\\n\""},
		{"nothing", "C1> NOTHING\nC1< PONG\n", "x.txt:2: C1 expected \"PONG\\r\\n\"\n\tC1 got \"\""},
		{"half", "C1> HALF\nC1< PONG\n", "x.txt:2: C1 expected \"PONG\\r\\n\"\n\tC1 got \"PON\""},
		{"closed instead", "C1> CLOSE\nC1< PONG\n", "x.txt:2: C1 expected \"PONG\\r\\n\"\n\tC1 got \"\" and was closed"},
		{"closed", "C1> BYE\nC1< -ERR 'bye'\nC1! closed\n", ""},
		{"not closed", "C1> PING\nC1< PONG\nC1! closed\n", "x.txt:3: C1 expected to be closed\n\tC1 is open"},
		{"a word before it closes", "C1> BYE\nC1! closed\n", "x.txt:2: C1 expected to be closed\n\tC1 got \"-ERR 'bye'\\r\\n\""},
		{"opened anew", "C1> BYE\nC1< -ERR 'bye'\nC1! closed\nC1> PING\nC1< PONG\nC1 close\nC1> PING\nC1< PONG\n", ""},
		{"unread at close", "C1> MSG\nC1< MSG foo 1 1\nC1 close\n", "x.txt:3: C1 has unexpected \"a\\r\\n\""},
		{"unread at the end", "C1> MSG\nC1< MSG foo 1 1\n", "x.txt: at the end C1 has unexpected \"a\\r\\n\""},
		{"silent", "C1> NOTHING\nC1! silent 20ms\n", ""},
		{"not silent", "C1> PING\nC1! silent 4s\n", "x.txt:2: C1 expected nothing\n\tC1 got \"PONG\\r\\n\""},
		{"silent but closed", "C1> CLOSE\nC1! silent 4s\n", "x.txt:2: C1 expected nothing\n\tC1 was closed: EOF"},
		{"cut", "C1> BULK\nC1! cut\n", ""},
		{"cut with a word", "C1> BYE\nC1! cut\n", "x.txt:2: C1 expected to be cut without a word\n\tC1 got \"-ERR 'bye'\\r\\n\""},
		{"cut but open", "C1> PING\nC1! cut\n", "x.txt:2: C1 expected to be closed\n\tC1 is open"},
		{"within", "C1> PING\nC1! within 0s..4s\nC1< PONG\n", ""},
		{"too late", "C1> NOTHING\nC1! within 0s..50ms\nC1< PONG\n", "x.txt:3: C1 expected \"PONG\\r\\n\"\n\tC1 got \"\""},
		{"not refused", "C1! refused\n", "x.txt:1: C1 expected to be refused\n\tC1 is open"},
		{"refused while open", "C1 open\nC1! refused\n", "x.txt:2: C1 is open already"},
		{"lame duck", "C1 open\nS! lame-duck\nC2! refused\nC1> PING\nC1< PONG\n", ""},
		{"shutdown", "C1 open\nS! shutdown\nC1! closed\nC1! refused\n", ""},
		{"close what is not open", "C1 close\n", "x.txt:1: C1 is not open"},
		{"resume what is not open", "C1 resume\n", "x.txt:1: C1 is not open"},
		{"resume what is not held", "C1 open\nC1 resume\n", "x.txt:2: C1 is not held"},
		{"hold", "C1 hold\nC1> PING\nC1! silent 50ms\nC1 resume\nC1< PONG\n", ""},
		{"one of two", "C1 open\nC2> MSG\nC1,C2< MSG foo 1 1\nC1,C2< a\n", ""},
		{"both of two", "C1> MSG\nC2> MSG\nC1,C2< MSG foo 1 1\nC1,C2< a\nC1> PING\nC1< PONG\nC2> PING\nC2< PONG\n", "got \"MSG foo 1 1\\r\\na\\r\\n"},
		{"none of two", "C1 open\nC2 open\nC1,C2< MSG foo 1 1\nC1,C2< a\n", "x.txt:3: C1,C2 expected \"MSG foo 1 1\\r\\na\\r\\n\"\n\tC1 got \"\"\n\tC2 got \"\""},
		{"alternatives", "C1> MSG\nC1<< \"MSG foo 2 1\\r\\na\\r\\n\" | \"MSG foo 1 1\\r\\na\\r\\n\"\n", ""},
		{"no alternative", "C1> PING\nC1<< \"a\" | \"b\"\n", "x.txt:2: C1 expected \"a\" | \"b\"\n\tC1 got \"PONG\\r\\n\""},
		{"block", "C1> TWO\n{\nC1< MSG foo 1 1\nC1< a\nC1< MSG foo 2 1\nC1< b\n}\n", ""},
		{"block that keeps messages whole", "C1> TWO\n{\nC1< MSG foo 1 1\nC1< b\nC1< MSG foo 2 1\nC1< a\n}\n", "x.txt:2: C1 expected \"MSG foo 1 1\\r\\nb\\r\\n\" and C1 expected \"MSG foo 2 1\\r\\na\\r\\n\"\n\tC1 got \"MSG foo 2 1\\r\\nb\\r\\nMSG foo 1 1\\r\\na\\r\\n\""},
		{"block with half", "C1> MSG\n{\nC1< MSG foo 1 1\nC1< a\nC1< MSG foo 2 1\nC1< b\n}\n", "x.txt:2: C1 expected \"MSG foo 2 1\\r\\nb\\r\\n\"\n\tC1 got \"\""},
		{"block over two", "C1> MSG\nC2> MSG\n{\nC1,C2< MSG foo 1 1\nC1,C2< a\nC1< MSG foo 1 1\nC1< a\n}\n", ""},
		{"first INFO", "C1< INFO {server_name:\"n\", …}\nC1> INFO\nC1< INFO {port:1, …}\n", ""},
		{"wrong INFO", "C1< INFO {server_name:\"m\", …}\n", "\n\tINFO field server_name is \"n\", not \"m\""},
		{"no INFO", "C1> PING\nC1< PONG\nC1> PING\nC1< INFO {…}\n", "x.txt:4: C1 expected INFO {…}\n\tC1 got \"PONG\\r\\n\"\n\tno INFO line"},
		{"for this server", "# differs: by nature\nreference| C1> PING\nC1< PONG\n", ""},
		{"for the other server", "# differs: by nature\nmoonwire| C1> PING\nC1! silent 20ms\n", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := errText(playFake(t, Reference, tc.text, startFake(t, fakeInfo, answers)))
			// A long message is told by its end.
			if !strings.HasPrefix(tc.want, "x.txt") && tc.want != "" && strings.Contains(got, tc.want) {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunTooEarly(t *testing.T) {
	t.Parallel()
	f := startFake(t, fakeInfo, map[string]string{"PING": "PONG\r\n"})
	got := errText(playFake(t, Reference, "C1> PING\nC1! within 3s..4s\nC1< PONG\n", f))
	if !strings.HasPrefix(got, "x.txt:3: came after ") || !strings.HasSuffix(got, ", 3s at the earliest") {
		t.Errorf("error %q does not say that it came too early", got)
	}
}

func TestRunChecksGreeting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, server, greet, want string
	}{
		{"reference", Reference, fakeInfo, ""},
		{"moonwire", Moonwire, fakeOwnInfo, ""},
		{"moonwire as reference", Reference, fakeOwnInfo, "INFO has the field moonwire"},
		{"reference as moonwire", Moonwire, fakeInfo, "INFO lacks the field moonwire"},
		{"no INFO", Reference, "+OK\r\n", "x.txt:1: opening C1: C1 expected a legal INFO\n\tC1 got \"+OK\\r\\n\"\n\tno INFO line"},
		{"no greeting", Reference, "", "x.txt:1: opening C1: C1 expected a legal INFO\n\tC1 got \"\""},
		{"half a greeting", Reference, "INFO {", "x.txt:1: opening C1: C1 expected a legal INFO\n\tC1 got \"INFO {\""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := errText(playFake(t, tc.server, "C1 open\n", startFake(t, tc.greet, nil)))
			if (tc.want == "") != (got == "") || !strings.HasSuffix(got, tc.want) {
				t.Errorf("error is %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRunUnknownServer(t *testing.T) {
	t.Parallel()
	s, err := parse("x.txt", "C1 open\n")
	if err != nil {
		t.Fatal(err)
	}
	want := `"gnatsd" is no name of a server: moonwire or reference`
	if got := errText(s.run("gnatsd", startFake(t, fakeInfo, nil))); got != want {
		t.Errorf("error is %q, want %q", got, want)
	}
}

func TestRunCannotConnect(t *testing.T) {
	t.Parallel()
	f := startFake(t, fakeInfo, nil)
	f.LameDuck()
	got := errText(playFake(t, Reference, "C1> PING\n", f))
	if !strings.HasPrefix(got, "x.txt:1: opening C1: ") {
		t.Errorf("error %q does not name the connection", got)
	}
}

func TestRunPassesPing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		age        time.Duration
		want       string
	}{
		{"old", "C1> GO\nC1< +OK\nC1> PING\nC1< PONG\n", 2 * time.Second, ""},
		{"old and silent", "C1> GO\nC1< +OK\nC1! silent 50ms\n", 2 * time.Second, ""},
		{"old at its close", "C1> GO\nC1< +OK\nC1> PING\nC1< PONG\nC1 close\n", 2 * time.Second, ""},
		{"young", "C1> GO\nC1< +OK\nC1> PING\nC1< PONG\n", 0, "x.txt:4: C1 expected \"PONG\\r\\n\"\n\tC1 got \"PING\\r\\nPONG\\r\\n\""},
		{"old but expected later", "C1> GO\nC1< +OK\nC1> PING\nC1< PONG\nC1< PING\n", 2 * time.Second, "x.txt:4: C1 expected \"PONG\\r\\n\"\n\tC1 got \"PING\\r\\nPONG\\r\\n\""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, fakeInfo, map[string]string{"GO": "+OK\r\nPING\r\n", "PING": "PONG\r\n"})
			s, err := parse("x.txt", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			x, err := s.session(Reference, f)
			if err != nil {
				t.Fatal(err)
			}
			p, err := x.peer("C1")
			if err != nil {
				t.Fatal(err)
			}
			p.opened = p.opened.Add(-tc.age)
			// What follows the PING may be late.
			got := strings.Replace(errText(x.run()), `C1 got "PING\r\n"`, `C1 got "PING\r\nPONG\r\n"`, 1)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRunOneOfTwoLater: what has come on one of several connections may be of a
// later step, as long as another one can still have what is expected.
func TestRunOneOfTwoLater(t *testing.T) {
	t.Parallel()
	f := startFake(t, fakeInfo, map[string]string{"PING": "PONG\r\n"})
	s, err := parse("x.txt", "C1> PING\nC2 open\nC1,C2< +OK\n")
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.session(Reference, f)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	for _, st := range x.steps[:2] {
		if err := x.play(st); err != nil {
			t.Fatal(err)
		}
	}
	units := x.steps[2].do.(expectStep).units
	came := func(name, what string) func() (bool, error) {
		return func() (bool, error) {
			got, err := x.peers[name].state()
			return string(got) == what, err
		}
	}
	if err := x.await(x.limit(), came("C1", "PONG\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := x.hopeless(units); err != nil {
		t.Errorf("C2 may still have it: %v", err)
	}
	if err := x.peers["C2"].write([]byte("PING\n")); err != nil {
		t.Fatal(err)
	}
	if err := x.await(x.limit(), came("C2", "PONG\r\n")); err != nil {
		t.Fatal(err)
	}
	want := "C1,C2 expected \"+OK\\r\\n\"\n\tC1 got \"PONG\\r\\n\"\n\tC2 got \"PONG\\r\\n\""
	if got := errText(x.hopeless(units)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
