package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"golang.org/x/crypto/bcrypt"

	"moonwire/server"
	"moonwire/server/servertest"
)

// transports are the ways in which nats.go reaches a broker.
var transports = map[string]func(servertest.Broker, ...nats.Option) (*nats.Conn, error){
	"tcp": func(b servertest.Broker, o ...nats.Option) (*nats.Conn, error) {
		return nats.Connect(b.ClientURL(), o...)
	},
	"in process": func(b servertest.Broker, o ...nats.Option) (*nats.Conn, error) {
		return nats.Connect("", append(o, nats.InProcessServer(b.Server))...)
	},
}

// lab is a broker and a way to reach it.
type lab struct {
	*testing.T
	broker servertest.Broker
	open   func(...nats.Option) (*nats.Conn, error)
}

// client connects, and closes the connection when the test ends.
func (l lab) client(o ...nats.Option) *nats.Conn {
	l.Helper()
	nc, err := l.open(append([]nats.Option{nats.Timeout(patience), nats.RetryOnFailedConnect(false)}, o...)...)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(nc.Close)
	return nc
}

// each runs test over each transport, with a broker of its own.
func each(t *testing.T, config string, test func(l lab)) {
	t.Helper()
	t.Parallel()
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.Start(t, monitored+config)
			test(lab{t, b, func(o ...nats.Option) (*nats.Conn, error) { return open(b, o...) }})
		})
	}
}

// receive returns the data of the next n messages.
func receive(t testing.TB, sub *nats.Subscription, n int) []string {
	t.Helper()
	var got []string
	for range n {
		m, err := sub.NextMsg(patience)
		if err != nil {
			t.Fatalf("after %d messages: %v", len(got), err)
		}
		got = append(got, string(m.Data))
	}
	return got
}

// numbers returns "0" to n-1.
func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i)
	}
	return list
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func TestClientPublish(t *testing.T) {
	each(t, "", func(l lab) {
		pub, rcv := l.client(), l.client()
		plain, err := rcv.SubscribeSync("foo.*")
		must(l, err)
		var async atomic.Int64
		all := make(chan struct{})
		_, err = rcv.Subscribe("foo.>", func(m *nats.Msg) {
			if n := async.Add(1); n == 100 {
				close(all)
			}
		})
		must(l, err)
		ch := make(chan *nats.Msg, 100)
		_, err = rcv.ChanSubscribe("*.a", ch)
		must(l, err)
		must(l, rcv.Flush())
		for i := range 100 {
			must(l, pub.Publish("foo.a", []byte(strconv.Itoa(i))))
		}
		equal(l, "subscribed", numbers(100), receive(l, plain, 100))
		<-all
		for i := range 100 {
			equal(l, "through the channel", strconv.Itoa(i), string((<-ch).Data))
		}
		m, err := plain.NextMsg(time.Millisecond)
		if !errors.Is(err, nats.ErrTimeout) {
			l.Errorf("one more message, %v, %v", m, err)
		}
	})
}

func TestClientQueue(t *testing.T) {
	each(t, "", func(l lab) {
		const members, messages = 4, 400
		pub := l.client()
		got := make(chan string, 2*messages)
		var each [members]atomic.Int64
		for i := range members {
			nc := l.client()
			_, err := nc.QueueSubscribe("jobs.*", "workers", func(m *nats.Msg) {
				each[i].Add(1)
				got <- string(m.Data)
			})
			must(l, err)
			must(l, nc.Flush())
		}
		for i := range messages {
			must(l, pub.Publish("jobs.x", []byte(strconv.Itoa(i))))
		}
		seen := make(map[string]int)
		for range messages {
			seen[<-got]++
		}
		want := make(map[string]int)
		for _, n := range numbers(messages) {
			want[n] = 1
		}
		equal(l, "messages", want, seen)
		for i := range each {
			if n := each[i].Load(); n == 0 || n == messages {
				l.Errorf("member %d got %d of %d messages", i, n, messages)
			}
		}
	})
}

