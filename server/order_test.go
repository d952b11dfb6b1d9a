package server_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"moonwire/server/servertest"
)

// roomy is the configuration of a broker that cuts no slow reader.
const roomy = "max_pending: 512MB\nwrite_deadline: \"60s\"\n"

// slowly reads pieces of random size and gives way at random.
type slowly struct {
	r   io.Reader
	rng *rand.Rand
}

// Read implements io.Reader.
func (s slowly) Read(p []byte) (int, error) {
	if s.rng.IntN(4) == 0 {
		for range s.rng.IntN(200) {
			runtime.Gosched()
		}
	}
	if s.rng.IntN(3) == 0 && len(p) > 1 {
		p = p[:1+s.rng.IntN(len(p)-1)]
	}
	return s.r.Read(p)
}

// dawdle makes c a slow and irregular reader.
func (c *rawClient) dawdle(seed uint64) {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(32 << 10)
	}
	c.r = bufio.NewReaderSize(slowly{c.r, rand.New(rand.NewPCG(seed, 1))}, 8<<10)
}

// orderSizes are the sizes of the payloads of one publisher in TestOrder.
var orderSizes = map[string]func(*rand.Rand) int{
	"small": func(r *rand.Rand) int { return r.IntN(32) },
	"mixed": func(r *rand.Rand) int {
		switch r.IntN(100) {
		case 0:
			return 60_000 + r.IntN(20_000) // around the size of a buffer
		case 1:
			return 200_000
		case 2, 3, 4:
			return r.IntN(10_000)
		}
		return r.IntN(200)
	},
}

// TestOrder has several publishers send numbered messages to several slow
// readers with one or many overlapping subscriptions. Of each publisher each
// reader gets each message once for each subscription that matches, and all
// copies of one message before any copy of the next.
func TestOrder(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		publishers, messages int
		readers              []string // "subject sid, subject sid, …"
	}{
		"one to one":           {1, 16000, []string{"o.> 1"}},
		"pairs":                {4, 3000, []string{"o.0.* 1", "o.1.* 1", "o.2.* 2", "o.3.* 1"}},
		"fan-out, equal sids":  {2, 3000, []string{"o.> 1", "o.> 1", "o.> 1", "o.> 1", "o.> 1"}},
		"fan-out, other sids":  {2, 3000, []string{"o.> 1", "o.*.* 2", "o.*.> 1", "o.> 33", "*.*.* 2"}},
		"overlapping":          {2, 2000, []string{"o.> 1, o.*.a 2, o.0.a 3, o.1.b 4, *.> 5"}},
		"overlap in a fan-out": {3, 1500, []string{"o.> 1", "o.> 1", "o.> 1, o.*.a 2", "o.*.b 1, *.*.a 2", "o.> 1", "o.0.> 7, > 8"}},
	}
	for name, tt := range tests {
		for kind, size := range orderSizes {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				messages := tt.messages
				if kind == "mixed" {
					messages /= 6
				}
				b := servertest.Start(t, roomy)
				var work crew
				for i, subs := range tt.readers {
					o := newOrdered(t, b.Addr(), subs, uint64(i))
					work.do(fmt.Sprintf("reader %d (%s)", i, subs), func() error { return o.check(tt.publishers, messages) })
				}
				for p := range tt.publishers {
					c := connect(t, b.Addr())
					work.do(fmt.Sprintf("publisher %d", p), func() error {
						if err := publishNumbered(c, p, messages, size); err != nil {
							return err
						}
						return c.sync(nil)
					})
				}
				work.wait(t)
			})
		}
	}
}

// kinds are the last tokens of the subjects of numbered messages, in turn.
const kinds = "abc"

