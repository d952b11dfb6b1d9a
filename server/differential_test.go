package server_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"moonwire/server/servertest"
	"moonwire/server/wire"
)

// sequences is how many seeds TestDifferential goes through for each
// configuration.
const sequences = 300

// players is how many pairs of servers play them, for each configuration.
const players = 3

// differentialConfigs are given to both servers.
var differentialConfigs = map[string]string{
	"defaults": "",
	"traced":   "debug: true\ntrace: true",
	// Nobody is denied to hear replies: the reference delivers a 503 where no
	// message would be. No CONNECT names a token alone: to the reference the
	// no_auth_user has said its name and password, which a later CONNECT keeps.
	"users": `
		authorization { users: [
			{user: u, password: p, permissions: {publish: {deny: ["*.b", "*.a.b"]}, subscribe: {deny: ["*.c", "*.b.c", "*.> h", "a*b"]}}}
			{user: nobody, password: x}
		] }
		no_auth_user: u`,
	"limits": "max_payload: 1024\nmax_control_line: 512\nmax_subscriptions: 4\nmax_sub_tokens: 8",
}

// TestDifferential sends the same bytes to Moonwire and to the reference
// nats-server and compares all that comes back. What is not promised is taken
// out of both: what an INFO says of the server, the order of the copies of one message, the choice of a
// queue member. Known differences are passed over in normal, with the reason.
func TestDifferential(t *testing.T) {
	t.Parallel()
	for name, config := range differentialConfigs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seeds := make(chan uint64)
			var work crew
			for range players {
				// One sequence at a time on each server: some subscribe to all.
				ours := servertest.StartMoonwire(t, config).Addr()
				theirs := servertest.StartReference(t, config).Addr()
				work.do("comparing", func() error {
					var errs []error
					for seed := range seeds {
						errs = append(errs, compare(seed, ours, theirs))
					}
					return errors.Join(errs...)
				})
			}
			for seed := range uint64(sequences) {
				seeds <- seed
			}
			close(seeds)
			work.wait(t)
		})
	}
}

// compare plays one sequence against both servers, and once more with longer
// waits before it reports a difference.
func compare(seed uint64, ours, theirs string) error {
	var diff string
	s := newSequence(seed)
	pieces := s.pieces()
	for _, wait := range []time.Duration{100 * time.Millisecond, time.Second} {
		var got, want string
		var gotErr, wantErr error
		var both sync.WaitGroup
		both.Go(func() { got, gotErr = play(ours, s, pieces, wait) })
		both.Go(func() { want, wantErr = play(theirs, s, pieces, wait) })
		both.Wait()
		if err := errors.Join(gotErr, wantErr); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if diff = gocmp.Diff(want, got); diff == "" {
			return nil
		}
	}
	return fmt.Errorf("seed %d: sent %q\n(-reference +moonwire):\n%s", seed, pieces, diff)
}

// play sends the pieces on a fresh connection and returns, normalised, what
// came back and how it ended. It waits for the answer to the last PING or the
// end; where neither can come, until nothing has come for so long as wait.
func play(addr string, s *sequence, pieces []string, wait time.Duration) (string, error) {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	watcher, err := watch(addr, s)
	if err != nil {
		return "", err
	}
	heard := make(chan int, 1024) // PONGs so far
	var all bytes.Buffer
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(heard)
		buf := make([]byte, 16<<10)
		for {
			n, err := nc.Read(buf)
			all.Write(buf[:n])
			if err != nil {
				return
			}
			heard <- bytes.Count(all.Bytes(), []byte("PONG\r\n"))
		}
	})
	for _, p := range pieces {
		if _, err := io.WriteString(nc, p); err != nil {
			break // closed meanwhile; what came tells why
		}
	}
	state := await(heard, s, wait)
	_ = nc.(*net.TCPConn).CloseWrite()
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	go func() {
		for range heard { // let the reader end
		}
	}()
	reader.Wait()
	seen, err := watcher.seen()
	return normal(all.Bytes()) + state + "\n" + seen, err
}