func TestClientRequest(t *testing.T) {
	each(t, "", func(l lab) {
		asker, answerer := l.client(), l.client()
		_, err := answerer.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(append([]byte("re: "), m.Data...)) })
		must(l, err)
		_, err = answerer.Subscribe("many", func(m *nats.Msg) {
			for _, n := range numbers(20) {
				_ = m.Respond([]byte(n))
			}
		})
		must(l, err)
		must(l, answerer.Flush())

		for _, n := range numbers(50) {
			m, err := asker.Request("echo", []byte(n), patience)
			must(l, err)
			equal(l, "answer", "re: "+n, string(m.Data))
		}
		old := l.client(nats.UseOldRequestStyle())
		m, err := old.Request("echo", []byte("old"), patience)
		must(l, err)
		equal(l, "answer to an old request", "re: old", string(m.Data))

		inbox := asker.NewInbox()
		sub, err := asker.SubscribeSync(inbox)
		must(l, err)
		must(l, asker.PublishRequest("many", inbox, nil))
		equal(l, "answers", numbers(20), receive(l, sub, 20))

		for _, nc := range []*nats.Conn{asker, old} {
			if _, err := nc.Request("nobody", nil, patience); !errors.Is(err, nats.ErrNoResponders) {
				l.Errorf("a request to nobody: %v", err)
			}
		}
	})
}

func TestClientHeaders(t *testing.T) {
	each(t, "", func(l lab) {
		pub, rcv := l.client(), l.client()
		sub, err := rcv.SubscribeSync("h")
		must(l, err)
		must(l, rcv.Flush())
		plain := connect(l, l.broker.Addr())
		must(l, plain.send(`CONNECT {"verbose":false,"headers":false}`+"\r\nSUB h 7\r\n"))
		must(l, plain.sync(nil))

		m := nats.NewMsg("h")
		m.Header.Add("Key", "a")
		m.Header.Add("Key", "b")
		m.Reply, m.Data = "answer.here", []byte("body")
		must(l, pub.PublishMsg(m))
		got, err := sub.NextMsg(patience)
		must(l, err)
		equal(l, "headers", m.Header, got.Header)
		equal(l, "message", "h answer.here body", got.Subject+" "+got.Reply+" "+string(got.Data))
		f, err := plain.message()
		must(l, err)
		equal(l, "without headers", "h answer.here 0 body", fmt.Sprintf("%s %s %d %s", f.subject, f.reply, f.header, f.payload))
	})
}

func TestClientLargePayload(t *testing.T) {
	each(t, "", func(l lab) {
		pub, rcv := l.client(), l.client()
		sub, err := rcv.SubscribeSync("large")
		must(l, err)
		must(l, rcv.Flush())
		const n = 10
		for i := range n {
			p := bytes.Repeat([]byte{byte('a' + i)}, 1<<20)
			must(l, pub.Publish("large", p))
		}
		for i, got := range receive(l, sub, n) {
			if len(got) != 1<<20 || got != string(bytes.Repeat([]byte{byte('a' + i)}, 1<<20)) {
				l.Fatalf("message %d: %d bytes, first %.10q", i, len(got), got)
			}
		}
		if err := pub.Publish("large", make([]byte, 1<<20+1)); !errors.Is(err, nats.ErrMaxPayload) {
			l.Errorf("one byte more: %v", err)
		}
	})
}

func TestClientUnsubscribe(t *testing.T) {
	each(t, "", func(l lab) {
		pub, rcv := l.client(), l.client()
		limited, err := rcv.SubscribeSync("u")
		must(l, err)
		must(l, limited.AutoUnsubscribe(7))
		gone, err := rcv.SubscribeSync("u")
		must(l, err)
		must(l, gone.Unsubscribe())
		rest, err := rcv.SubscribeSync("u")
		must(l, err)
		must(l, rcv.Flush())
		for _, n := range numbers(20) {
			must(l, pub.Publish("u", []byte(n)))
		}
		equal(l, "unlimited", numbers(20), receive(l, rest, 20))
		equal(l, "limited", numbers(7), receive(l, limited, 7))
		if _, err := limited.NextMsg(patience); !errors.Is(err, nats.ErrMaxMessages) && !errors.Is(err, nats.ErrBadSubscription) {
			l.Errorf("after the last message: %v", err)
		}
		eventually(l, func() string {
			if n := lookVarz(l, l.broker).Subscriptions; n != 1 {
				return fmt.Sprintf("%d subscriptions are left, want 1", n)
			}
			return ""
		})
	})
}

