package account

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	reference "github.com/nats-io/nats-server/v2/server"

	"moonwire/server/config"
)

// worlds is how many random sets of accounts TestReference compares.
const worlds = 40

// TestReference gives accounts with random imports, subscriptions and messages
// to the reference nats-server too, and compares what each client gets: requests,
// the answers to them, and messages of streams.
func TestReference(t *testing.T) {
	t.Parallel()
	compared := 0
	for seed := range worlds {
		accounts := drawAccounts(seed)
		theirs := startReference(t, accounts)
		if theirs == nil {
			continue // it sees cycles by names, also where none can come about
		}
		compared++
		ours := newWorld(t, accounts...)
		var want, got []string
		play(seed, func(step string, players []player) {
			for i, p := range players {
				for _, frame := range sortedFrames(p.take()) {
					got = append(got, fmt.Sprintf("%s: %d got %s", step, i, frame))
				}
			}
		}, func(account, name string) player { return &inside{ours.client(account, name)} })
		play(seed, func(step string, players []player) {
			for i, p := range players {
				for _, frame := range sortedFrames(p.take()) {
					want = append(want, fmt.Sprintf("%s: %d got %s", step, i, frame))
				}
			}
		}, func(account, _ string) player { return theirs.dial(t, account) })
		theirs.stop()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d, %s (-reference +moonwire):\n%s", seed, text(accounts), diff)
		}
	}
	if compared < worlds/2 {
		t.Errorf("only %d of %d worlds were compared", compared, worlds)
	}
}

// drawAccounts returns accounts with random imports that are allowed.
func drawAccounts(seed int) []config.Account {
	kinds := []string{"singleton", "stream", "chunked"}
	var list []config.Account
	for i, name := range []string{"A", "B", "C"} {
		list = append(list, config.Account{Name: name, Exports: []config.Export{
			{Subject: ">"}, {Service: true, Subject: ">", ResponseType: kinds[(seed+i)%3]},
		}})
	}
	for n := range 6 {
		i := drawImport.Example(seed*100 + n)
		next := slices.Clone(list)
		a := &next[n%3]
		a.Imports = append(slices.Clone(a.Imports), i)
		if _, err := NewSet(&config.Options{Accounts: next}); err == nil {
			list = next
		}
	}
	return list
}

// player is a client on either side.
type player interface {
	sub(args string)
	// pub publishes protocol lines; all that comes of it is there afterwards.
	pub(in string)
	take() []string
}

// inside is a player of this package.
type inside struct{ c *client }

func (l *inside) sub(args string) { l.c.sub(args) }
func (l *inside) pub(in string)   { l.c.pub(in) }
func (l *inside) take() []string  { return l.c.take() }

var replySubject = regexp.MustCompile(`_R_\.[0-9A-Za-z]+\.[0-9A-Za-z]+`)

// play plays the sequence of a seed, and calls note after each step.
func play(seed int, note func(step string, all []player), client func(account, name string) player) {
	var all []player
	for i := range 6 {
		account := string("ABC"[i%3])
		c := client(account, fmt.Sprint(i))
		for n := range 3 {
			pattern := drawPattern.Example(seed*1000 + i*10 + n)
			if n == 2 {
				pattern += ".>"
			}
			c.sub(fmt.Sprintf("%s %d", pattern, n))
		}
		c.sub(fmt.Sprintf("q.%d inbox", i))
		c.sub(fmt.Sprintf("%s g%d g", drawPattern.Example(seed*1000+i*10+9), i))
		all = append(all, c)
	}
	for n := range 20 {
		i := n % len(all)
		subject := drawSubject.Example(seed*1000 + n)
		all[i].pub(fmt.Sprintf("PUB %s q.%d 2\r\n%02d\r\n", subject, i, n))
		var answers []string
		step := fmt.Sprintf("%d on %s", n, subject)
		note(step, func() (seen []player) {
			for j, c := range all {
				frames := c.take()
				for _, f := range frames {
					if r := replySubject.FindString(f); r != "" {
						answers = append(answers, fmt.Sprint(j, " ", r))
					}
				}
				seen = append(seen, taken(frames))
			}
			return seen
		}())
		for _, a := range answers {
			j, reply, _ := strings.Cut(a, " ")
			c, _ := strconv.Atoi(j)
			for range 2 { // the second one is too much for a single answer
				all[c].pub("PUB " + reply + " 3\r\nans\r\n")
			}
		}
		note("answers to "+step, all)
	}
}

// taken is a player of whom only frames are left.
type taken []string

