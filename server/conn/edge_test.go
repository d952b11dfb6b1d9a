//go:build unix

package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// newTestEdge returns an edge after its handshake, and the other end.
func newTestEdge(t *testing.T) (e *edge, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = nc.Close()
		_ = other.Close()
	})
	e = newEdge(nc).(*edge)
	e.write.ready = true
	return e, other.(*net.TCPConn)
}

// stuff writes until the socket takes no more, and returns how much that was.
func stuff(t *testing.T, e *edge) (n int) {
	t.Helper()
	b := bytes.Repeat([]byte{'a'}, portion)
	for !e.behind() {
		k, err := e.Write(b)
		if n += k; err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// flushing waits until flush has taken what was behind, and reports whether it
// still waits for the socket.
func flushing(t *testing.T, e *edge, flushed <-chan error) bool {
	t.Helper()
	for {
		select {
		case err := <-flushed:
			if err != nil {
				t.Fatal(err)
			}
			return false
		default:
		}
		e.write.Lock()
		on := e.write.flushing
		e.write.Unlock()
		if on {
			return true
		}
	}
}

// TestEdgeNeverWaits: what TLS itself says, an answer to new keys for example, is
// kept while the drainer waits for the peer, and follows what was said before. It
// must not wait: the read loop says it.
func TestEdgeNeverWaits(t *testing.T) {
	t.Parallel()
	e, far := newTestEdge(t)
	before := 0
	flushed := make(chan error, 1)
	for waits := false; !waits; { // the socket may have found room meanwhile
		before += stuff(t, e)
		go func() { flushed <- e.flush() }()
		waits = flushing(t, e, flushed)
	}
	if n, err := e.Write([]byte("key")); n != 3 || err != nil {
		t.Fatalf("Write returned %d, %v", n, err)
	}
	got := make([]byte, before+3)
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatal(err)
	}
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Repeat([]byte{'a'}, before), "key"...); !bytes.Equal(got, want) {
		t.Error("the order is not kept")
	}
	if e.behind() || e.write.rest != nil {
		t.Error("something is kept after all was sent")
	}
}

// TestEdgeKeepsLittle: a peer that has TLS answer and does not read the answers
// costs a bounded amount.
func TestEdgeKeepsLittle(t *testing.T) {
	t.Parallel()
	e, _ := newTestEdge(t)
	stuff(t, e)
	var err error
	for n := 0; err == nil; n += 1000 {
		if n > 2*maxRest {
			t.Fatalf("%d bytes are kept", n)
		}
		_, err = e.Write(make([]byte, 1000))
	}
	if !errors.Is(err, errRest) {
		t.Error(err)
	}
}

// TestEdgeAfterFailure: nothing follows half a record, and nobody waits for the
// peer again.
func TestEdgeAfterFailure(t *testing.T) {
	t.Parallel()
	e, _ := newTestEdge(t)
	stuff(t, e)
	_ = e.SetWriteDeadline(time.Now().Add(time.Millisecond))
	if err := e.flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("flush returned %v", err)
	}
	_ = e.SetWriteDeadline(time.Time{})
	for range 2 {
		if _, err := e.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returned %v", err)
		}
		if err := e.flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("flush returned %v", err)
		}
	}
}

// TestEdgeReads: reads give out what was brought in, and do not wait for more.
func TestEdgeReads(t *testing.T) {
	t.Parallel()
	e, _ := newTestEdge(t)
	b := make([]byte, 4)
	if _, err := e.Read(b); !errors.Is(err, notNow{}) {
		t.Fatalf("an empty read returned %v", err)
	}
	e.buf = getBuffer()
	e.from, e.to = 0, copy(*e.buf, "hello")
	for _, want := range []string{"hell", "o"} {
		if n, err := e.Read(b); err != nil || string(b[:n]) != want {
			t.Errorf("read %q, %v; want %q", b[:n], err, want)
		}
	}
	if e.buf != nil {
		t.Error("the buffer is kept when all was read")
	}
}
