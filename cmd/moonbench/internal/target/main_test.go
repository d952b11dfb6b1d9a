//go:build linux

package target

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// roleVar makes the test binary behave as a server instead of testing.
const roleVar = "MOONBENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// play is the server: args are a port and, for the role "family", a file that
// gets the PID of a child which ignores SIGTERM; for "secure", see answer.
func play(role string, args []string) int {
	switch role {
	case "broken":
		fmt.Println("cannot open the store")
		return 1
	case "child":
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin) // for ever: the other end stays open
		return 0
	case "family":
		if err := startChild(args[1]); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for {
		nc, err := l.Accept()
		if err != nil {
			return 1
		}
		go answer(nc, role, args)
	}
}

func startChild(pidFile string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command("sh", "-c", "trap '' TERM; exec \"$0\"", self)
	c.Env = append(os.Environ(), roleVar+"=child")
	if _, err := c.StdinPipe(); err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return err
	}
	return os.WriteFile(pidFile, fmt.Append(nil, c.Process.Pid), 0o600)
}

// answer is a server on one connection. The role "secure" has a certificate
// and its key behind the port.
func answer(nc net.Conn, role string, args []string) {
	defer nc.Close()
	info := "INFO {} \r\n"
	if role == "secure" {
		info = "INFO {\"tls_required\":true} \r\n"
	}
	if _, err := io.WriteString(nc, info); err != nil {
		return
	}
	if role == "secure" {
		pair, err := tls.LoadX509KeyPair(args[1], args[2])
		if err != nil {
			return
		}
		nc = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	s := bufio.NewScanner(nc)
	for s.Scan() {
		if !strings.HasPrefix(s.Text(), "PING") {
			continue
		}
		reply := "PONG\r\n"
		if role == "strict" {
			reply = "-ERR 'Authorization Violation'\r\n"
		}
		if _, err := io.WriteString(nc, reply); err != nil {
			return
		}
	}
}
