//go:build linux

package load

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// transcript is a handler that writes down what it gets.
type transcript struct{ got []string }

func (r *transcript) message(_ *conn, d *delivery) error {
	s := "msg " + string(d.payload())
	if len(d.reply) > 0 {
		s += " reply " + string(d.reply)
	}
	if d.header > 0 {
		s += " header " + fmt.Sprintf("%q", d.body[:d.header])
	}
	r.got = append(r.got, s)
	if string(d.payload()) == "poison" {
		return errors.New("poisoned")
	}
	return nil
}

func (r *transcript) pong(*conn) error { r.got = append(r.got, "pong"); return nil }
func (r *transcript) info(*conn) error { r.got = append(r.got, "info"); return nil }

func TestConsume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		raw   bool
		in    string
		want  []string
		out   string // what is to be sent back
		rest  string
		fails string
	}{
		{name: "nothing", in: ""},
		{name: "message", in: "MSG a 1 2\r\nhi\r\n", want: []string{"msg hi"}},
		{
			name: "the same line again, then another", in: "MSG a 1 2\r\nhi\r\nMSG a 1 2\r\nho\r\nMSG a 12 2\r\nhe\r\nMSG a 1 2\r\nhu\r\n",
			want: []string{"msg hi", "msg ho", "msg he", "msg hu"},
		},
		{name: "reply", in: "MSG a 1 r.x 2\r\nhi\r\n", want: []string{"msg hi reply r.x"}},
		{
			name: "header", in: "HMSG a 1 4 6\r\nH\r\n\nhi\r\n",
			want: []string{`msg hi header "H\r\n\n"`},
		},
		{name: "header and reply", in: "HMSG a 1 r 2 4\r\nHHhi\r\n", want: []string{`msg hi reply r header "HH"`}},
		{name: "empty payload", in: "MSG a 1 0\r\n\r\n", want: []string{"msg "}},
		{name: "payload that looks like a line", in: "MSG a 1 8\r\nPING\r\nxx\r\n", want: []string{"msg PING\r\nxx"}},
		{name: "ping", in: "PING\r\nMSG a 1 2\r\nhi\r\n", want: []string{"msg hi"}, out: "PONG\r\n"},
		{name: "pong, info, ok", in: "PONG\r\nINFO {} \r\n+OK\r\n", want: []string{"pong", "info"}},
		{name: "forwarded", raw: true, in: "PUB a 2\r\nhi\r\nPUB a r 2\r\nho\r\nHPUB a 1 2\r\nHh\r\n", want: []string{"msg hi", "msg ho reply r", `msg h header "H"`}},

		{name: "half a line", in: "PONG\r\nMSG a 1", want: []string{"pong"}, rest: "MSG a 1"},
		{name: "half a payload", in: "MSG a 1 4\r\nhi", rest: "MSG a 1 4\r\nhi"},
		{name: "no CRLF yet", in: "MSG a 1 2\r\nhi\r", rest: "MSG a 1 2\r\nhi\r"},

		{name: "error line", in: "-ERR 'Slow Consumer'\r\n", fails: "the server says -ERR 'Slow Consumer'"},
		{name: "publish from a server", in: "PUB a 2\r\nhi\r\n", fails: "does not know"},
		{name: "unknown line", in: "HELLO\r\n", fails: `does not know: "HELLO`},
		{name: "payload too long", in: "MSG a 1 2\r\nhiho\r\n", fails: "without CRLF"},
		{name: "too few fields", in: "MSG a 2\r\nhi\r\n", fails: "wrong fields"},
		{name: "too many fields", in: "MSG a 1 r x 2\r\nhi\r\n", fails: "wrong fields"},
		{name: "far too many fields", in: "MSG a 1 r x y z 2\r\nhi\r\n", fails: "wrong fields"},
		{name: "no size", in: "MSG a 1 x\r\nhi\r\n", fails: "wrong size"},
		{name: "giant size", in: "MSG a 1 99999999999999999999\r\n", fails: "wrong size"},
		{name: "header larger than all", in: "HMSG a 1 5 4\r\nhiho\r\n", fails: "wrong size"},
		{name: "endless line", in: strings.Repeat("x", maxLine+1), fails: "a line of more than"},
		{name: "handler refuses", in: "MSG a 1 6\r\npoison\r\nPONG\r\n", want: []string{"msg poison"}, fails: "poisoned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &transcript{}
			c := &conn{handler: h, raw: tt.raw}
			rest, err := c.consume([]byte(tt.in))
			if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("got error %v, want %q", err, tt.fails)
			}
			if diff := cmp.Diff(tt.want, h.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.fails != "" {
				return
			}
			if string(rest) != tt.rest || string(c.out) != tt.out {
				t.Errorf("rest %q, out %q, want %q, %q", rest, c.out, tt.rest, tt.out)
			}
			consumeSplit(t, tt.in, tt.raw, tt.want)
		})
	}
}

// consumeSplit cuts the input at every byte: the result must be the same.
func consumeSplit(t *testing.T, in string, raw bool, want []string) {
	t.Helper()
	for cut := range len(in) {
		h := &transcript{}
		c := &conn{handler: h, raw: raw}
		rest, err := c.consume([]byte(in[:cut]))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err = c.consume([]byte(string(rest) + in[cut:])); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if diff := cmp.Diff(want, h.got); diff != "" {
			t.Errorf("cut at %d (-want +got):\n%s", cut, diff)
		}
	}
}

type discard struct{ silent }

func (discard) message(*conn, *delivery) error { return nil }

func TestConsumeDoesNotAllocate(t *testing.T) {
	c := &conn{handler: discard{}}
	in := []byte(strings.Repeat("MSG bench.all 1 16\r\n0123456789abcdef\r\nMSG bench.all 2 16\r\n0123456789abcdef\r\n", 50))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.consume(in); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("consume allocates %v times", n)
	}
}

func BenchmarkConsume(b *testing.B) {
	for _, size := range []int{16, 128} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := &conn{handler: discard{}}
			in := []byte(strings.Repeat(fmt.Sprintf("MSG bench.all 1 %d\r\n%s\r\n", size, strings.Repeat("x", size)), 100))
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if _, err := c.consume(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
