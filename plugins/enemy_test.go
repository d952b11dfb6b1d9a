package plugins

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/internal/plugintest"
)

// enemyKey is the variable of the environment that has the test program be an
// enemy.
const enemyKey = "ENEMY"

// enemies are the programs that a broker has to bear.
var enemies = map[string]func(){
	"none": func() { raw{}.serve() }, // the least that a plugin can do, for comparison
	// What they write.
	"noise":        func() { raw{serving: func() { flood(2, "a line of noise\n") }}.serve() },
	"long noise":   func() { raw{serving: func() { flood(2, "noise without an end ") }}.serve() },
	"stdout":       func() { raw{serving: func() { flood(1, "hello\n") }}.serve() },
	"dumb stdout":  func() { raw{serving: func() { flood(1, "hello ") }}.serve() },
	"last words":   func() { fmt.Fprintln(os.Stderr, "no such database"); os.Exit(7) },
	"half a line":  func() { fmt.Print("1|1|unix"); os.Exit(0) },
	"endless line": func() { flood(1, "1|1|unix|") },
	// What they say of themselves.
	"another version":   func() { fmt.Println("1|9|unix|/nowhere|grpc|") },
	"another handshake": func() { fmt.Println("7|1|unix|/nowhere|grpc|") },
	"over the net":      func() { fmt.Println("1|1|tcp|127.0.0.1:1|grpc|"); waitForEnd() },
	"net/rpc":           func() { fmt.Printf("1|1|unix|%s|netrpc|\n", socketPath()); waitForEnd() },
	"nobody there":      func() { fmt.Printf("1|1|unix|%s|grpc|\n", socketPath()); waitForEnd() },
	"elsewhere":         func() { serveAtPath(filepath.Join(os.TempDir(), fmt.Sprint("s", os.Getpid())), "", asWanted) },
	"certificate":       func() { serveAtPath(socketPath(), certificate(), asWanted) },
	"further connections": func() {
		serveAtPath(socketPath(), "", asWanted, grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			if m, _ := grpc.MethodFromServerStream(s); strings.HasPrefix(m, "/plugin.GRPCBroker/") {
				for n := uint32(1); ; n++ { // each makes a goroutine that waits for five seconds
					if err := s.SendMsg(wrapperspb.UInt32(n)); err != nil {
						return err
					}
				}
			}
			return status.Error(codes.Unimplemented, "unknown")
		}))
	},
	"no answer": func() {
		if _, err := net.Listen("unix", socketPath()); err != nil {
			panic(err)
		}
		fmt.Printf("1|1|unix|%s|grpc|%s\n", socketPath(), certificate())
		<-time.After(100 * time.Millisecond) // somebody waits to be answered then
		os.Exit(8)
	},
	"no TLS":          func() { byHand(asWanted) },
	"another service": func() { byHand(func(*grpc.Server) {}) },
	"not well": func() {
		byHand(func(s *grpc.Server) {
			hookv1.RegisterHookServer(s, raw{})
			h := health.NewServer()
			h.SetServingStatus(plugin.GRPCServiceName, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
			grpc_health_v1.RegisterHealthServer(s, h)
		})
	},
	// What they want.
	"no registration": func() { raw{configure: registering()}.serve() },
	"unknown point":   func() { raw{configure: registering(&hookv1.Registration{Point: 77})}.serve() },
	"unknown field": func() {
		raw{configure: registering(&hookv1.Registration{Point: hookv1.Point_POINT_PUBLISH, Fields: []hookv1.Field{99}})}.serve()
	},
	"bad subject": func() {
		raw{configure: registering(&hookv1.Registration{Point: hookv1.Point_POINT_PUBLISH, Subjects: [][]byte{[]byte("a..b")}})}.serve()
	},
	"cache": func() {
		raw{configure: registering(&hookv1.Registration{
			Point: hookv1.Point_POINT_PUBLISH, Fields: []hookv1.Field{hookv1.Field_FIELD_SUBJECT, hookv1.Field_FIELD_USER},
			Cache: &hookv1.CachePolicy{By: []hookv1.Field{hookv1.Field_FIELD_SUBJECT}, TtlMs: 1000},
		})}.serve()
	},
	"fat answer": func() {
		raw{configure: func(in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
			out, err := publishes(in)
			out.Version = strings.Repeat("x", 100e6)
			return out, err
		}}.serve()
	},
	"fickle": func() {
		raw{configure: func(in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
			if in.GetRestarted() {
				return registering(&hookv1.Registration{Point: hookv1.Point_POINT_SUBSCRIBE})(in)
			}
			return publishes(in)
		}, answer: func(*hookv1.Request) []*hookv1.Reply { os.Exit(5); return nil }}.serve()
	},
	"hangs in Configure": func() {
		raw{configure: func(*hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) { waitForEnd(); return nil, nil }}.serve()
	},
	"dies in Configure": func() {
		raw{configure: func(*hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) { panic("no idea what to do") }}.serve()
	},
	"fat state": func() {
		raw{handover: func() (*hookv1.HandoverResponse, error) {
			return &hookv1.HandoverResponse{State: make([]byte, mostState+2<<10)}, nil
		}}.serve()
	},
	"hangs in Handover": func() {
		raw{handover: func() (*hookv1.HandoverResponse, error) { waitForEnd(); return nil, nil }}.serve()
	},
	"no state": func() {
		raw{handover: func() (*hookv1.HandoverResponse, error) { return nil, errors.New("it is a mess") }}.serve()
	},
	"dies in Handover": func() {
		raw{handover: func() (*hookv1.HandoverResponse, error) { os.Exit(6); return nil, nil }}.serve()
	},
	"no state now": func() {
		raw{handover: func() (*hookv1.HandoverResponse, error) { return nil, status.Error(codes.Unavailable, "ask later") }}.serve()
	},
	// What they are told: their version says it.
	"told": func() {
		raw{configure: func(in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
			out, err := publishes(in)
			out.Version = fmt.Sprintf("state %q, restarted %t", in.GetState(), in.GetRestarted())
			return out, err
		}, handover: func() (*hookv1.HandoverResponse, error) {
			return &hookv1.HandoverResponse{State: []byte("kept")}, nil
		}}.serve()
	},
	// What they answer.
	"garbage verdict": func() { raw{answer: says(&hookv1.Reply{Verdict: 99})}.serve() },
	"wrong verdict":   func() { raw{answer: says(&hookv1.Reply{Verdict: hookv1.Verdict_VERDICT_DROP})}.serve() },
	"unknown ids": func() {
		raw{answer: func(r *hookv1.Request) []*hookv1.Reply {
			return []*hookv1.Reply{allow(r.GetId() + 1), allow(r.GetId() + 1<<40), allow(0)}
		}}.serve()
	},
	"before it is asked": func() {
		raw{answer: func(r *hookv1.Request) []*hookv1.Reply {
			return []*hookv1.Reply{allow(r.GetId() + 1<<placeBits), {Id: r.GetId(), Verdict: hookv1.Verdict_VERDICT_DENY, Reason: "of its own"}}
		}}.serve()
	},
	"twice": func() {
		raw{answer: func(r *hookv1.Request) []*hookv1.Reply {
			return []*hookv1.Reply{{Id: r.GetId(), Verdict: hookv1.Verdict_VERDICT_DENY}, allow(r.GetId())}
		}}.serve()
	},
	"never": func() { raw{answer: func(*hookv1.Request) []*hookv1.Reply { return nil }}.serve() },
	"deaf":  func() { raw{stream: func(s stream) error { <-s.Context().Done(); return nil }}.serve() },
	"late": func() {
		raw{answer: func(r *hookv1.Request) []*hookv1.Reply {
			<-time.After(time.Duration(r.GetTimeoutMs())*time.Millisecond + 500*time.Millisecond)
			return []*hookv1.Reply{allow(r.GetId())}
		}}.serve()
	},
	"100 MB": func() {
		raw{answer: says(&hookv1.Reply{Reason: strings.Repeat("x", 100e6)})}.serve()
	},
	"10 MB": func() {
		raw{answer: says(&hookv1.Reply{Reason: strings.Repeat("x", 10e6)})}.serve()
	},
	"no frame": func() {
		raw{stream: func(s stream) error {
			if err := s.RecvMsg(new(hookv1.Batch)); err != nil {
				return err
			}
			return s.SendMsg(plugintest.Garbage("\x0a\xff\xff"))
		}}.serve()
	},
	"gives up": func() { raw{stream: func(stream) error { return status.Error(codes.Aborted, "I give up") }}.serve() },
	"revokes": func() {
		raw{stream: func(s stream) error {
			in, err := s.Recv()
			if err != nil {
				return err
			}
			out := &hookv1.Replies{Replies: []*hookv1.Reply{allow(in.GetRequests()[0].GetId())}}
			for id := range uint64(revoked) {
				out.Commands = append(out.Commands, &hookv1.Command{Command: &hookv1.Command_Disconnect{
					Disconnect: &hookv1.Disconnect{Of: &hookv1.Selector{Id: id + 1, User: "eve"}},
				}})
			}
			if err := s.Send(out); err != nil {
				return err
			}
			waitForEnd()
			return nil
		}}.serve()
	},
	"orders": func() { raw{stream: orders}.serve() },
	// What they do.
	"panics": func() {
		raw{answer: func(*hookv1.Request) []*hookv1.Reply { go panic("out of my mind"); waitForEnd(); return nil }}.serve()
	},
	"leaks": func() { raw{answer: leak}.serve() },
	"limited": func() {
		for range time.Tick(time.Millisecond) {
			var r syscall.Rlimit
			if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
				panic(err)
			}
			if r.Max == limitedFiles {
				raw{}.serve()
				return
			}
		}
	},
	"parent": func() {
		raw{serving: func() { fork(nil) }, answer: func(*hookv1.Request) []*hookv1.Reply { os.Exit(3); return nil }}.serve()
	},
	"runaway": func() {
		raw{serving: func() { fork(&syscall.SysProcAttr{Setsid: true}) }, answer: func(*hookv1.Request) []*hookv1.Reply { os.Exit(3); return nil }}.serve()
	},
}

