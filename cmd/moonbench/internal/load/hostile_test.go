//go:build linux

package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// hostile is a tiny broker for literal subjects and queue groups that can be
// told to spoil what it delivers.
type hostile struct {
	addr string
	// spoil returns what goes to the subscriber instead of delivery n to it:
	// nothing, the message, several. It is called in order for each subscriber.
	spoil func(n int, msg string) []string
	// welcome is said instead of INFO if it is not empty.
	welcome string
	// secure is the server's side of TLS; nil is without.
	secure *tls.Config

	mu    sync.Mutex
	subs  []*hostileSub // guarded by mu
	conns []net.Conn    // guarded by mu
	turn  int           // next queue member; guarded by mu
	wg    sync.WaitGroup
	l     net.Listener
}

type hostileSub struct {
	peer           *hostilePeer
	subject, queue string
	sid            string
	n              int
}

type hostilePeer struct {
	nc net.Conn
	mu sync.Mutex // guards writes
}

func (p *hostilePeer) say(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.nc, s) // the client may be gone
}

// startHostile serves until the test ends. spoil may be nil.
func startHostile(t *testing.T, h *hostile) *hostile {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.l, h.addr = l, l.Addr().String()
	h.wg.Go(h.accept)
	t.Cleanup(func() {
		_ = l.Close()
		h.mu.Lock()
		for _, c := range h.conns {
			_ = c.Close()
		}
		h.mu.Unlock()
		h.wg.Wait()
	})
	return h
}

func (h *hostile) accept() {
	for {
		nc, err := h.l.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		h.conns = append(h.conns, nc)
		h.mu.Unlock()
		h.wg.Go(func() { h.serve(&hostilePeer{nc: nc}) })
	}
}

func (h *hostile) serve(p *hostilePeer) {
	defer p.nc.Close()
	if h.welcome != "" {
		// Not a plain close: with data unread it would be a reset.
		p.say(h.welcome)
		_ = p.nc.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, p.nc)
		return
	}
	p.say(fmt.Sprintf("INFO {\"version\":\"0.0.1\",\"headers\":true,\"tls_available\":%v} \r\n", h.secure != nil))
	if h.secure != nil {
		p.nc = tls.Server(p.nc, h.secure)
	}
	r := bufio.NewReader(p.nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		f := strings.Fields(line)
		switch f[0] {
		case "PING":
			p.say("PONG\r\n")
		case "SUB":
			s := &hostileSub{peer: p, subject: f[1], sid: f[len(f)-1]}
			if len(f) == 4 {
				s.queue = f[2]
			}
			h.mu.Lock()
			h.subs = append(h.subs, s)
			h.mu.Unlock()
		case "PUB":
			size, err := strconv.Atoi(f[len(f)-1])
			if err != nil {
				return
			}
			body := make([]byte, size+2)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			reply := ""
			if len(f) == 4 {
				reply = f[2] + " "
			}
			h.publish(f[1], reply, body)
		}
	}
}

func (h *hostile) publish(subject, reply string, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var members []*hostileSub
	for _, s := range h.subs {
		prefix, wild := strings.CutSuffix(s.subject, "*")
		switch {
		case s.subject != subject && (!wild || !strings.HasPrefix(subject, prefix)):
		case s.queue != "":
			members = append(members, s)
		default:
			h.deliverLocked(s, subject, reply, body)
		}
	}
	if len(members) > 0 {
		h.turn++
		h.deliverLocked(members[h.turn%len(members)], subject, reply, body)
	}
}

func (h *hostile) deliverLocked(s *hostileSub, subject, reply string, body []byte) {
	msg := fmt.Sprintf("MSG %s %s %s%d\r\n%s", subject, s.sid, reply, len(body)-2, body)
	out := []string{msg}
	if h.spoil != nil {
		out = h.spoil(s.n, msg)
	}
	s.n++
	s.peer.say(strings.Join(out, ""))
}

// The faults. Each spoils one delivery to each subscriber, far enough from the
// beginning that the load is running.
const spoiled = 500

func drop(n int, msg string) []string {
	if n == spoiled {
		return nil
	}
	return []string{msg}
}

func duplicate(n int, msg string) []string {
	if n == spoiled {
		return []string{msg, msg}
	}
	return []string{msg}
}

// swap delays one message until after the next.
func swap() func(int, string) []string {
	held := ""
	return func(n int, msg string) []string {
		switch n {
		case spoiled:
			held = msg
			return nil
		case spoiled + 1:
			return []string{msg, held}
		}
		return []string{msg}
	}
}

// dropRest loses everything from one message on, so that no gap shows.
func dropRest(n int, msg string) []string {
	if n >= spoiled {
		return nil
	}
	return []string{msg}
}

// corrupt changes the last byte of each payload.
func corrupt(_ int, msg string) []string {
	b := []byte(msg)
	b[len(b)-3] ^= 1
	return []string{string(b)}
}

// shorten cuts the payload.
func shorten(n int, msg string) []string {
	if n == spoiled {
		head, body, _ := bytes.Cut([]byte(msg), []byte(" 64\r\n"))
		return []string{string(head) + " 63\r\n" + string(body[:63]) + "\r\n"}
	}
	return []string{msg}
}

func scold(n int, msg string) []string {
	if n == spoiled {
		return []string{"-ERR 'Slow Consumer'\r\n"}
	}
	return []string{msg}
}
