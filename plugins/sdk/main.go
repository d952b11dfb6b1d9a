package sdk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// Main serves a plugin to the broker that has started the program. It returns when
// the broker ends it, which gives the program a second for what is left to do, and when
// the broker has died, which gives it five. Methods may still be at work then,
// whose context has ended. A program that was started by hand is told what it is, and
// ends with status 1, as does one whose registrations or methods are wrong.
//
// Main takes SIGINT and SIGTERM away from the program: they are for the broker, also
// where a service manager or a terminal sends them to all processes, and the broker
// still has messages to ask about before it ends.
//
// With MOONWIRE_ATTACH=path in the environment the program is started by hand, in a
// debugger for instance, and serves a Unix socket at the path to a broker whose
// configuration has the same path as `attach` of the hook. Then Main returns at an
// interrupt. Configure is called each time that the broker attaches.
//
// Started by the broker, the program uses half of the processors at a time, as the
// broker needs the others to ask it anything; GOMAXPROCS in the hook's `env` says
// otherwise.
func Main(p any, registrations ...Registration) {
	s, err := newService(p, registrations...)
	if path := os.Getenv(api.AttachKey); err == nil && path != "" && os.Getenv(api.CookieKey) == "" {
		if err = serveAt(path, s); err == nil {
			return
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		// With all of two each question costs both sides up to a fifth more
		// (docs/bench/hooks.md, DoAllProcessors): who looks for work disturbs who has some.
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	s.called = func() {
		// From now on a write to the log of a broker that has died is an error, and not the
		// end. Before, a handshake that nobody reads has to be: who was orphaned before Main
		// began sees no other parent.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	serving := make(chan *grpc.Server, 1)
	go watchParent(os.Getppid(), serving)
	started := false
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: api.CookieKey, MagicCookieValue: api.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{api.Version: {api.Service: served{service: s}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			g := grpc.NewServer(append(o, serverOptions()...)...)
			started = true
			serving <- g
			return g
		},
		// Go-plugin's other lines say nothing to an operator.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
	if !started { // it has said why
		os.Exit(1)
	}
}

// serverOptions are those of a server of plugins. What frames may have the broker
// bounds.
func serverOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.ForceServerCodecV2(frame.Codec{}),
		grpc.InitialWindowSize(api.StreamWindow), grpc.InitialConnWindowSize(api.StreamWindow),
		grpc.ReadBufferSize(api.IOBuffer), grpc.WriteBufferSize(api.IOBuffer),
	}
}

// afterDeath is how long a program may go on whose broker has died.
const afterDeath = 5 * time.Second

// watchParent ends the server when the broker has died without a word: it would serve
// nobody for ever.
func watchParent(broker int, serving <-chan *grpc.Server) {
	g := <-serving
	for range time.Tick(time.Second) {
		if os.Getppid() != broker {
			time.AfterFunc(afterDeath, func() { os.Exit(1) })
			g.Stop()
			return
		}
	}
}

// served is a service as go-plugin wants it.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	service *service
}

// GRPCServer implements plugin.GRPCPlugin.
func (p served) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	hookv1.RegisterHookServer(s, p.service)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin; a plugin calls nobody.
func (served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is not the broker")
}
