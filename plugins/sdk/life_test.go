//go:build unix

package sdk

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// betweenKey is in the environment of a test program that is a broker which dies.
const betweenKey = "MOONWIRE_BETWEEN"

// life is a program that has something to do before it ends, and writes to its log and
// to the file 3 that it has done so.
func life() {
	Main(&plain{})
	log.Print("closing")
	_, _ = io.WriteString(os.NewFile(3, "told"), "closed")
}

// between starts the plugin, and dies by SIGKILL as soon as that is configured; or before
// it reads the handshake, if it is hasty.
func between() {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), betweenKey+"=", api.CookieKey+"="+api.CookieValue)
	c.ExtraFiles = []*os.File{os.NewFile(3, "told")}
	out, err := c.StdoutPipe()
	if err == nil {
		_, err = c.StderrPipe() // which nobody reads any more
	}
	if err == nil {
		err = c.Start()
	}
	if err == nil && os.Getenv(betweenKey) != hasty {
		var line string
		if line, err = bufio.NewReader(out).ReadString('\n'); err == nil {
			var conn *grpc.ClientConn
			if conn, err = dial(line); err == nil {
				_, err = hookv1.NewHookClient(conn).Configure(context.Background(), &hookv1.ConfigureRequest{})
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// hasty is a broker that dies at once.
const hasty = "hasty"

// dial returns a connection to a plugin that has printed its handshake.
func dial(handshake string) (*grpc.ClientConn, error) {
	fields := strings.Split(strings.TrimSpace(handshake), "|")
	if len(fields) < 5 {
		return nil, fmt.Errorf("the handshake is %q", handshake)
	}
	return grpc.NewClient("unix:"+fields[3], grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// program is the test program as another one.
type program struct {
	*exec.Cmd
	told   *os.File // what it writes to the file 3
	stderr *strings.Builder
}

// run starts the test program with variables in its environment.
func run(t *testing.T, env ...string) *program {
	t.Helper()
	told, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	p := &program{exec.CommandContext(ctx, os.Args[0]), told, new(strings.Builder)}
	p.Env = append(os.Environ(), append(env, "GORACE=atexit_sleep_ms=0")...)
	p.ExtraFiles, p.Stderr = []*os.File{write}, p.stderr
	t.Cleanup(func() {
		cancel()
		_ = p.Wait() // which the test has done, as a rule
		_ = told.Close()
	})
	if err := told.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = write.Close() })
	return p
}

// begin has it run.
func (p *program) begin(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	_ = p.ExtraFiles[0].Close() // so that told ends with the program
}

// end returns what it has told when it and all that it has started have ended.
func (p *program) end(t *testing.T) string {
	t.Helper()
	said, err := io.ReadAll(p.told)
	if err != nil {
		t.Error(err)
	}
	return string(said)
}

// TestBrokerDies: a plugin whose broker was killed ends, and does what it has to do
// before, though nobody reads its log.
func TestBrokerDies(t *testing.T) {
	t.Parallel()
	p := run(t, betweenKey+"=1")
	p.begin(t)
	if said := p.end(t); said != "closed" {
		t.Errorf("it says %q; its broker: %s", said, p.stderr)
	}
}

// TestOrphan: a plugin whose broker has died before it reads the handshake ends, whether
// or not that was before the plugin looked who its parent is.
func TestOrphan(t *testing.T) {
	t.Parallel()
	p := run(t, betweenKey+"="+hasty)
	p.begin(t)
	if said := p.end(t); said != "" && said != "closed" {
		t.Errorf("it says %q; its broker: %s", said, p.stderr)
	}
}

// TestSignals: what a service manager sends to all processes of the broker does not end
// a plugin that is still asked, but Shutdown does.
func TestSignals(t *testing.T) {
	t.Parallel()
	p := run(t, api.CookieKey+"="+api.CookieValue)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.begin(t)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v; %s", err, p.stderr)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := dial(line)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := hookv1.NewHookClient(conn).Configure(ctx, &hookv1.ConfigureRequest{}); err != nil {
		t.Errorf("after the signals: %v", err)
	}
	_ = conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &hookv1.HandoverRequest{}, &hookv1.HandoverRequest{}) // an empty message
	said := p.end(t)
	if err := p.Wait(); err != nil || said != "closed" || !strings.Contains(p.stderr.String(), "closing") {
		t.Errorf("it says %q and ends with %v; %s", said, err, p.stderr)
	}
}

// TestNoSocket: a program that cannot serve says why, and fails.
func TestNoSocket(t *testing.T) {
	t.Parallel()
	p := run(t, api.CookieKey+"="+api.CookieValue, "PLUGIN_UNIX_SOCKET_DIR="+t.TempDir()+"/none")
	p.begin(t)
	said := p.end(t)
	if err := p.Wait(); err == nil || said != "" || !strings.Contains(p.stderr.String(), "no such file") {
		t.Errorf("it says %q and ends with %v; %s", said, err, p.stderr)
	}
}