func (taken) sub(string)       {}
func (taken) pub(string)       {}
func (t taken) take() []string { return t }

// sortedFrames returns frames in a form that can be compared.
func sortedFrames(frames []string) []string {
	var list []string
	random := regexp.MustCompile(`\b[0-9A-Za-z]{6}\b`)
	rtt := regexp.MustCompile(`,"rtt":[0-9]+`)
	size := regexp.MustCompile(`^(HMSG.*) [0-9]+ [0-9]+\r\n`)
	for _, f := range frames {
		if strings.Fields(f)[2] == "g" {
			f = "MSG ? g" // a group may get a message under one of several names
		}
		head, rest, _ := strings.Cut(f, "\r\n")
		f = random.ReplaceAllString(head, "******") + "\r\n" + rest
		f = size.ReplaceAllString(rtt.ReplaceAllString(f, ""), "$1 * *\r\n")
		list = append(list, strconv.Quote(f))
	}
	slices.Sort(list)
	return list
}

// text returns the accounts as the reference reads them.
func text(accounts []config.Account) string {
	var b strings.Builder
	b.WriteString("accounts {\n")
	for _, a := range accounts {
		fmt.Fprintf(&b, "  %s { users: [{user: %s, password: p}]\n    exports: [", a.Name, a.Name)
		for _, e := range a.Exports {
			if e.Service {
				fmt.Fprintf(&b, "{service: %q, response: %s}, ", e.Subject, e.ResponseType)
			} else {
				fmt.Fprintf(&b, "{stream: %q}, ", e.Subject)
			}
		}
		b.WriteString("]\n    imports: [")
		for _, i := range a.Imports {
			fmt.Fprintf(&b, "{%s: {account: %s, subject: %q}", kind(i.Service), i.Account, i.Subject)
			for key, value := range map[string]string{"to": i.To, "prefix": i.Prefix} {
				if value != "" {
					fmt.Fprintf(&b, ", %s: %q", key, value)
				}
			}
			b.WriteString("}, ")
		}
		b.WriteString("]\n  }\n")
	}
	return b.String() + "}\n"
}

// other is a reference server with its clients.
type other struct {
	srv     *reference.Server
	clients []*remote
}

// startReference returns nil if the reference does not take the accounts.
func startReference(t *testing.T, accounts []config.Account) *other {
	t.Helper()
	opts := new(reference.Options)
	if err := opts.ProcessConfigString(text(accounts)); err != nil {
		return nil
	}
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = "127.0.0.1", reference.RANDOM_PORT, true, true
	srv, err := reference.NewServer(opts)
	if err != nil {
		return nil
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the reference takes no clients")
	}
	return &other{srv: srv}
}

func (o *other) stop() {
	for _, c := range o.clients {
		_ = c.nc.Close()
	}
	o.srv.Shutdown()
	o.srv.WaitForShutdown()
}

// remote is a player of the reference.
type remote struct {
	t   *testing.T
	of  *other
	nc  net.Conn
	r   *bufio.Reader
	got []string
}

func (o *other) dial(t *testing.T, account string) *remote {
	t.Helper()
	nc, err := net.Dial("tcp", o.srv.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &remote{t: t, of: o, nc: nc, r: bufio.NewReader(nc)}
	o.clients = append(o.clients, c)
	c.send(fmt.Sprintf(`CONNECT {"verbose":false,"headers":true,"protocol":0,"user":%q,"pass":"p"}`+"\r\n", account))
	return c
}

func (c *remote) send(in string) {
	if _, err := io.WriteString(c.nc, in+"PING\r\n"); err != nil {
		c.t.Fatal(err)
	}
	c.sync()
}

// sync reads up to the answer to a PING.
func (c *remote) sync() {
	_ = c.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		switch f := strings.Fields(line); f[0] {
		case "PONG":
			return
		case "PING":
			_, _ = io.WriteString(c.nc, "PONG\r\n")
		case "MSG", "HMSG":
			size, _ := strconv.Atoi(f[len(f)-1])
			body := make([]byte, size+2)
			if _, err := io.ReadFull(c.r, body); err != nil {
				c.t.Fatal(err)
			}
			c.got = append(c.got, line+string(body))
		case "-ERR":
			c.t.Fatalf("the reference says %s", line)
		}
	}
}

func (c *remote) sub(args string) { c.send("SUB " + args + "\r\n") }

func (c *remote) pub(in string) {
	c.send(in)
	for _, o := range c.of.clients {
		if o != c {
			o.send("")
		}
	}
}

func (c *remote) take() []string {
	got := c.got
	c.got = nil
	return got
}
