//go:build unix

package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/internal/plugintest"
	"moonwire/plugins/sdk"
)

// whichKey is the variable of the environment that says which plugin the test
// program is.
const whichKey = "WHICH"

// servePlugin is the program that is looked at.
func servePlugin() {
	switch which := os.Getenv(whichKey); which {
	case "good":
		sdk.Main(good{})
	case "remembers":
		counting(true).serve()
	case "small":
		sdk.Main(small{}, sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"a.b"}, Fields: []sdk.Field{sdk.Subject}})
	default:
		enemies[which]()
	}
}

// good is a plugin of all points.
type good struct{}

func (good) Version() string { return "1" }

func (good) State(context.Context) ([]byte, error) { return []byte("kept"), nil }

func (good) Connect(context.Context, *sdk.Connect) sdk.Decision { return sdk.Allow() }

func (good) Publish(context.Context, *sdk.Message) sdk.Decision { return sdk.Deny("never") }

func (good) Subscribe(context.Context, *sdk.Subscription) sdk.Decision { return sdk.Pass() }

func (good) Rewrite(context.Context, *sdk.Message) sdk.Decision { return sdk.To("to") }

func (good) Inspect(_ context.Context, m *sdk.Message) sdk.Decision {
	m.SetPayload(m.Payload[1:])
	return sdk.Pass()
}

func (good) Event(context.Context, *sdk.Event) {}

// small is one that wants hardly anything, and has an answer to nothing.
type small struct{}

func (small) Publish(context.Context, *sdk.Message) sdk.Decision {
	return sdk.Fail(errors.New("no idea"))
}

// raw is a plugin by the generated code alone, which does as it is told, and where
// nothing is said what a plugin should.
type raw struct {
	hookv1.UnimplementedHookServer
	registrations []*hookv1.Registration // nil: all messages, with who publishes them
	configure     func(*hookv1.ConfigureRequest) string
	handover      func() ([]byte, error)
	notify        func() error
	// answer is asked first; it may return replies of its own, or end the stream.
	answer func(*session, *hookv1.Request) ([]*hookv1.Reply, error)
	// hasty forgets clients before it answers; loyal does not forget them; mixed gives
	// each answer of a frame the id of another.
	hasty, loyal, mixed bool
}

// session is what is known on a stream.
type session struct {
	clients map[uint64]bool
	asked   int
}

func (r raw) serve() { plugintest.Serve(r) }

func (r raw) Configure(_ context.Context, in *hookv1.ConfigureRequest) (*hookv1.ConfigureResponse, error) {
	out := &hookv1.ConfigureResponse{Registrations: r.registrations}
	if r.registrations == nil {
		out.Registrations = []*hookv1.Registration{
			{Point: hookv1.Point_POINT_PUBLISH}, {Point: hookv1.Point_POINT_INSPECT}, {Point: hookv1.Point_POINT_EVENT},
		}
	}
	if r.configure != nil {
		out.Error = r.configure(in)
	}
	if in.GetRestarted() && os.Getenv(whichKey) == "fickle" {
		out.Registrations = out.Registrations[:1]
	}
	return out, nil
}

func (r raw) Handover(context.Context, *hookv1.HandoverRequest) (*hookv1.HandoverResponse, error) {
	if r.handover == nil {
		return nil, status.Error(codes.Unimplemented, "no state")
	}
	state, err := r.handover()
	return &hookv1.HandoverResponse{State: state}, err
}

func (r raw) Notify(context.Context, *hookv1.NotifyRequest) (*hookv1.NotifyResponse, error) {
	if r.notify != nil {
		return nil, r.notify()
	}
	return &hookv1.NotifyResponse{}, nil
}

