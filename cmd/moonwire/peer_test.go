//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// peer is a raw TCP connection of a script.
type peer struct {
	nc net.Conn
	r  *bufio.Reader
}

func peerOf(ts *testscript.TestScript, args []string) *peer {
	if len(args) == 0 {
		ts.Fatalf("no peer named")
	}
	p := stageOf(ts).peers[args[0]]
	if p == nil {
		ts.Fatalf("%s was not dialled", args[0])
	}
	ts.Check(p.nc.SetDeadline(time.Now().Add(patience)))
	return p
}

// dial connects, or finds that nobody listens.
func dial(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: dial PEER PORT")
	}
	nc, err := net.DialTimeout("tcp", loopback(args[1]), patience)
	if neg {
		if err == nil {
			_ = nc.Close()
			ts.Fatalf("connected to %s", args[1])
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			ts.Check(err)
		}
		return
	}
	ts.Check(err)
	stageOf(ts).peers[args[0]] = &peer{nc, bufio.NewReader(nc)}
}

// say sends lines.
func say(ts *testscript.TestScript, args []string) {
	p := peerOf(ts, args)
	_, err := io.WriteString(p.nc, strings.Join(args[1:], "\r\n")+"\r\n")
	ts.Check(err)
}

// flood publishes many large messages.
func flood(ts *testscript.TestScript, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: flood PEER SUBJECT COUNT")
	}
	count, err := strconv.Atoi(args[2])
	ts.Check(err)
	const size = 64 << 10
	msg := fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", args[1], size, strings.Repeat("x", size))
	for range count {
		_, err := peerOf(ts, args).nc.Write(msg)
		ts.Check(err)
	}
}

// expect compares the next lines.
func expect(ts *testscript.TestScript, args []string) {
	p := peerOf(ts, args)
	for _, expr := range args[1:] {
		line, err := p.r.ReadString('\n')
		if err != nil {
			ts.Fatalf("%s: got %q and then %v, want %s", args[0], line, err, expr)
		}
		line = strings.TrimSuffix(line, "\r\n")
		if !capture(ts, compile(ts, "^(?:"+expr+")$"), []byte(line)) {
			ts.Fatalf("%s: got %q, want %s", args[0], line, expr)
		}
	}
}

// closed waits for the other end to close.
func closed(ts *testscript.TestScript, args []string) {
	rest, err := io.ReadAll(peerOf(ts, args).r)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		ts.Check(err)
	}
	if len(rest) > 0 {
		ts.Fatalf("%s: got %q before the end", args[0], rest)
	}
}

func hangup(ts *testscript.TestScript, args []string) { ts.Check(peerOf(ts, args).nc.Close()) }

// get asks over HTTP.
func get(ts *testscript.TestScript, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: get PORT PATH STATUS")
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + loopback(args[0]) + args[1])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
	if got := strconv.Itoa(resp.StatusCode); got != args[2] {
		ts.Fatalf("%s: got status %s, want %s", args[1], got, args[2])
	}
}
