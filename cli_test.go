//go:build natscli && unix

package moonwire_test

import (
	"regexp"
	"strings"
	"testing"

	"moonwire/server"
	"moonwire/server/servertest"
)

// These tests drive the broker with the nats command line client, in the
// version that .ci/tools.mod names. Run them with
//
//	go test -tags natscli -run CLI .

// installCLI builds the client and returns the folder it is in.
func installCLI(t *testing.T) string {
	t.Helper()
	return install(t, "-modfile=.ci/tools.mod", "github.com/nats-io/natscli/nats")
}

// TestCLIDocs follows the documents that use the client, and leaves out what
// TestDocs does.
func TestCLIDocs(t *testing.T) {
	t.Parallel()
	bin, tools := install(t, "./cmd/moonwire"), installCLI(t)
	found := 0
	for _, path := range documents(t) {
		_, list := readDocument(t, path)
		if !uses(list, cli) || uses(list, npm) {
			continue
		}
		found++
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, bin, tools)
			r.withCLI = true
			for i := range list {
				switch list[i].lang {
				case "console", "conf", "lua":
					r.read(&list[i])
				}
			}
			r.finish()
		})
	}
	if found == 0 {
		t.Error("no document uses the client")
	}
}

// client runs the CLI against one broker.
type client struct {
	t       *testing.T
	bin     string
	env     []string
	monitor string // port of the broker's monitoring endpoint
}

// newClient starts a broker and returns a client of it.
func newClient(t *testing.T, bin string, o server.Options) *client {
	t.Helper()
	o.Host, o.Port, o.HTTPPort = "127.0.0.1", -1, -1
	b := servertest.StartOptions(t, o)
	_, monitor, _ := strings.Cut(b.MonitorAddr().String(), ":")
	return &client{t, bin, append(environment(t), "NATS_URL="+b.ClientURL()), monitor}
}

// start runs a command in the background.
func (c *client) start(args ...string) *job {
	c.t.Helper()
	return startJob(c.t, c.t.TempDir(), c.env, c.bin+"/nats", args...)
}

// run runs a command and compares its exit code and what it prints.
func (c *client) run(code int, expr string, args ...string) {
	c.t.Helper()
	c.ended(c.start(args...), code, expr)
}

// listen starts a command that subscribes, and waits until the broker knows.
func (c *client) listen(subject string, args ...string) *job {
	c.t.Helper()
	j := c.start(args...)
	awaitInterest(c.t, c.monitor, subject)
	return j
}

// ended compares a command that ends by itself.
func (c *client) ended(j *job, code int, expr string) {
	c.t.Helper()
	got := j.wait(c.t)
	if printed := j.printed(); got != code || !regexp.MustCompile(expr).MatchString(printed) {
		c.t.Errorf("%q ended with %d, want %d, and printed:\n%s\nwant a match of %s", j.cmd.Args, got, code, printed, expr)
	}
}

func TestCLI(t *testing.T) {
	t.Parallel()
	bin := installCLI(t)
	tests := []struct {
		name string
		o    server.Options
		run  func(c *client)
	}{
		{"pub and sub", server.Options{}, func(c *client) {
			sub := c.listen("news.>", "sub", "news.>", "--count", "3")
			c.run(0, `Published 5 bytes to "news.a"\n`, "pub", "news.a", "hello")
			c.run(0, `(?s)(Published 1 bytes to "news.b".*){2}`, "pub", "news.b", "{{Count}}", "--count", "2", "-H", "Colour:red")
			c.ended(sub, 0, `(?s)Received on "news\.a".*hello.*Received on "news\.b".*Colour: red.*1.*Received on "news\.b".*Colour: red.*2`)
		}},
		{"queue group", server.Options{}, func(c *client) {
			sub := c.listen("work", "sub", "work", "--queue", "workers", "--count", "4")
			c.run(0, `Published`, "pub", "work", "job {{Count}}", "--count", "4")
			c.ended(sub, 0, `(?s)job 1\n.*job 2\n.*job 3\n.*job 4\n`)
		}},
		{"req and reply", server.Options{}, func(c *client) {
			reply := c.listen("echo.*", "reply", "echo.*", "you said {{Request}}", "--count", "2")
			c.run(0, `(?s)Received with rtt .*you said hello\n`, "req", "echo.a", "hello")
			c.run(0, `(?s)Received with rtt .*you said again\n`, "req", "echo.b", "again")
			c.ended(reply, replied, `(?s)Received on subject "echo\.a".*Received on subject "echo\.b"`)
		}},
		{"req without a responder", server.Options{}, func(c *client) {
			c.run(0, `No responders are available\n`, "req", "nobody", "hello")
		}},
		{"bench pub and sub", server.Options{}, func(c *client) {
			sub := c.listen("load", "bench", "sub", "load", "--msgs", "20000", "--no-progress")
			c.run(0, `publisher aggregated stats: [\d,]+ msgs/sec`,
				"bench", "pub", "load", "--msgs", "20000", "--clients", "2", "--no-progress")
			c.ended(sub, 0, `subscriber stats: [\d,]+ msgs/sec`)
		}},
		{"bench service", server.Options{}, func(c *client) {
			c.listen("svc", "bench", "service", "serve", "svc", "--no-progress")
			c.run(0, `(?s)requester aggregated stats: [\d,]+ msgs/sec`,
				"bench", "service", "request", "svc", "--msgs", "500", "--clients", "2", "--no-progress")
		}},
		{"server check connection", server.Options{}, func(c *client) {
			c.run(0, `^OK Connection OK:connected to nats://127\.0\.0\.1:\d+ .* OK:rtt time .* OK:round trip took `,
				"server", "check", "connection")
			c.run(2, `^CRITICAL Connection Crit:connection failed`, "server", "check", "connection", "-s", "127.0.0.1:1")
		}},
		{"rtt", server.Options{}, func(c *client) {
			c.run(0, `nats://127\.0\.0\.1:\d+: [\d.]+(µs|ms|s)\n`, "rtt")
			c.run(0, `no servers available`, "rtt", "-s", "127.0.0.1:1")
		}},
		{"user and password", server.Options{Username: "bob", Password: "secret"}, func(c *client) {
			c.run(0, `Published`, "pub", "news", "hello", "--user", "bob", "--password", "secret")
			c.run(1, `(?i)authorization violation`, "pub", "news", "hello", "--user", "bob", "--password", "wrong")
			c.run(1, `(?i)authorization violation`, "pub", "news", "hello")
		}},
		{"token", server.Options{Token: "secret"}, func(c *client) {
			c.run(0, `Published`, "pub", "news", "hello", "--token", "secret")
			c.run(1, `(?i)authorization violation`, "pub", "news", "hello", "--token", "wrong")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(newClient(t, bin, tt.o))
		})
	}
}