type stream = grpc.BidiStreamingServer[hookv1.Batch, hookv1.Replies]

// revoked is how many connections "revokes" has ended.
const revoked = 50

// limitedFiles is how many files "limited" wants to be allowed before it serves.
const limitedFiles = 333

// raw is a plugin by the generated code alone, which does as it is told, and where
// nothing is said what a plugin should.
type raw struct {
	hookv1.UnimplementedHookServer
	serving   func() // when it is configured, apart
	configure func(*hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error)
	handover  func() (*hookv1.HandoverResponse, error)
	stream    func(stream) error
	answer    func(*hookv1.Request) []*hookv1.Reply
}

// serve serves it by go-plugin.
func (r raw) serve() { plugintest.Serve(r) }

func (r raw) Configure(_ context.Context, in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
	if r.serving != nil {
		go r.serving()
	}
	if r.configure != nil {
		return r.configure(in)
	}
	return publishes(in)
}

func (r raw) Handover(context.Context, *hookv1.HandoverRequest) (*hookv1.HandoverResponse, error) {
	if r.handover != nil {
		return r.handover()
	}
	return nil, status.Error(codes.Unimplemented, "no state")
}

func (r raw) Stream(s stream) error {
	if r.stream != nil {
		return r.stream(s)
	}
	for {
		in, err := s.Recv()
		if err != nil {
			return err
		}
		for _, q := range in.GetRequests() {
			list := []*hookv1.Reply{allow(q.GetId())}
			if r.answer != nil {
				list = r.answer(q)
			}
			if err := s.Send(&hookv1.Replies{Replies: list}); err != nil {
				return err
			}
		}
	}
}

