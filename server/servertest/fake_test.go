package servertest

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeInfo is a legal INFO of the reference, fakeOwnInfo one of Moonwire.
const (
	fakeInfo    = `INFO {"server_id":"N","server_name":"n","version":"2.15.2","proto":1,"go":"g","host":"h","port":1,"headers":true,"max_payload":1,"client_id":1,"api_lvl":5,"xkey":"X"} ` + "\r\n"
	fakeOwnInfo = `INFO {"server_id":"N","server_name":"n","version":"2.14.0","proto":1,"go":"g","host":"h","port":1,"headers":true,"max_payload":1,"client_id":1,"api_lvl":4,"xkey":"X","moonwire":"0.1"} ` + "\r\n"
)

// fakeServer is an Instance that speaks from a table: it greets each connection,
// and answers a line that begins with a key with the text under it. An answer that
// ends with "<close>" closes the connection. Lines without an entry get no answer.
type fakeServer struct {
	ln      net.Listener
	greet   string
	answers map[string]string
	work    sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func startFake(t *testing.T, greet string, answers map[string]string) *fakeServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{ln: ln, greet: greet, answers: answers}
	f.work.Go(f.accept)
	t.Cleanup(f.Shutdown)
	return f
}

func (f *fakeServer) accept() {
	for {
		nc, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns = append(f.conns, nc)
		f.mu.Unlock()
		f.work.Go(func() { f.serve(nc) })
	}
}

func (f *fakeServer) serve(nc net.Conn) {
	defer nc.Close()
	if _, err := io.WriteString(nc, f.greet); err != nil {
		return
	}
	for lines := bufio.NewScanner(nc); lines.Scan(); {
		answer, end := strings.CutSuffix(f.answers[lines.Text()], "<close>")
		if _, err := io.WriteString(nc, answer); err != nil || end {
			return
		}
	}
}

// Addr implements Instance.
func (f *fakeServer) Addr() string { return f.ln.Addr().String() }

// LameDuck implements Instance: it stops to listen.
func (f *fakeServer) LameDuck() { _ = f.ln.Close() }

// Shutdown implements Instance.
func (f *fakeServer) Shutdown() {
	_ = f.ln.Close()
	f.mu.Lock()
	for _, nc := range f.conns {
		_ = nc.Close()
	}
	f.mu.Unlock()
	f.work.Wait()
}

// playFake plays a script against a fake server, with little patience.
func playFake(t *testing.T, server, text string, f *fakeServer) error {
	t.Helper()
	s, err := parse("x.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.session(server, f)
	if err != nil {
		t.Fatal(err)
	}
	x.wait = 300 * time.Millisecond
	return x.run()
}
