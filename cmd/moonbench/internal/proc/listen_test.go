//go:build linux

package proc

import (
	"net"
	"os"
	"testing"
)

func TestListens(t *testing.T) {
	t.Parallel()
	m, err := Watch(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:0", "[::]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if ok, err := m.Listens(port); !ok || err != nil {
			t.Errorf("%s: got %v, %v", addr, ok, err)
		}
		l.Close()
		if ok, err := m.Listens(port); ok || err != nil {
			t.Errorf("%s, closed: got %v, %v", addr, ok, err)
		}
	}
}

func TestListenerOn(t *testing.T) {
	t.Parallel()
	const line = "   1: 0100007F:107E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0\n"
	const established = "   1: 0100007F:107E 0100007F:A2B4 01 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0\n"
	for _, tt := range []struct {
		line string
		port int
		want string
	}{
		{line, 4222, "12345"},
		{line, 4223, ""},
		{established, 4222, ""},
		{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n", 4222, ""},
		{"", 4222, ""},
	} {
		if got := listenerOn([]byte(tt.line), tt.port); got != tt.want {
			t.Errorf("port %d in %q: got %q, want %q", tt.port, tt.line, got, tt.want)
		}
	}
}
