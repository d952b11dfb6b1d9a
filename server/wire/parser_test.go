package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// feeder parses a stream that arrives in pieces, as a connection does.
type feeder struct {
	p    Parser
	left []byte
	log  []string
	err  *Error
}

func newFeeder() *feeder {
	return &feeder{p: Parser{MaxControlLine: 64, MaxPayload: 100, Headers: true}}
}

func (f *feeder) feed(b []byte) {
	f.left = append(f.left, b...)
	for f.err == nil {
		op, n, err := f.p.Next(f.left)
		if f.err = err; err != nil {
			return
		}
		if op == OpNone {
			f.left = append([]byte(nil), f.left[n:]...)
			return
		}
		f.log = append(f.log, f.p.describe(op))
		f.left = append([]byte(nil), f.left[n:]...)
	}
}

func (p *Parser) describe(op Op) string {
	switch op {
	case OpPub:
		m := &p.Pub
		return fmt.Sprintf("pub %q %q %d/%d %q", m.Subject, m.Reply, m.Header, m.Size, m.Tail)
	case OpSub:
		return fmt.Sprintf("sub %q %q %q", p.Sub.Subject, p.Sub.Queue, p.Sub.Sid)
	case OpUnsub:
		return fmt.Sprintf("unsub %q %d", p.Unsub.Sid, p.Unsub.Max)
	case OpConnect, OpInfo, OpErr:
		return fmt.Sprintf("op %d %q", op, p.Arg)
	}
	return fmt.Sprintf("op %d", op)
}

func parse(in string) ([]string, *Error) {
	f := newFeeder()
	f.feed([]byte(in))
	return f.log, f.err
}

