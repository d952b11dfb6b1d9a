package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for the server: nothing here takes nearly as long
// unless it hangs.
const patience = 30 * time.Second

// hello is the CONNECT of clients that want nothing special.
const hello = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1}` + "\r\n"

// quiet is hello for clients that do not want INFO in between.
const quiet = `CONNECT {"verbose":false,"pedantic":false,"headers":true}` + "\r\n"

// rawClient speaks the protocol by hand. One goroutine may write while another
// reads; every wait is bounded by patience. PINGs of the server stay unanswered:
// no test lasts until the connection is stale.
type rawClient struct {
	nc   net.Conn
	r    *bufio.Reader
	info string // the greeting
}

// frame is one thing that a server said: a message, or any other line.
type frame struct {
	line    string // of other lines, without CRLF
	subject string // "" for other lines
	sid     string
	reply   string
	header  int
	payload []byte // header block and payload; valid until the next read
}

// dial connects and takes the greeting.
func dial(addr string) (*rawClient, error) {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return newRawClient(nc)
}

// newRawClient takes the greeting on nc.
func newRawClient(nc net.Conn) (*rawClient, error) {
	c := &rawClient{nc: nc, r: bufio.NewReaderSize(nc, 32<<10)}
	line, err := c.readLine()
	if err == nil && !strings.HasPrefix(line, "INFO ") {
		err = fmt.Errorf("greeted with %q", line)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.info = line
	return c, nil
}

// connect returns a client of addr that has sent quiet, and closes it when the
// test ends.
func connect(t testing.TB, addr string) *rawClient {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	must(t, c.send(quiet))
	return c
}

func (c *rawClient) close() { _ = c.nc.Close() }

// reset closes the connection with an RST, whatever is on its way.
func (c *rawClient) reset() {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.close()
}

// send writes all of s.
func (c *rawClient) send(s string) error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c.nc, s)
	return err
}

// readLine returns the next line without its CRLF.
func (c *rawClient) readLine() (string, error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(patience))
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", fmt.Errorf("a line that does not end in CRLF: %q", line)
	}
	return line[:len(line)-2], nil
}

// next returns the next frame. An -ERR is an error.
func (c *rawClient) next() (frame, error) {
	line, err := c.readLine()
	if err != nil {
		return frame{}, err
	}
	if strings.HasPrefix(line, "-ERR") {
		return frame{}, errors.New(line)
	}
	args := strings.Fields(line)
	if len(args) == 0 || args[0] != "MSG" && args[0] != "HMSG" {
		return frame{line: line}, nil
	}
	f, sizes := frame{}, 1
	if args[0] == "HMSG" {
		sizes = 2
	}
	if len(args) != 3+sizes && len(args) != 4+sizes {
		return frame{}, fmt.Errorf("%d arguments in %q", len(args), line)
	}
	f.subject, f.sid = args[1], args[2]
	if len(args) == 4+sizes {
		f.reply = args[3]
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return frame{}, fmt.Errorf("the size in %q: %w", line, err)
	}
	if sizes == 2 {
		if f.header, err = strconv.Atoi(args[len(args)-2]); err != nil {
			return frame{}, fmt.Errorf("the size in %q: %w", line, err)
		}
	}
	body := make([]byte, size+2)
	if _, err := io.ReadFull(c.r, body); err != nil {
		return frame{}, fmt.Errorf("the payload of %q: %w", line, err)
	}
	if string(body[size:]) != "\r\n" {
		return frame{}, fmt.Errorf("%q ends in %q", line, body[size:])
	}
	f.payload = body[:size]
	return f, nil
}

// message returns the next message, passing over INFO and PING; any other line
// is an error.
func (c *rawClient) message() (frame, error) {
	for {
		f, err := c.next()
		switch {
		case err != nil:
			return frame{}, err
		case f.subject != "":
			return f, nil
		case f.line == "PING" || strings.HasPrefix(f.line, "INFO "):
		default:
			return frame{}, fmt.Errorf("%q in place of a message", f.line)
		}
	}
}

// sync sends PING and hands what comes before the PONG to see, which may be
// nil for "nothing may come".
func (c *rawClient) sync(see func(frame) error) error {
	if err := c.send("PING\r\n"); err != nil {
		return err
	}
	return c.untilPong(see)
}

// untilPong is sync for a PING that was sent already.
func (c *rawClient) untilPong(see func(frame) error) error {
	for {
		f, err := c.next()
		if err != nil {
			return fmt.Errorf("waiting for PONG: %w", err)
		}
		switch {
		case f.line == "PONG":
			return nil
		case f.line == "PING" || strings.HasPrefix(f.line, "INFO "):
		case see == nil || f.subject == "":
			return fmt.Errorf("%s before the PONG", f)
		default:
			if err := see(f); err != nil {
				return err
			}
		}
	}
}

// String shows a frame in an error.
func (f frame) String() string {
	if f.subject == "" {
		return strconv.Quote(f.line)
	}
	return fmt.Sprintf("a message on %s for sid %s, %d bytes, %.40q", f.subject, f.sid, len(f.payload), f.payload)
}

// ended waits until the server has closed the connection and returns all that
// came before.
func (c *rawClient) ended() (string, error) {
	_ = c.nc.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(c.r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return string(b), errors.New("the server keeps the connection open")
	}
	return string(b), nil // EOF and RST are both an end
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crew runs functions side by side and fails the test with their first errors.
type crew struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

// do runs f under a name.
func (w *crew) do(name string, f func() error) {
	w.wg.Go(func() {
		if err := f(); err != nil {
			w.mu.Lock()
			w.errs = append(w.errs, fmt.Errorf("%s: %w", name, err))
			w.mu.Unlock()
		}
	})
}

// wait waits for all of them.
func (w *crew) wait(t testing.TB) {
	t.Helper()
	w.wg.Wait()
	for _, err := range w.errs[:min(len(w.errs), 5)] {
		t.Error(err)
	}
	if len(w.errs) > 0 {
		t.FailNow()
	}
}

// eventually waits until what returns "", and fails the test with what it
// returned last when that takes too long.
func eventually(t testing.TB, what func() string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for {
		last := what()
		if last == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(last)
		}
		<-tick.C
	}
}
