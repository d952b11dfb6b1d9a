//go:build unix

package moonwire_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The comments before a console block that mean something.
const (
	// ownTerminal: the one command of the block goes on while the next blocks
	// run. If it is the broker, it goes on until the next one is started or the
	// document ends, and is stopped by SIGINT then; all else ends by itself.
	ownTerminal = "own terminal"
	// testCommand: the block holds what runs all tests. It is not run, as it
	// would run this test; see TestTestCommand.
	testCommand = "test command"
)

var (
	broker = regexp.MustCompile(`(^|[ /])moonwire( |$)`)
	cli    = regexp.MustCompile(`(^|[ /])nats( |$)`)
	npm    = regexp.MustCompile(`(^|[ /])npm( |$)`)
	// listens finds the subject that a command of the CLI listens on.
	listens = regexp.MustCompile(`nats (?:sub|reply|bench sub|bench service serve) '?([^\s']+)`)
)

// replied is the code with which "nats reply" ends when all went well.
const replied = 1

// reader follows a document: it types the commands of its console blocks in
// their order and compares what it sees with what the document shows.
type reader struct {
	t       *testing.T
	withCLI bool   // run blocks with the nats CLI
	root    string // of the repository: where commands that begin with "go " run
	dir     string // where all else runs
	env     []string

	jobs []*terminal
	http string // port of the running broker's monitoring endpoint
	// instead holds "old", "new", … for ports that the document names and
	// somebody else has.
	instead []string
}

// terminal is a block that goes on while others run.
type terminal struct {
	*job
	cmd  command
	line int
	pid  int // of the broker; 0: another program
}

// console runs a console block.
func (r *reader) console(b *block) {
	r.t.Helper()
	cmds, err := b.commands()
	if err != nil {
		r.t.Fatal(err)
	}
	if !r.withCLI && cli.MatchString(b.text()) {
		return // for TestCLIDocs
	}
	switch b.note {
	case testCommand:
	case ownTerminal:
		if len(cmds) != 1 {
			r.t.Fatalf("line %d: a terminal of its own has one command", b.line)
		}
		if broker.MatchString(cmds[0].text) {
			r.finish()
			r.startBroker(cmds[0], b.line)
		} else {
			r.startOther(cmds[0], b.line)
		}
	case "":
		r.run(cmds, b.line)
	default:
		r.t.Fatalf("line %d: unknown comment %q", b.line, b.note)
	}
}

// replace puts the ports that are used into a text that names others.
func (r *reader) replace(text string) string { return strings.NewReplacer(r.instead...).Replace(text) }

func (r *reader) workDir(text string) string {
	if strings.HasPrefix(text, "go ") {
		return r.root
	}
	return r.dir
}

// run types commands into one shell, one after the other.
func (r *reader) run(cmds []command, line int) {
	r.t.Helper()
	var script strings.Builder
	for _, c := range cmds {
		// The separator tells outputs apart and has the exit code.
		fmt.Fprintf(&script, "%s\nprintf '\\036%%d\\036' $?\n", r.replace(c.text))
	}
	j := startJob(r.t, r.workDir(cmds[0].text), r.env, "bash", "-c", script.String())
	j.wait(r.t)
	parts := strings.Split(j.printed(), "\x1e")
	for i, c := range cmds {
		if len(parts) < 2*i+2 {
			r.t.Fatalf("line %d: the shell ended at %s and printed:\n%s", line, c.text, j.printed())
		}
		r.compare(c, line, parts[2*i], parts[2*i+1])
	}
}

// compare judges one command.
func (r *reader) compare(c command, line int, printed, code string) {
	r.t.Helper()
	want := make([]string, len(c.want))
	for i := range want {
		want[i] = r.replace(c.want[i])
	}
	if code != "0" || !matches(want, printed) {
		r.t.Errorf("block at line %d: %s\nended with %s and printed:\n%s\nwant 0 and:\n%s",
			line, c.text, code, printed, strings.Join(want, "\n"))
	}
}

func (r *reader) start(text string) *job {
	return startJob(r.t, r.workDir(text), r.env, "bash", "-c", "exec "+text)
}