func TestClientNoEcho(t *testing.T) {
	each(t, "", func(l lab) {
		self, other := l.client(nats.NoEcho()), l.client()
		own, err := self.SubscribeSync("e.*")
		must(l, err)
		must(l, self.Flush())
		far, err := other.SubscribeSync("e.*")
		must(l, err)
		must(l, other.Flush())
		must(l, self.Publish("e.own", []byte("own")))
		must(l, self.Flush())
		must(l, other.Publish("e.far", []byte("far")))
		equal(l, "for itself", []string{"far"}, receive(l, own, 1))
		equal(l, "for others", []string{"own", "far"}, receive(l, far, 2))
	})
}

func TestClientDrain(t *testing.T) {
	each(t, "", func(l lab) {
		const n = 500
		pub := l.client()
		closed := make(chan struct{})
		rcv := l.client(nats.ClosedHandler(func(*nats.Conn) { close(closed) }), nats.DrainTimeout(patience))
		var count atomic.Int64
		_, err := rcv.Subscribe("d", func(*nats.Msg) { count.Add(1) })
		must(l, err)
		must(l, rcv.Flush())
		for range n {
			must(l, pub.Publish("d", []byte("x")))
		}
		must(l, pub.Flush())
		must(l, rcv.Drain())
		<-closed
		equal(l, "messages", int64(n), count.Load())
		eventually(l, func() string {
			if n := lookVarz(l, l.broker).Subscriptions; n != 0 {
				return fmt.Sprintf("%d subscriptions are left", n)
			}
			return ""
		})
	})
}

func TestClientRTT(t *testing.T) {
	each(t, "", func(l lab) {
		nc := l.client()
		rtt, err := nc.RTT()
		must(l, err)
		if rtt <= 0 || rtt > patience {
			l.Errorf("RTT %v", rtt)
		}
		must(l, nc.FlushTimeout(patience))
		equal(l, "version", server.CompatibleVersion, nc.ConnectedServerVersion())
		equal(l, "id", l.broker.ID(), nc.ConnectedServerId())
		equal(l, "name", l.broker.Name(), nc.ConnectedServerName())
		equal(l, "largest payload", int64(1<<20), nc.MaxPayload())
		id, err := nc.GetClientID()
		must(l, err)
		if id == 0 || !nc.HeadersSupported() {
			l.Errorf("client id %d, headers %t", id, nc.HeadersSupported())
		}
	})
}

func TestClientMaxPayload(t *testing.T) {
	each(t, "max_payload: 100", func(l lab) {
		nc := l.client()
		equal(l, "largest payload", int64(100), nc.MaxPayload())
		must(l, nc.Publish("x", make([]byte, 100)))
		if err := nc.Publish("x", make([]byte, 101)); !errors.Is(err, nats.ErrMaxPayload) {
			l.Errorf("101 bytes: %v", err)
		}
		must(l, nc.Flush())
	})
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("s3cret"), bcrypt.MinCost)
	must(t, err)
	crypt := fmt.Sprintf(`authorization { user: "derek", password: %q }`, hash)
	const (
		user   = `authorization { user: "derek", password: "s3cret" }`
		secret = `authorization { token: "t0ken" }`
	)
	tests := map[string]struct {
		config string
		option nats.Option
		want   error
	}{
		"right password":    {user, nats.UserInfo("derek", "s3cret"), nil},
		"wrong password":    {user, nats.UserInfo("derek", "secret"), nats.ErrAuthorization},
		"wrong user":        {user, nats.UserInfo("eric", "s3cret"), nats.ErrAuthorization},
		"no user":           {user, nats.Name("x"), nats.ErrAuthorization},
		"a token instead":   {user, nats.Token("s3cret"), nats.ErrAuthorization},
		"right token":       {secret, nats.Token("t0ken"), nil},
		"wrong token":       {secret, nats.Token("token"), nats.ErrAuthorization},
		"no token":          {secret, nats.Name("x"), nats.ErrAuthorization},
		"a user instead":    {secret, nats.UserInfo("t0ken", "t0ken"), nats.ErrAuthorization},
		"right, hashed":     {crypt, nats.UserInfo("derek", "s3cret"), nil},
		"wrong, hashed":     {crypt, nats.UserInfo("derek", "wrong"), nats.ErrAuthorization},
		"the hash itself":   {crypt, nats.UserInfo("derek", string(hash)), nats.ErrAuthorization},
		"nothing asked for": {"", nats.UserInfo("any", "body"), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			each(t, tt.config, func(l lab) {
				nc, err := l.open(tt.option)
				if !errors.Is(err, tt.want) {
					l.Errorf("got %v, want %v", err, tt.want)
				}
				if err == nil {
					must(l, nc.Flush())
					nc.Close()
				}
			})
		})
	}
}

