package conn_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestPlainLarge: what is read by ordinary reads, as of a WebSocket, may end a message
// as large as a buffer, or larger, and go on with what stands behind it.
func TestPlainLarge(t *testing.T) {
	t.Parallel()
	const buffer = 256 << 10
	for _, size := range []int{buffer - 3000, buffer - 100, buffer - 1, buffer, buffer + 1, 2*buffer + 1000} {
		for _, last := range []int{1, 100, 3000} { // bytes of the message that come last
			t.Run(fmt.Sprintf("%d, %d at last", size, last), func(t *testing.T) {
				t.Parallel()
				head, end := "PUB a "+fmt.Sprint(size-len("PUB a 123456\r\n\r\n"))+"\r\n", "\r\n"
				message := head + strings.Repeat("x", size-len(head)-len(end)) + end
				const pings = 300
				p := newHost(nil).dial(t)
				defer p.close()
				var wg sync.WaitGroup
				wg.Go(func() {
					for _, piece := range []string{
						hello + message[:1000], message[1000 : size-last], message[size-last:] + strings.Repeat("PING\r\n", pings),
					} {
						if _, err := p.nc.Write([]byte(piece)); err != nil {
							t.Error(err)
							return
						}
					}
				})
				defer wg.Wait()
				for range pings {
					p.expect("PONG")
				}
			})
		}
	}
}
