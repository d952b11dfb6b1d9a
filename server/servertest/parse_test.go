package servertest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, want string
	}{
		{"empty", "", "x.txt:1: nothing to do"},
		{"comment only", "# a\n", "x.txt:1: nothing to do"},
		{"no step", "hello\n", "x.txt:1: \"hello\" is no step\nx.txt:1: nothing to do"},
		{"all at once", "C1 open\nhello\nC1! fly\n", "x.txt:2: \"hello\" is no step\nx.txt:3: unknown step \"!fly\""},
		{"blank at the end", "C1> PING \n", "x.txt:1: blanks at the end of a line: write them with >> or <<\nx.txt:1: nothing to do"},
		{"carriage return", "C1 open\r\n", "x.txt:1: blanks at the end of a line: write them with >> or <<\nx.txt:1: nothing to do"},
		{"late config", "C1 open\nconfig:\n  a: 1\n", "x.txt:2: config: stands once, before the first step\nx.txt:3: \"  a: 1\" is no step"},
		{"second config", "config:\n  a: 1\nconfig:\nC1 open\n", "x.txt:3: config: stands once, before the first step"},
		{"no reason", "C1 open\nmoonwire| C1> PING\n", "x.txt:2: a line for moonwire only needs a comment right before it: # differs: why"},
		{"empty reason", "C1 open\n# differs:\nmoonwire| C1> PING\n", "x.txt:3: a line for moonwire only needs a comment right before it: # differs: why"},
		{"reason too far", "# differs: x\nC1 open\nreference| C1> PING\n", "x.txt:3: a line for reference only needs a comment right before it: # differs: why"},
		{"reason behind a gap", "# differs: x\n\nreference| C1> PING\nC1 open\n", "x.txt:3: a line for reference only needs a comment right before it: # differs: why"},
		{"block open", "C1 open\n{\nC1< a\n", "x.txt:3: the block of line 2 is not closed"},
		{"block not open", "C1 open\n}\n", "x.txt:2: no block is open"},
		{"block in a block", "{\n{\nC1< a\n}\n", "x.txt:2: a block in a block"},
		{"empty block", "C1 open\n{\n}\n", "x.txt:3: an empty block"},
		{"send in a block", "{\nC1> PING\nC1< a\n}\n", "x.txt:2: a block holds expectations only"},
		{"message cut off by a step", "C1 open\nC1,C2< MSG foo 1 5\nC1> PING\n", "x.txt:3: the message before lacks payload"},
		{"message cut off by the end", "C1 open\nC1,C2< MSG foo 1 5\n", "x.txt:2: the message before lacks payload"},
		{"message cut off by the block", "C1 open\n{\nC1< MSG foo 1 5\n}\n", "x.txt:4: the message before lacks payload"},
		{"payload of another", "{\nC1< MSG foo 1 5\nC2< hello\n}\nC1 open\n", "x.txt:3: the message before lacks payload\nx.txt:4: an empty block"},
		{"payload too long", "C1 open\nC1,C2< MSG foo 1 4\nC1,C2< hello\n", "x.txt:3: the payload is longer than its message says"},
		{"bound without expectation", "C1! within 1s..2s\nC1> PING\n", "x.txt:2: a bound needs an expectation right behind it\nx.txt:2: nothing to do"},
		{"bound at the end", "C1 open\nC1! within 1s..2s\n", "x.txt:2: a bound needs an expectation right behind it"},
		{"bound of another", "C1 open\nC2! within 1s..2s\nC1< a\n", "x.txt:3: a bound needs an expectation right behind it"},
		{"two bounds", "C1! within 1s..2s\nC1! within 1s..2s\nC1< a\n", "x.txt:2: a bound needs an expectation right behind it"},
		{"bound turned round", "C1 open\nC1! within 2s..1s\n", "x.txt:2: \"2s..1s\" is no bound such as 900ms..1600ms"},
		{"bound without an end", "C1 open\nC1! within 2s\n", "x.txt:2: \"2s\" is no bound such as 900ms..1600ms"},
		{"silence too long", "C1 open\nC1! silent 1h\n", "x.txt:2: \"1h\" is no time up to 5s"},
		{"argument", "C1 open\nC1! closed now\n", "x.txt:2: closed takes no argument"},
		{"send on two", "C1 open\nC1,C2> a\n", "x.txt:2: only < and << take more than one connection"},
		{"send to the server", "C1 open\nS> a\n", "x.txt:2: the server is no connection"},
		{"expect from the server", "C1 open\nS< a\n", "x.txt:2: the server is no connection"},
		{"server verb", "C1 open\nS! closed\n", "x.txt:2: the server cannot closed"},
		{"client verb", "C1 open\nC1! shutdown\n", "x.txt:2: unknown step \"!shutdown\""},
		{"two things to send", "C1 open\nC1>> \"a\" | \"b\"\n", "x.txt:2: one thing is sent, not one of some"},
		{"expression", "C1 open\nC1>> a\n", "x.txt:2: a where a quoted string or repeat should be"},
		{"pattern", "C1 open\nC1< INFO {port}\n", "x.txt:2: no value for the INFO field port"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse("x.txt", tc.text)
			if diff := cmp.Diff(tc.want, errText(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseConfig(t *testing.T) {
	t.Parallel()
	s, err := parse("x.txt", "# c\nconfig:\n  a: 1\n\n\tb { c: 2 }\nC1 open\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.config, "  a: 1\n\n\tb { c: 2 }"; got != want {
		t.Errorf("config is %q, want %q", got, want)
	}
}

func TestParseForServer(t *testing.T) {
	t.Parallel()
	s, err := parse("x.txt", strings.Join([]string{
		"C1 open",
		"# differs: x",
		"moonwire| C1< a",
		"moonwire| C1< b",
		"{",
		"C1< c",
		"# differs: y",
		"reference| C1< d",
		"}",
		"{",
		"# differs: z",
		"reference| C1< e",
		"}",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		server string
		want   []int // lines of the steps and of the units in a block
	}{
		{Moonwire, []int{1, 3, 3, 4, 4, 5, 6}},
		{Reference, []int{1, 5, 6, 8, 10, 12}},
	}
	for _, tc := range tests {
		t.Run(tc.server, func(t *testing.T) {
			t.Parallel()
			var got []int
			for _, st := range s.forServer(tc.server) {
				got = append(got, st.line)
				if e, ok := st.do.(expectStep); ok {
					for _, u := range e.units {
						got = append(got, u.line)
					}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseExpr(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want []string
		err  string
	}{
		{src: `"a\r\n"`, want: []string{"a\r\n"}},
		{src: "`a\\r`", want: []string{`a\r`}},
		{src: `"a" + "b"`, want: []string{"ab"}},
		{src: `"a" + repeat("bc", 3) + "d"`, want: []string{"abcbcbcd"}},
		{src: `repeat("a" + repeat("b", 2), 2)`, want: []string{"abbabb"}},
		{src: `repeat("a", 0)`, want: []string{""}},
		{src: `"a" | "b" + "c"`, want: []string{"a", "bc"}},
		{src: ``, err: "the expression ends where a quoted string or repeat should be"},
		{src: `"a" +`, err: "the expression ends where a quoted string or repeat should be"},
		{src: `"a" "b"`, err: `"b" where an operator should be`},
		{src: `"a`, err: "string literal not terminated"},
		{src: `"\y"`, err: "unknown escape sequence"},
		{src: `repeat`, err: "the expression ends where ( should be"},
		{src: `repeat("a")`, err: ") where , should be"},
		{src: `repeat("a", "b")`, err: `"b" where a count should be`},
		{src: `repeat("a", -1)`, err: "- where a count should be"},
		{src: `repeat("a", 2`, err: "the expression ends where ) should be"},
		{src: `repeat("a", 1000000000)`, err: "repeat makes more than 67108864 bytes"},
		{src: `repeat("aaaaaaaa", 2305843009213693952)`, err: "repeat makes more than 67108864 bytes"},
		{src: `repeat("a", 99999999999999999999)`, err: "repeat makes more than 67108864 bytes"},
	}
	for _, tc := range tests {
		t.Run(tc.src, func(t *testing.T) {
			t.Parallel()
			alts, err := parseExpr(tc.src)
			if got := errText(err); got != tc.err {
				t.Errorf("error is %q, want %q", got, tc.err)
			}
			var got []string
			for _, alt := range alts {
				got = append(got, string(alt))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}