// registering is a Configure that wants some registrations.
func registering(list ...*hookv1.Registration) func(*hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
	return func(*hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
		return &hookv1.ConfigureResponse{Registrations: list}, nil
	}
}

var publishes = registering(&hookv1.Registration{Point: hookv1.Point_POINT_PUBLISH, Subjects: [][]byte{[]byte("p.>")}})

func allow(id uint64) *hookv1.Reply {
	return &hookv1.Reply{Id: id, Verdict: hookv1.Verdict_VERDICT_ALLOW}
}

// says answers everything with one reply.
func says(r *hookv1.Reply) func(*hookv1.Request) []*hookv1.Reply {
	return func(q *hookv1.Request) []*hookv1.Reply {
		r.Id = q.GetId()
		return []*hookv1.Reply{r}
	}
}

// orders commands more than anybody can take, and answers behind that.
func orders(s stream) error {
	for {
		in, err := s.Recv()
		if err != nil {
			return err
		}
		out := &hookv1.Replies{}
		for range 3 * mostCommands {
			out.Commands = append(out.Commands, &hookv1.Command{Command: &hookv1.Command_Disconnect{}})
		}
		for _, r := range in.GetRequests() {
			out.Replies = append(out.Replies, allow(r.GetId()))
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}

// socketPath is where a plugin should serve.
func socketPath() string { return filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s") }

// byHand serves without go-plugin, and without TLS.
func byHand(register func(*grpc.Server)) {
	serveAtPath(socketPath(), "", register)
}

// serveAtPath is the same at some path, with some certificate in the handshake.
func serveAtPath(path, certificate string, register func(*grpc.Server), o ...grpc.ServerOption) {
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer(o...)
	register(s)
	fmt.Printf("1|%d|unix|%s|grpc|%s\n", api.Version, path, certificate)
	_ = s.Serve(l)
}

// asWanted serves what a plugin should.
func asWanted(s *grpc.Server) { hookv1.RegisterHookServer(s, raw{}) }

// certificate returns one as it stands in the handshake.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// flood writes to a file descriptor as much as it can.
func flood(fd int, text string) {
	b := []byte(strings.Repeat(text, 1000))
	for {
		if _, err := syscall.Write(fd, b); err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// leak takes memory until there is none.
func leak(*hookv1.Request) []*hookv1.Reply {
	type piece struct {
		bytes [16 << 20]byte
		next  *piece
	}
	for all := new(piece); ; all = (&piece{next: all}) {
		for i := 0; i < len(all.bytes); i += 4096 {
			all.bytes[i] = 1
		}
	}
}

// fork starts a process that lasts, and tells its number.
func fork(attr *syscall.SysProcAttr) {
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = attr
	child.Stdout, child.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
	if err := child.Start(); err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintln(os.NewFile(2, "stderr"), "child", child.Process.Pid)
}

// waitForEnd waits to be killed.
func waitForEnd() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1) // which nobody sends
	<-c
}
