package plugins

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// brokerKey is the variable of the environment that has the test program be a broker
// with one plugin: the enemy that it names.
const brokerKey = "BROKER"

// serveBroker starts a plugin, says which process that is, and waits to be killed.
func serveBroker() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := Open(context.Background(), Options{
		Name: "policy", Command: self, StartTimeout: patience, Env: map[string]string{enemyKey: os.Getenv(brokerKey)},
	}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	waitForEnd()
}

// TestOrphan: a plugin does not outlive a broker that is killed, though it does not
// look after its parent.
func TestOrphan(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "o") // where the broker leaves its socket behind
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	broker := exec.Command(self)
	broker.Env, broker.Stderr = append(os.Environ(), brokerKey+"=none", "TMPDIR="+dir), os.Stderr
	out, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = broker.Process.Kill()
		_ = broker.Wait() // it was killed
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if err := broker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return gone(pid) }, "the plugin has ended")
}