func TestParser(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	tests := []struct {
		name, in string
		want     []string
		err      *Error
	}{
		{"pub", "PUB foo 2\r\nhi\r\n", []string{`pub "foo" "" -1/2 "2\r\nhi\r\n"`}, nil},
		{"pub with reply", "PUB foo bar 2\r\nhi\r\n", []string{`pub "foo" "bar" -1/2 "bar 2\r\nhi\r\n"`}, nil},
		{"pub of nothing", "PUB foo 0\r\n\r\n", []string{`pub "foo" "" -1/0 "0\r\n\r\n"`}, nil},
		{"size text is kept", "PUB foo 0000002\r\nhi\r\n", []string{`pub "foo" "" -1/2 "0000002\r\nhi\r\n"`}, nil},
		{"lower case", "pub foo 2\r\nhi\r\n", []string{`pub "foo" "" -1/2 "2\r\nhi\r\n"`}, nil},
		{"many blanks", "PUB \t foo \t bar   2 \r\nhi\r\n", []string{`pub "foo" "bar" -1/2 "bar 2\r\nhi\r\n"`}, nil},
		{"bare LF", "PUB foo 2\nhi\r\n", []string{`pub "foo" "" -1/2 "2\r\nhi\r\n"`}, nil},
		{"tab", "PUB foo\tbar 2\r\nhi\r\n", []string{`pub "foo" "bar" -1/2 "bar 2\r\nhi\r\n"`}, nil},
		{"two pubs", "PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n", []string{`pub "a" "" -1/1 "1\r\nx\r\n"`, `pub "b" "" -1/1 "1\r\ny\r\n"`}, nil},
		{"hpub", "HPUB foo 4 6\r\nHHHHhi\r\n", []string{`pub "foo" "" 4/6 "4 6\r\nHHHHhi\r\n"`}, nil},
		{"hpub with reply", "HPUB foo r 4 6\r\nHHHHhi\r\n", []string{`pub "foo" "r" 4/6 "r 4 6\r\nHHHHhi\r\n"`}, nil},
		{"hpub without header", "HPUB foo 0 2\r\nhi\r\n", []string{`pub "foo" "" -1/2 "2\r\nhi\r\n"`}, nil},
		{"hpub without header, with reply", "hpub foo r 0 2\r\nhi\r\n", []string{`pub "foo" "r" -1/2 "r 2\r\nhi\r\n"`}, nil},
		{"sub", "SUB foo 1\r\n", []string{`sub "foo" "" "1"`}, nil},
		{"queue sub in lower case", "sub   foo \t g1   1\r\n", []string{`sub "foo" "g1" "1"`}, nil},
		{"unsub", "UNSUB 1\r\nunsub 1 3\r\nUNSUB 1 x\r\nUNSUB 1 1000000000\n", []string{`unsub "1" 0`, `unsub "1" 3`, `unsub "1" 0`, `unsub "1" 0`}, nil},
		{"pings", "PING\r\npInG \r\nPONGanything\nping\n", []string{"op 4", "op 4", "op 5", "op 4"}, nil},
		{"connect without blank", "CONNECT{}\r\nCONNECT  {}\r\nCONNECT\r\n", []string{`op 6 "{}"`, `op 6 "{}"`, `op 6 ""`}, nil},
		{"others", "+OK\r\nINFO {}\r\n-ERR 'x'\r\n", []string{"op 8", `op 7 "{}"`, `op 9 "'x'"`}, nil},
		{"control line at the limit", "SUB " + long[:62] + " 1\r\n", []string{`sub "` + long[:62] + `" "" "1"`}, nil},
		{"control line over the limit", "SUB " + long[:63] + " 1\r\n", nil, ErrMaxControlLine},
		{"control line without end", "SUB " + long + "a", nil, ErrMaxControlLine},
		{"blanks without end", "SUB " + strings.Repeat(" ", maxBlanks), nil, ErrMaxControlLine},
		{"more blanks than a control line", "SUB " + strings.Repeat(" ", 70) + "foo 1\r\n", []string{`sub "foo" "" "1"`}, nil},
		{"blanks over the limit", "SUB " + strings.Repeat(" ", maxBlanks) + "foo 1\r\n", nil, ErrMaxControlLine},
		{"pub line over the limit", "PUB " + long + " 1\r\nx\r\n", nil, ErrMaxControlLine},
		{"payload at the limit", "PUB a 100\r\n" + long + long[:36] + "\r\n", []string{`pub "a" "" -1/100 "100\r\n` + long + long[:36] + `\r\n"`}, nil},
		{"payload over the limit", "PUB a 101\r\n", nil, ErrMaxPayload},
		{"unknown", "FOO\r\n", nil, ErrUnknownOp},
		{"unknown at the first byte", "X", nil, ErrUnknownOp},
		{"unknown at the third byte", "SUX", nil, ErrUnknownOp},
		{"empty line", "\r\n", nil, ErrUnknownOp},
		{"leading blank", " PING\r\n", nil, ErrUnknownOp},
		{"no arguments", "PUB\r\n", nil, ErrUnknownOp},
		{"blank but no arguments", "PUB \r\n", nil, ErrMalformed},
		{"no size", "PUB foo\r\n", nil, ErrMalformed},
		{"bad size", "PUB foo x\r\n", nil, ErrMalformed},
		{"negative size", "PUB foo -1\r\n", nil, ErrMalformed},
		{"ten digits", "PUB foo 0000000002\r\nhi\r\n", nil, ErrMalformed},
		{"too many arguments", "PUB foo bar 2 3\r\nhi\r\n", nil, ErrMalformed},
		{"far too many arguments", "PUB a b c d e f g h\r\n", nil, ErrMalformed},
		{"payload too long", "PUB foo 2\r\nhiii", nil, ErrUnknownOp},
		{"payload ends in LF", "PUB foo 2\r\nhi\n", nil, ErrUnknownOp},
		{"half an end", "PUB foo 2\r\nhi\rx", nil, ErrUnknownOp},
		{"header longer than message", "HPUB foo 20 10\r\n", nil, ErrMalformed},
		{"bad header size", "HPUB foo x 10\r\n", nil, ErrMalformed},
		{"hpub with one size", "HPUB foo 10\r\n", nil, ErrMalformed},
		{"sub with one argument", "SUB foo\r\n", nil, ErrMalformed},
		{"sub with four arguments", "SUB a b c d\r\n", nil, ErrMalformed},
		{"unsub with three arguments", "UNSUB 1 2 3\r\n", nil, ErrMalformed},
		{"message from a client", "MSG foo 1 2\r\nhi\r\n", nil, ErrUnknownOp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			if err != tt.err {
				t.Errorf("got error %v, want %v", err, tt.err)
			}
		})
	}
}

