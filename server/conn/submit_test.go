package conn_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"moonwire/server/interest"
)

// TestSubmitTogether has several publishers hand output to one client at once,
// whose socket holds less than that. In each round it begins with an empty queue: one
// writes to the socket until that is full, the others queue behind. Of each
// publisher everything arrives, once and in order.
func TestSubmitTogether(t *testing.T) {
	t.Parallel()
	const publishers, rounds, pieces = 4, 100, 4
	h := newHost(nil)
	near, far := pair(t, "unix", filepath.Join(t.TempDir(), "socket"))
	p := h.serve(t, near, far)
	defer p.close()
	p.send("PING\r\n") // no CONNECT, and so no PING of the server's two seconds later
	p.expect("PONG")
	p.r = bufio.NewReaderSize(p.r, 16<<10)
	text := strings.Repeat("x", 60_000)
	for round := range rounds {
		var ready, wg sync.WaitGroup
		ready.Add(publishers)
		for who := range publishers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(round), uint64(who)))
				ready.Done()
				ready.Wait()
				for n := range pieces {
					line := fmt.Sprintf("%d %d %d ", round, who, n)
					line += text[:1+rng.IntN(len(text)-1)] + "\r\n"
					if !p.c.Submit(&interest.Staged{Data: []byte(line)}) {
						t.Errorf("refused: %.20q", line)
					}
				}
			})
		}
		next := make([]int, publishers)
		_ = p.nc.SetReadDeadline(time.Now().Add(30 * time.Second))
		for range publishers * pieces {
			line := p.line()
			var r, who, n int
			if _, err := fmt.Sscanf(line[:min(len(line), 30)], "%d %d %d ", &r, &who, &n); err != nil {
				t.Fatalf("in the middle of a line: %.30q: %v", line, err)
			}
			if r != round || n != next[who] {
				t.Fatalf("in round %d, publisher %d: got %d of round %d, want %d", round, who, n, r, next[who])
			}
			if rest := strings.TrimLeft(line[strings.LastIndexByte(line, ' ')+1:], "x"); rest != "" {
				t.Fatalf("within a line: %.30q", rest)
			}
			next[who]++
		}
		wg.Wait()
	}
	p.send("PING\r\n")
	p.expect("PONG")
	if _, err := io.WriteString(p.nc, "NONSENSE\r\n"); err != nil {
		t.Fatal(err)
	}
	p.expectEnd("-ERR 'Unknown Protocol Operation'\r\n")
}
