package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// pair is two that talk to each other in the system account, the first of which
// answers, and what the server logs.
func pair(t *testing.T) (y, z *system, logs *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.WarnLevel)
	s, err := New(Options{}, WithLogger(zap.New(core)))
	if err != nil {
		t.Fatal(err)
	}
	return newSystem(s, s.accounts.System()), newSystem(s, s.accounts.System()), logs
}

// TestSystem: requests come one by one, in order, and whole; the asker gets the
// first answer.
func TestSystem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y, z, _ := pair(t)
		var got []string
		y.handle("a.*", "", func(r *request) {
			got = append(got, fmt.Sprintf("%s %q %q", r.subject, r.header, r.body))
			y.answer(r, len(got))
			y.answer(r, "again")
		})
		y.handle("a.*", "q", func(*request) { got = append(got, "queue") })
		go y.run()
		for i := range 3 {
			text, err := z.ask(t.Context(), fmt.Sprint("a.", i), []byte("x"))
			if want := fmt.Sprint(2*i + 1); err != nil || string(text) != want {
				t.Errorf("answer %q, %v; want %s", text, err, want)
			}
			synctest.Wait()
		}
		if want := []string{`a.0 "" "x"`, "queue", `a.1 "" "x"`, "queue", `a.2 "" "x"`, "queue"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, err := z.ask(t.Context(), "b", nil); !errors.Is(err, errNobody) {
			t.Errorf("nobody listens: %v", err)
		}
		if _, err := y.ask(t.Context(), "a.0", nil); !errors.Is(err, errNobody) {
			t.Errorf("it asks itself: %v", err)
		}
		close(y.server.quit)
	})
}

// TestSystemPanic: a request that nobody can answer does not end the server.
func TestSystemPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y, z, logs := pair(t)
		y.handle("a", "", func(*request) { panic("oh") })
		y.handle("b", "", func(r *request) { y.answer(r, 1) })
		go y.run()
		z.publish("a", "", nil)
		if text, err := z.ask(t.Context(), "b", nil); err != nil || string(text) != "1" {
			t.Errorf("answer %q, %v", text, err)
		}
		if logs.Len() != 1 || !strings.Contains(logs.All()[0].Message, "panic: oh") {
			t.Errorf("the log says %v", logs.All())
		}
		close(y.server.quit)
	})
}

// TestSystemAsk: who asks waits no longer than he wants, and than the server is
// there; only so many ask at one time.
func TestSystemAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y, z, _ := pair(t)
		asked := 0
		y.handle("a", "", func(*request) { asked++ })
		go y.run()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ended := make(chan error, 2*maxQuestions)
		for range 2 * maxQuestions {
			go func() {
				_, err := z.ask(ctx, "a", nil)
				ended <- err
			}()
		}
		synctest.Wait()
		if asked != maxQuestions {
			t.Errorf("%d questions at one time, want %d", asked, maxQuestions)
		}
		for range 2 * maxQuestions {
			if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		if n := len(z.mu.open); n > 0 {
			t.Errorf("%d questions are left open", n)
		}
		go func() {
			_, err := z.ask(context.Background(), "a", nil)
			ended <- err
		}()
		synctest.Wait()
		close(y.server.quit)
		if err := <-ended; !errors.Is(err, ErrNotRunning) {
			t.Errorf("the server stops: %v", err)
		}
	})
}

// TestSystemFlood: who publishes never waits for what the server has to do, and
// what waits is bounded, in number and in bytes.
func TestSystemFlood(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ size, sent, want int }{
		"number": {10, 2 * maxRequests, maxRequests + 1},
		"bytes":  {1 << 20, 30, 1 + 15}, // frames are larger than what is in them
		"large":  {maxRequestBytes + 1, 3, 1 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				y, z, logs := pair(t)
				release, answered := make(chan struct{}), 0
				y.handle("a", "", func(*request) {
					answered++
					<-release
				})
				go y.run()
				z.publish("a", "", nil) // which is being answered
				synctest.Wait()
				body := make([]byte, tt.size)
				for range tt.sent {
					z.publish("a", "", body)
				}
				close(release)
				synctest.Wait()
				if answered != tt.want || y.queued.Load() != 0 {
					t.Errorf("%d answered, %d bytes queued; want %d and none", answered, y.queued.Load(), tt.want)
				}
				if n := logs.Len(); n != 1 || !strings.HasPrefix(logs.All()[0].Message, fmt.Sprint(tt.sent+1-tt.want, " requests")) {
					t.Errorf("the log says %v", logs.All())
				}
				close(y.server.quit)
			})
		})
	}
}