// startBroker starts the broker as the document says. If somebody else has a
// port that it names, the flags -p -1 -m -1 are appended, a WebSocket listener
// takes a free port too, and the ports that the broker got stand in place of
// 4222, 8222 and 8080 in the rest of the document. The port of monitoring does so
// in any case, as a port in a file gives way to the one that newReader sets.
func (r *reader) startBroker(c command, line int) {
	r.t.Helper()
	r.instead = nil
	const ready = `(?m)Server is ready$`
	j := r.start(c.text)
	if j.await(r.t, ready) == nil && strings.Contains(j.printed(), "address already in use") {
		again := c.text + " -p -1 -m -1"
		web := r.hasWebSocket(c.text)
		if web {
			again = "env MOONWIRE_WEBSOCKET_PORT=-1 " + again
		}
		j = r.start(again)
		if j.await(r.t, ready) == nil {
			r.t.Fatalf("line %d: %s ended and printed:\n%s", line, c.text, j.printed())
		}
		r.instead = append(r.instead, "4222", r.logged(j, "Listening for client connections"))
		if web {
			r.instead = append(r.instead, "8080", r.logged(j, "Listening for websocket clients"))
		}
	}
	pid, err := strconv.Atoi(j.await(r.t, `(?m)^\[(\d+)\] .* Server is ready$`)[1])
	if err != nil {
		r.t.Fatal(err)
	}
	r.jobs = append(r.jobs, &terminal{j, c, line, pid})
	r.http = r.logged(j, "Starting http monitor")
	r.instead = append(r.instead, "8222", r.http)
	port := r.logged(j, "Listening for client connections")
	r.env = append(r.env, "NATS_URL=nats://127.0.0.1:"+port)
	r.serves(port)
}

// hasWebSocket reports whether a broker that is started in that way listens for
// WebSockets.
func (r *reader) hasWebSocket(command string) bool {
	for _, word := range strings.Fields(command) {
		text, err := os.ReadFile(filepath.Join(r.dir, word))
		if err == nil && strings.Contains(string(text), "websocket {") {
			return true
		}
	}
	return false
}

// logged returns the port in a line of a broker's log.
func (r *reader) logged(j *job, message string) string {
	r.t.Helper()
	m := regexp.MustCompile(message + ` on \S+:(\d+)\n`).FindStringSubmatch(j.printed())
	if m == nil {
		r.t.Fatalf("the log has no %q:\n%s", message, j.printed())
	}
	return m[1]
}

// serves proves that the broker answers.
func (r *reader) serves(port string) {
	r.t.Helper()
	nc, err := net.DialTimeout("tcp", "127.0.0.1:"+port, patience)
	if err != nil {
		r.t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience)) // fails where the connection has
	in := bufio.NewReader(nc)
	info, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(info, "INFO {") {
		r.t.Fatalf("the broker greeted with %q, %v", info, err)
	}
	if strings.Contains(info, `"auth_required":true`) || strings.Contains(info, `"tls_required":true`) {
		return
	}
	fmt.Fprint(nc, "PING\r\n")
	if pong, err := in.ReadString('\n'); pong != "PONG\r\n" {
		r.t.Fatalf("the broker answered PING with %q, %v", pong, err)
	}
}

// startOther starts a program that listens, and waits until the broker knows.
func (r *reader) startOther(c command, line int) {
	r.t.Helper()
	j := r.start(r.replace(c.text))
	r.jobs = append(r.jobs, &terminal{j, c, line, 0})
	if m := listens.FindStringSubmatch(c.text); m != nil {
		awaitInterest(r.t, r.http, m[1])
	}
}

// finish waits for the programs in terminals of their own and stops the broker.
func (r *reader) finish() {
	r.t.Helper()
	for i := len(r.jobs) - 1; i >= 0; i-- {
		j := r.jobs[i]
		if j.pid != 0 {
			// Not the whole group: an interrupted "go run" ends with 1
			// whatever its program does.
			_ = syscall.Kill(j.pid, syscall.SIGINT) // wait tells if it failed
		}
		code := j.wait(r.t)
		if code == replied && strings.HasPrefix(j.cmd.text, "nats reply ") {
			code = 0
		}
		r.compare(j.cmd, j.line, j.printed(), fmt.Sprint(code))
	}
	r.jobs = nil
}

// awaitInterest waits until a broker has a subscription for a subject. It asks
// again and again: a broker tells nobody of subscriptions.
func awaitInterest(t *testing.T, monitor, subject string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	late := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		resp, err := client.Get("http://127.0.0.1:" + monitor + "/connz?subs=1")
		if err != nil {
			t.Fatal(err)
		}
		var connz struct {
			Connections []struct {
				Subjects []string `json:"subscriptions_list"`
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&connz)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range connz.Connections {
			if slices.Contains(c.Subjects, subject) {
				return
			}
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("no subscription for %s within %s, only %v", subject, patience, connz)
		}
	}
}