// TestClientReconnect stops the broker and starts another one on its port: the
// client comes back with its subscriptions, and with what it published
// meanwhile.
func TestClientReconnect(t *testing.T) {
	t.Parallel()
	first := servertest.Start(t, "")
	port := first.Server.Addr().(*net.TCPAddr).Port
	down, up := make(chan struct{}, 8), make(chan struct{}, 8)
	nc, err := nats.Connect(first.ClientURL(),
		nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { down <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { up <- struct{}{} }))
	must(t, err)
	t.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync("foo")
	must(t, err)
	must(t, nc.Publish("foo", []byte("before")))
	equal(t, "before", []string{"before"}, receive(t, sub, 1))

	first.Shutdown()
	<-down
	must(t, nc.Publish("foo", []byte("meanwhile")))
	servertest.StartOptions(t, server.Options{Host: "127.0.0.1", Port: port})
	<-up
	must(t, nc.Publish("foo", []byte("after")))
	equal(t, "after", []string{"meanwhile", "after"}, receive(t, sub, 2))
}

func TestClientLameDuck(t *testing.T) {
	t.Parallel()
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servertest.StartOptions(t, server.Options{
				Host: "127.0.0.1", Port: -1,
				LameDuckDuration: 400 * time.Millisecond, LameDuckGracePeriod: 100 * time.Millisecond,
			})
			told, closed := make(chan struct{}), make(chan struct{})
			nc, err := open(b, nats.NoReconnect(),
				nats.LameDuckModeHandler(func(*nats.Conn) { close(told) }),
				nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
			must(t, err)
			t.Cleanup(nc.Close)
			b.LameDuck()
			<-told
			<-closed
			b.WaitForShutdown()
		})
	}
}

func TestInProcessConnEnds(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Host: "127.0.0.1", Port: -1})
	must(t, err)
	if _, err := s.InProcessConn(); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("before Start: %v", err)
	}
	must(t, s.Start())
	t.Cleanup(s.Shutdown)
	closed := make(chan struct{})
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must(t, err)
	must(t, nc.Flush())
	idle, err := s.InProcessConn() // never reads its INFO
	must(t, err)
	defer idle.Close()
	s.Shutdown()
	<-closed
	if _, err := s.InProcessConn(); !errors.Is(err, server.ErrNotRunning) {
		t.Errorf("after Shutdown: %v", err)
	}
	if _, err := nats.Connect("", nats.InProcessServer(s)); err == nil {
		t.Error("nats.go connected to a broker that was shut down")
	}
}

// TestClientMix runs all transports against one broker: what one publishes the
// others get.
func TestClientMix(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, "")
	clients := make(map[string]*nats.Conn)
	subs := make(map[string]*nats.Subscription)
	for name, open := range transports {
		nc, err := open(b)
		must(t, err)
		t.Cleanup(nc.Close)
		clients[name] = nc
		subs[name], err = nc.SubscribeSync("mix.>")
		must(t, err)
		must(t, nc.Flush())
	}
	want := make(map[string]int)
	for name, nc := range clients {
		for _, n := range numbers(100) {
			want[name+n] = 1
			must(t, nc.Publish("mix.x", []byte(name+n)))
		}
	}
	for name, sub := range subs {
		got := make(map[string]int)
		for _, s := range receive(t, sub, len(want)) {
			got[s]++
		}
		if !maps.Equal(want, got) {
			t.Errorf("%s: %s", name, cmp.Diff(want, got))
		}
	}
}