func (r raw) Stream(s grpc.BidiStreamingServer[hookv1.Batch, hookv1.Replies]) error {
	t := &session{clients: make(map[uint64]bool)}
	forget := func(refs []uint64) {
		for _, ref := range refs {
			delete(t.clients, ref)
		}
	}
	for {
		in, err := s.Recv()
		if err != nil {
			return err
		}
		for _, c := range in.GetClients() {
			t.clients[c.GetRef()] = true
		}
		if r.hasty {
			forget(in.GetGone())
		}
		out := new(hookv1.Replies)
		for _, q := range in.GetRequests() {
			t.asked++
			list := []*hookv1.Reply{t.reply(q)}
			if r.answer != nil {
				if list, err = r.answer(t, q); err != nil {
					return err
				}
			}
			out.Replies = append(out.Replies, list...)
		}
		if !r.loyal {
			forget(in.GetGone())
		}
		if r.mixed {
			for i, q := range in.GetRequests() {
				out.Replies[len(out.GetReplies())-1-i].Id = q.GetId()
			}
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}

// reply is what a plugin should answer.
func (t *session) reply(q *hookv1.Request) *hookv1.Reply {
	out := &hookv1.Reply{Id: q.GetId()}
	switch {
	case q.GetPoint() > hookv1.Point_POINT_EVENT:
		out.Error = "no such point"
	case q.GetClient() != 0 && !t.clients[q.GetClient()]:
		out.Error = "who is it?"
	}
	return out
}

// when answers as a plugin should, but for what is bad.
func when(is func(*session, *hookv1.Request) bool, bad func(*hookv1.Request, *hookv1.Reply) ([]*hookv1.Reply, error)) raw {
	return raw{answer: func(t *session, q *hookv1.Request) ([]*hookv1.Reply, error) {
		r := t.reply(q)
		if is(t, q) {
			return bad(q, r)
		}
		return []*hookv1.Reply{r}, nil
	}}
}

func always(*session, *hookv1.Request) bool { return true }

func silence(*hookv1.Request, *hookv1.Reply) ([]*hookv1.Reply, error) { return nil, nil }

func allowed(q *hookv1.Request, _ *hookv1.Reply) ([]*hookv1.Reply, error) {
	return []*hookv1.Reply{{Id: q.GetId()}}, nil
}

func giveUp(*hookv1.Request, *hookv1.Reply) ([]*hookv1.Reply, error) {
	return nil, status.Error(codes.Aborted, "I give up")
}

// enemies are plugins that do something otherwise than they should.
var enemies = map[string]func(){
	"dead":      func() { fmt.Fprintln(os.Stderr, "no such database"); os.Exit(7) },
	"talkative": func() { fmt.Println("Welcome!"); raw{}.serve() },
	"refuses":   func() { raw{configure: func(*hookv1.ConfigureRequest) string { return "no url" }}.serve() },
	"wishes": func() {
		raw{registrations: []*hookv1.Registration{{Point: hookv1.Point_POINT_PUBLISH, Subjects: [][]byte{[]byte("a..b")}}}}.serve()
	},
	"not well": func() {
		byHand(func(s *grpc.Server) {
			h := health.NewServer()
			h.SetServingStatus(plugin.GRPCServiceName, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
			grpc_health_v1.RegisterHealthServer(s, h)
		})
	},
	"TLS only": func() {
		if os.Getenv("PLUGIN_CLIENT_CERT") == "" {
			fmt.Fprintln(os.Stderr, "no certificate")
			os.Exit(1)
		}
		raw{}.serve()
	},
	"wrong verdict": func() {
		when(always, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			r.Verdict = hookv1.Verdict_VERDICT_DROP
			return []*hookv1.Reply{r}, nil
		}).serve()
	},
	"silent": func() { when(always, silence).serve() },
	"UTF-8 only": func() {
		when(func(_ *session, q *hookv1.Request) bool { return !utf8.Valid(q.GetSubject()) }, giveUp).serve()
	},
	"small messages only": func() {
		when(func(_ *session, q *hookv1.Request) bool { return len(q.GetPayload()) > 64<<10 }, giveUp).serve()
	},
	"twice": func() {
		when(func(_ *session, q *hookv1.Request) bool { return q.GetId()%2 == 0 }, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			return []*hookv1.Reply{r, r}, nil
		}).serve()
	},
	"other ids": func() {
		when(always, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			return []*hookv1.Reply{r, {Id: r.GetId() + 1<<40}}, nil
		}).serve()
	},
	"one a frame": func() {
		when(func(t *session, _ *hookv1.Request) bool { return t.asked > 3 }, silence).serve()
	},
	"all points": func() {
		when(func(_ *session, q *hookv1.Request) bool { return q.GetPoint() == unknownPoint }, allowed).serve()
	},
	"everybody": func() {
		when(func(t *session, q *hookv1.Request) bool { return !t.clients[q.GetClient()] }, allowed).serve()
	},
	"hasty": func() { raw{hasty: true}.serve() },
	"loyal": func() { raw{loyal: true}.serve() },
	"no patience": func() {
		when(func(_ *session, q *hookv1.Request) bool { return q.GetTimeoutMs() == 1 }, giveUp).serve()
	},
	"tires": func() {
		when(func(t *session, _ *hookv1.Request) bool { return t.asked > 1000 }, silence).serve()
	},
	"no events": func() {
		raw{notify: func() error { return status.Error(codes.Unimplemented, "no events") }}.serve()
	},
	"no state": func() { raw{handover: func() ([]byte, error) { return nil, errors.New("it is a mess") }}.serve() },
	"late": func() {
		when(always, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			<-time.After(400 * time.Millisecond) // twice as long as it is waited for
			return []*hookv1.Reply{r}, nil
		}).serve()
	},
	"mangles subjects": func() {
		r := when(always, func(q *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			r.Verdict, r.Subject = hookv1.Verdict_VERDICT_REPLACE, []byte("to."+strings.ToValidUTF8(string(q.GetSubject()), "\ufffd"))
			return []*hookv1.Reply{r}, nil
		})
		r.registrations = []*hookv1.Registration{{Point: hookv1.Point_POINT_REWRITE}}
		r.serve()
	},
	"mangles payloads": func() {
		r := payloads(func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("\ufffd")) })
		r.registrations = []*hookv1.Registration{{Point: hookv1.Point_POINT_INSPECT}}
		r.serve()
	},
	"cuts off": func() { payloads(func(b []byte) []byte { return b[:min(len(b), 64<<10)] }).serve() },
	"mixes up": func() { raw{mixed: true}.serve() },
	"drops one": func() {
		when(func(t *session, _ *hookv1.Request) bool { return t.asked == 1000 }, silence).serve()
	},
	"forgets": func() { counting(false).serve() },
	"loud when asked": func() {
		when(always, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			_, err := syscall.Write(1, []byte("asked\n"))
			return []*hookv1.Reply{r}, err
		}).serve()
	},
	"says goodbye": func() {
		raw{}.serve()
		_, _ = syscall.Write(1, []byte("bye\n"))
	},
	"strange state": func() {
		raw{handover: func() ([]byte, error) { return []byte("kept"), nil }, configure: func(in *hookv1.ConfigureRequest) string {
			if len(in.GetState()) > 0 {
				return "what is this?"
			}
			return ""
		}}.serve()
	},
	"fickle": func() { raw{}.serve() },
	"stays":  func() { raw{}.serve(); select {} },
	"loud": func() {
		raw{configure: func(*hookv1.ConfigureRequest) string { _, _ = syscall.Write(1, []byte("hello\n")); return "" }}.serve()
	},
	"has child": runaway,
}