func TestParserWithoutHeaders(t *testing.T) {
	t.Parallel()
	p := Parser{MaxControlLine: 64, MaxPayload: 100}
	if _, _, err := p.Next([]byte("HPUB foo 4 6\r\nHHHHhi\r\n")); err != ErrMalformed {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}

// TestParserNeed shows what a caller learns of a message that is not complete.
func TestParserNeed(t *testing.T) {
	t.Parallel()
	p := Parser{MaxControlLine: 64, MaxPayload: 100}
	const msg = "PUB foo 50\r\n"
	if op, n, err := p.Next([]byte(msg + "x")); op != OpNone || n != 0 || err != nil {
		t.Fatalf("got %v, %d, %v", op, n, err)
	}
	if want := len(msg) + 52; p.Need != want || !p.Head || string(p.Pub.Subject) != "foo" {
		t.Errorf("got need %d (want %d), head %v, subject %q", p.Need, want, p.Head, p.Pub.Subject)
	}
	if op, _, _ := p.Next([]byte("PUB fo")); op != OpNone || p.Need != 0 || p.Head {
		t.Errorf("got %v, need %d, head %v for half a line", op, p.Need, p.Head)
	}
}

// TestParserSplits presents a stream cut at each byte.
func TestParserSplits(t *testing.T) {
	t.Parallel()
	for _, in := range seeds {
		splits(t, []byte(in))
	}
}

// splits fails unless in means the same in one piece, byte by byte, and cut at
// each place.
func splits(t *testing.T, in []byte) {
	t.Helper()
	want, wantErr := parse(string(in))
	check := func(how string, f *feeder) {
		if diff := cmp.Diff(want, f.log); diff != "" || f.err != wantErr {
			t.Fatalf("%q %s: error %v, want %v; operations (-want +got):\n%s", in, how, f.err, wantErr, diff)
		}
	}
	bytewise := newFeeder()
	for i := range in {
		bytewise.feed(in[i : i+1])
	}
	check("byte by byte", bytewise)
	for i := range in {
		f := newFeeder()
		f.feed(in[:i])
		f.feed(in[i:])
		check(fmt.Sprintf("cut at %d", i), f)
	}
}

var seeds = []string{
	"CONNECT {\"verbose\":false}\r\nSUB foo.* q 1\r\nPUB foo.bar inbox 5\r\nhello\r\nPING\r\n",
	"HPUB foo r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 1 5\r\nPONG\r\n+OK\r\n",
	"pub foo\t2 \nhi\r\nhPub foo 0 2\r\nhi\r\nsub  a  b\r\n-ERR x\r\n",
	"PUB foo 0000002\r\nhi\r\nPUB foo 2\r\nhiX",
	"PINGGGG",
	"INFO {}\nFOO",
	"SUB " + strings.Repeat("x", 100) + "\r\n",
	"SUB " + strings.Repeat(" ", 100) + "foo 1\r\n",
}

func FuzzParser(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 512 {
			in = in[:512]
		}
		splits(t, in)
	})
}

// FuzzPlain holds the quick way of parsing a message against the careful one.
func FuzzPlain(f *testing.F) {
	f.Add([]byte("PUB foo.bar inbox 5\r\nhello\r\n"))
	f.Add([]byte("HPUB foo 4 6\r\nHHHHhi\r\n"))
	f.Add([]byte("PUB  foo\t007\r\n1234567\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := Parser{MaxControlLine: 64, MaxPayload: 100, Headers: true}
		op, n, err := p.Next(in)
		if op != OpPub {
			return
		}
		got := p.describe(op)
		q := Parser{MaxControlLine: 64, MaxPayload: 100, Headers: true}
		op2, n2, err2 := q.careful(in)
		if want := q.describe(op2); got != want || n != n2 || err != err2 {
			t.Errorf("%q: quick %s (%d), careful %s (%d)", in, got, n, want, n2)
		}
		if !bytes.Equal(p.Pub.Body(), q.Pub.Body()) || len(p.Pub.Body()) != p.Pub.Size {
			t.Errorf("%q: body %q, careful %q, size %d", in, p.Pub.Body(), q.Pub.Body(), p.Pub.Size)
		}
	})
}

func TestParserAllocates(t *testing.T) {
	p := Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	in := []byte("PUB foo.bar _INBOX.abc 5\r\nhello\r\nHPUB foo r 12 14\r\nNATS/1.0\r\n\r\nhi\r\npub  foo 2\r\nhi\r\nSUB foo q 1\r\nUNSUB 1 5\r\nPING\r\n")
	n := testing.AllocsPerRun(100, func() {
		for b := in; len(b) > 0; {
			op, n, err := p.Next(b)
			if op == OpNone || err != nil {
				t.Fatal(op, err)
			}
			b = b[n:]
		}
		p.Reset()
	})
	if n != 0 {
		t.Errorf("parsing allocates %v times", n)
	}
}

func BenchmarkParser(b *testing.B) {
	for _, tt := range []struct{ name, in string }{
		{"plain", "PUB foo.bar 16\r\n0123456789abcdef\r\n"},
		{"reply", "PUB foo.bar _INBOX.abcdefghijklmnop.1 16\r\n0123456789abcdef\r\n"},
		{"headers", "HPUB foo.bar 12 28\r\nNATS/1.0\r\n\r\n0123456789abcdef\r\n"},
		{"careful", "pub foo.bar 16\r\n0123456789abcdef\r\n"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			p := Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
			in := []byte(tt.in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if op, _, _ := p.Next(in); op != OpPub {
					b.Fatal(op)
				}
				p.Reset()
			}
		})
	}
}