// publishNumbered publishes messages whose payload says who sent them and which
// they are.
func publishNumbered(c *rawClient, publisher, messages int, size func(*rand.Rand) int) error {
	rng := rand.New(rand.NewPCG(uint64(publisher), 2))
	w := bufio.NewWriterSize(c.nc, 48<<10)
	for n := range messages {
		head := fmt.Sprintf("%d %d ", publisher, n)
		pad := size(rng)
		fmt.Fprintf(w, "PUB o.%d.%c %d\r\n%s%s\r\n", publisher, kinds[n%len(kinds)], len(head)+pad, head, padding[:pad])
		if rng.IntN(50) == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// TestOrderOwn has publishers that read what they publish themselves, and what
// others do.
func TestOrderOwn(t *testing.T) {
	t.Parallel()
	for kind, size := range orderSizes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			messages := map[string]int{"small": 4000, "mixed": 600}[kind]
			b := servertest.Start(t, roomy)
			subs := []string{"o.> 1", "o.> 1", "o.> 1, o.*.b 2", "o.> 1"}
			var work crew
			var all []*ordered
			for i, s := range subs {
				all = append(all, newOrdered(t, b.Addr(), s, uint64(i)))
			}
			for i, o := range all {
				work.do(fmt.Sprintf("reader %d", i), func() error { return o.check(len(subs), messages) })
				work.do(fmt.Sprintf("publisher %d", i), func() error { return publishNumbered(o.rawClient, i, messages, size) })
			}
			work.wait(t)
		})
	}
}

var padding = strings.Repeat("x", 1<<20)

// ordered is a reader that checks the order of numbered messages.
type ordered struct {
	*rawClient
	subs map[string]string // subject by sid
	at   map[int]*progress // by publisher
}

// progress is how far a reader has come with one publisher.
type progress struct {
	n    int             // the message at hand
	seen map[string]bool // sids that have it
}

func newOrdered(t testing.TB, addr, subs string, seed uint64) *ordered {
	t.Helper()
	o := &ordered{rawClient: connect(t, addr), subs: make(map[string]string), at: make(map[int]*progress)}
	for sub := range strings.SplitSeq(subs, ", ") {
		subj, sid, _ := strings.Cut(sub, " ")
		o.subs[sid] = subj
		must(t, o.send("SUB "+sub+"\r\n"))
	}
	must(t, o.sync(nil))
	o.dawdle(seed)
	return o
}

// wanted returns for how many subscriptions message n of a publisher is.
func (o *ordered) wanted(publisher, n int) int {
	count := 0
	for _, subj := range o.subs {
		if covers(subj, fmt.Sprintf("o.%d.%c", publisher, kinds[n%len(kinds)])) {
			count++
		}
	}
	return count
}

// check reads until all messages of all publishers were there, and a little on.
func (o *ordered) check(publishers, messages int) error {
	left := 0
	for p := range publishers {
		o.at[p] = &progress{n: -1, seen: make(map[string]bool)}
		for n := range len(kinds) {
			left += o.wanted(p, n) * ((messages - n + len(kinds) - 1) / len(kinds))
		}
	}
	for ; left > 0; left-- {
		f, err := o.message()
		if err == nil {
			err = o.see(f)
		}
		if err != nil {
			return fmt.Errorf("%d messages before the end: %w", left, err)
		}
	}
	return o.sync(nil)
}

// see checks one message against what came before.
func (o *ordered) see(f frame) error {
	var p, n int
	if _, err := fmt.Sscanf(string(f.payload[:min(len(f.payload), 40)]), "%d %d ", &p, &n); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	if !covers(o.subs[f.sid], f.subject) || f.subject != "o."+strconv.Itoa(p)+"."+kinds[n%len(kinds):][:1] {
		return fmt.Errorf("misrouted: %s", f)
	}
	at := o.at[p]
	if n != at.n {
		if at.n >= 0 && len(at.seen) != o.wanted(p, at.n) {
			return fmt.Errorf("%s after %d of the %d copies of message %d", f, len(at.seen), o.wanted(p, at.n), at.n)
		}
		for next := at.n + 1; next < n; next++ {
			if o.wanted(p, next) > 0 {
				return fmt.Errorf("%s in place of message %d", f, next)
			}
		}
		if n < at.n {
			return fmt.Errorf("%s after message %d", f, at.n)
		}
		at.n = n
		clear(at.seen)
	}
	if at.seen[f.sid] {
		return fmt.Errorf("twice: %s", f)
	}
	at.seen[f.sid] = true
	return nil
}

// covers reports whether a pattern matches a subject.
func covers(pattern, subj string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subj, ".")
	for i, tok := range p {
		if tok == ">" {
			return i < len(s)
		}
		if i >= len(s) || tok != "*" && tok != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}