// payloads is a plugin that puts another payload in the place of each.
func payloads(change func([]byte) []byte) raw {
	return when(func(_ *session, q *hookv1.Request) bool { return q.GetPoint() == hookv1.Point_POINT_INSPECT },
		func(q *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
			if r.GetError() == "" {
				r.Verdict, r.Message = hookv1.Verdict_VERDICT_REPLACE, &hookv1.Message{Payload: change(q.GetPayload())}
			}
			return []*hookv1.Reply{r}, nil
		})
}

// counting is a plugin that hands over how often it was asked, and goes on from what it
// is given, or does not.
func counting(on bool) raw {
	var n atomic.Int64
	n.Store(10)
	r := when(always, func(_ *hookv1.Request, r *hookv1.Reply) ([]*hookv1.Reply, error) {
		n.Add(1)
		return []*hookv1.Reply{r}, nil
	})
	r.handover = func() ([]byte, error) { return strconv.AppendInt(nil, n.Load(), 10), nil }
	r.configure = func(in *hookv1.ConfigureRequest) string {
		if v, err := strconv.ParseInt(string(in.GetState()), 10, 64); err == nil && on {
			n.Store(v)
		}
		return ""
	}
	return r
}

// byHand serves without go-plugin, TLS, and whatever is not registered.
func byHand(register func(*grpc.Server)) {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer()
	hookv1.RegisterHookServer(s, raw{})
	register(s)
	fmt.Printf("1|%d|unix|%s|grpc|\n", api.Version, path)
	_ = s.Serve(l)
}

// runaway starts a process that leaves its group, and lasts.
func runaway() {
	raw{configure: func(*hookv1.ConfigureRequest) string {
		child := exec.Command("sleep", "1000")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err.Error()
		}
		return ""
	}}.serve()
}