// watcher is a second client, which sees what a sequence publishes; nil for
// sequences that have none.
type watcher struct{ *rawClient }

// watch subscribes to the subjects of every second sequence. Half of those
// watchers do not take headers.
func watch(addr string, s *sequence) (*watcher, error) {
	if s.seed%2 == 0 {
		return nil, nil
	}
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	err = c.send(fmt.Sprintf(`CONNECT {"verbose":false,"headers":%t}`+"\r\nSUB %s.> 1\r\n", s.seed%4 == 1, s.name))
	if err == nil {
		err = c.sync(nil)
	}
	return &watcher{c}, err
}

// seen returns all that the watcher got, and ends it.
func (w *watcher) seen() (string, error) {
	if w == nil {
		return "", nil
	}
	defer w.close()
	if err := w.send("PING\r\n"); err != nil {
		return "", err
	}
	_ = w.nc.(*net.TCPConn).CloseWrite()
	all, err := w.ended()
	return normal([]byte(all)), err
}

// await waits for the end of a sequence's answers.
func await(heard <-chan int, s *sequence, wait time.Duration) string {
	if !s.hung {
		wait *= 3 // most of these end with a PONG
	}
	quiet := time.NewTimer(wait)
	defer quiet.Stop()
	for {
		select {
		case pongs, open := <-heard:
			if !open {
				return "closed"
			}
			if !s.hung && pongs >= s.pings {
				return "open"
			}
			quiet.Reset(wait)
		case <-quiet.C:
			return "open"
		}
	}
}

// answer is a frame of a server's output with its text.
type answer struct {
	text string
	key  string // of messages: equal for the copies of one message
}

// normal rewrites a server's output so that two servers are comparable.
func normal(out []byte) string {
	var list []answer
	for len(out) > 0 {
		a, n := cut(out)
		out = out[n:]
		last := len(list) - 1
		switch {
		case a.text == "PING\r\n":
			continue // of a slow machine: it measures the round trip
		case last >= 0 && a.text == list[last].text && a.text == "-ERR 'Invalid Publish Subject'\r\n":
			// The reference looks at a control line again when its payload
			// comes later.
			continue
		}
		list = append(list, a)
	}
	for i := 0; i < len(list); {
		j := i + 1
		for j < len(list) && list[i].key != "" && list[j].key == list[i].key {
			j++
		}
		slices.SortFunc(list[i:j], func(a, b answer) int { return cmp.Compare(a.text, b.text) })
		i = j
	}
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.text)
	}
	return b.String()
}

// told returns what both servers have to say alike in an INFO.
func told(line string) string {
	var i wire.Info
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &i); err != nil {
		return line + "\r\n"
	}
	return fmt.Sprintf("INFO connected:%t auth:%t nonce:%t headers:%t max:%d account:%q system:%t\r\n",
		i.ConnectInfo, i.AuthRequired, i.Nonce != "", i.Headers, i.MaxPayload, i.RemoteAccount, i.IsSystem)
}

// cut takes the first frame from out. What it does not understand is taken
// whole.
func cut(out []byte) (answer, int) {
	eol := bytes.Index(out, []byte("\r\n"))
	if eol < 0 {
		return answer{text: string(out)}, len(out)
	}
	end := eol + 2
	line := string(out[:eol])
	args := strings.Split(line, " ")
	switch {
	case args[0] == "INFO":
		return answer{text: told(line)}, end
	case args[0] != "MSG" && args[0] != "HMSG" || len(args) < 4:
		return answer{text: string(out[:end])}, end
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil || size < 0 || end+size+2 > len(out) {
		return answer{text: string(out)}, len(out)
	}
	total := end + size + 2
	body := string(out[end:total])
	switch {
	case strings.HasPrefix(args[2], "q"):
		args[2] = "q" // any member
	case strings.HasPrefix(body, "NATS/1.0 503\r\nNats-Subject: "):
		args[2] = "?" // any of those on the reply subject
	}
	head := strings.Join(args, " ")
	args[2] = ""
	return answer{text: head + "\r\n" + body, key: strings.Join(args, " ") + body}, total
}
