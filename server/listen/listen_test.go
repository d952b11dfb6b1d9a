package listen

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// moody is a listener that fails now and then.
type moody struct {
	net.Listener
	answers []error // nil: a connection
}

func (m *moody) Accept() (net.Conn, error) {
	if len(m.answers) == 0 {
		return nil, net.ErrClosed
	}
	err := m.answers[0]
	m.answers = m.answers[1:]
	if err != nil {
		return nil, err
	}
	c, _ := net.Pipe()
	return c, nil
}

func (m *moody) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4222} }

// TestAccept: what passes does not end the loop; each failure in a row waits
// longer than the one before, and a success starts anew.
func TestAccept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zap.ErrorLevel)
		full := errors.New("too many open files")
		m := &moody{answers: []error{nil, full, full, full, nil, full, nil}}
		var at []time.Duration
		begin := time.Now()
		Accept(m, zap.New(core), func(c net.Conn) {
			at = append(at, time.Since(begin))
			_ = c.Close()
		})
		want := []time.Duration{0, 70 * time.Millisecond, 80 * time.Millisecond}
		if len(at) != 3 || at[0] != want[0] || at[1] != want[1] || at[2] != want[2] {
			t.Errorf("got connections after %v, want %v", at, want)
		}
		for _, e := range logged.All() {
			if !strings.Contains(e.Message, "127.0.0.1:4222") || !strings.Contains(e.Message, full.Error()) {
				t.Errorf("%q does not say what and where", e.Message)
			}
		}
		if logged.Len() != 4 {
			t.Errorf("got %d lines, want 4", logged.Len())
		}
	})
}

func TestTCP(t *testing.T) {
	t.Parallel()
	l, err := TCP("127.0.0.1", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := l.Addr().(*net.TCPAddr)
	if _, err := TCP("127.0.0.1", a.Port); err == nil || !strings.Contains(err.Error(), a.String()) {
		t.Errorf("got %v, want an error that names %s", err, a)
	}
}
