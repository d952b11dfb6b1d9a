//go:build linux

package poll

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 10 * time.Second

func newPoller(t *testing.T) *Poller {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// pair returns a connected pair of sockets, the first one blocking.
func pair(t *testing.T) (client, server int) {
	t.Helper()
	l, addr := listen(t)
	client, err := Dial(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(client) })
	return client, accept(t, l)
}

func listen(t *testing.T) (int, netip.AddrPort) {
	t.Helper()
	l, addr, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(l) })
	return l, addr
}

func accept(t *testing.T, l int) int {
	t.Helper()
	p := newPoller(t)
	if err := p.Add(l, 0, Read); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := p.Wait(true); err != nil {
			t.Fatal(err)
		}
		fd, err := Accept(l)
		if errors.Is(err, ErrAgain) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { Close(fd) })
		return fd
	}
}

func TestReadinessFollowsTheSocket(t *testing.T) {
	t.Parallel()
	client, server := pair(t)
	p := newPoller(t)
	if err := p.Add(server, 7, Read); err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Wait(false); err != nil || len(ev) != 0 {
		t.Fatalf("before anything was sent: %v, %v", ev, err)
	}
	buf := make([]byte, 16)
	if _, err := ReadFrom(server, buf); !errors.Is(err, ErrAgain) {
		t.Errorf("reading nothing: %v, want %v", err, ErrAgain)
	}
	if _, err := WriteTo(client, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	ev, err := p.Wait(true)
	if err != nil || len(ev) != 1 || ev[0] != (Event{Token: 7, Readable: true}) {
		t.Fatalf("after a write: %+v, %v", ev, err)
	}
	if n, err := ReadFrom(server, buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if err := p.Modify(server, 8, Read|Write); err != nil {
		t.Fatal(err)
	}
	ev, err = p.Wait(true)
	if err != nil || len(ev) != 1 || ev[0] != (Event{Token: 8, Writable: true}) {
		t.Fatalf("watched for writing: %+v, %v", ev, err)
	}
	if err := p.Remove(server); err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Wait(false); err != nil || len(ev) != 0 {
		t.Errorf("after Remove: %+v, %v", ev, err)
	}
}

func TestFullSocketSaysAgain(t *testing.T) {
	t.Parallel()
	client, server := pair(t)
	if err := SetNonblock(client); err != nil {
		t.Fatal(err)
	}
	if err := SetReceiveBuffer(server, 1); err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range 1000 {
		if _, err := WriteTo(client, chunk); err != nil {
			if !errors.Is(err, ErrAgain) {
				t.Errorf("got %v, want %v", err, ErrAgain)
			}
			return
		}
	}
	t.Error("a socket that nobody reads takes everything")
}

func TestEndOfStream(t *testing.T) {
	t.Parallel()
	client, server := pair(t)
	if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	p := newPoller(t)
	if err := p.Add(server, 1, Read); err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Wait(true); err != nil || len(ev) != 1 || !ev[0].Readable {
		t.Fatalf("%+v, %v", ev, err)
	}
	if _, err := ReadFrom(server, make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
}

func TestWake(t *testing.T) {
	t.Parallel()
	p := newPoller(t)
	woken := make(chan error, 1)
	go func() {
		_, err := p.Wait(true)
		woken <- err
	}()
	p.Wake()
	select {
	case err := <-woken:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Wait does not return after Wake")
	}
}

func TestTimer(t *testing.T) {
	t.Parallel()
	p := newPoller(t)
	start := time.Now()
	if err := p.Arm(time.Hour); err != nil {
		t.Fatal(err)
	}
	const d = 20 * time.Millisecond
	if err := p.Arm(d); err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Wait(true); err != nil || len(ev) != 0 {
		t.Fatalf("%+v, %v", ev, err)
	}
	if got := time.Since(start); got < d {
		t.Errorf("Wait returned after %v, want at least %v", got, d)
	}
	if err := p.Arm(-time.Second); err != nil { // long overdue
		t.Fatal(err)
	}
	if _, err := p.Wait(true); err != nil {
		t.Fatal(err)
	}
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddrPort("127.0.0.1:1")
	if _, err := Dial(addr, patience); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	// A bound port is in use, also for listening.
	_, taken := listen(t)
	if _, _, err := Listen(taken); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestStartDial(t *testing.T) {
	t.Parallel()
	l, addr := listen(t)
	source := netip.MustParseAddr("127.0.0.9")
	fd, err := StartDial(addr, source)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	server := accept(t, l)
	sa, err := unix.Getpeername(server)
	if err != nil {
		t.Fatal(err)
	}
	if got := addrPort(sa).Addr(); got != source {
		t.Errorf("connected from %v, want %v", got, source)
	}
}

// A connect that a signal interrupts goes on by itself.
func TestFinishConnect(t *testing.T) {
	t.Parallel()
	_, addr := listen(t)
	fd, err := StartDial(addr, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	if err := finishConnect(fd, patience); err != nil {
		t.Error(err)
	}
	refused, err := StartDial(netip.MustParseAddrPort("127.0.0.1:1"), netip.Addr{})
	if err == nil {
		defer Close(refused)
		err = finishConnect(refused, patience)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, want %v", err, unix.ECONNREFUSED)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"127.0.0.1:4222", "[::1]:80", "[2001:db8::7]:65535"} {
		want := netip.MustParseAddrPort(text)
		if got := addrPort(sockaddr(want)); got != want {
			t.Errorf("%v becomes %v", want, got)
		}
	}
	if got := addrPort(&unix.SockaddrUnix{}); got.IsValid() {
		t.Errorf("an address of another kind becomes %v", got)
	}
}
