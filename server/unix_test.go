//go:build unix

package server_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/server"
)

// unixDialer has nats.go connect by a Unix socket.
type unixDialer string

func (d unixDialer) Dial(_, _ string) (net.Conn, error) { return net.Dial("unix", string(d)) }

// TestUnixSocket: clients by a Unix socket are clients as any other, ask for
// credentials as any other, and are named in logs and /connz.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	socket := filepath.Join(p.dir, "s")
	o := loopback()
	o.UnixSocket, o.Username, o.Password = socket, "ann", "secret"
	o.HTTPHost, o.HTTPPort = "127.0.0.1", -1
	core, logs := observer.New(zapcore.DebugLevel)
	s, err := server.New(o, server.WithLogger(zap.New(core)))
	must(t, err)
	must(t, s.Start())
	t.Cleanup(s.Shutdown)

	if _, err := open(t, "nats://unix", nats.SetCustomDialer(unixDialer(socket))); err == nil {
		t.Error("it lets in who has no credentials")
	}
	near, err := open(t, "nats://unix", nats.SetCustomDialer(unixDialer(socket)), nats.UserInfo("ann", "secret"))
	must(t, err)
	far, err := open(t, s.ClientURL(), nats.UserInfo("ann", "secret"))
	must(t, err)
	echo(t, near, far)
	echo(t, far, near)

	var z struct {
		Conns []struct{ IP, User string } `json:"connections"`
	}
	get(t, "http://"+s.MonitorAddr().String()+"/connz", &z)
	if len(z.Conns) != 2 || z.Conns[0].IP != "unix" || z.Conns[1].IP != "127.0.0.1" {
		t.Errorf("/connz says %+v", z.Conns)
	}
	if logs.Filter(func(e observer.LoggedEntry) bool { return strings.HasPrefix(e.Message, "unix - cid:") }).Len() == 0 {
		t.Error("no line of the log names the connection")
	}
	s.Shutdown()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}
