package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// process is one running program, or the connection to one that somebody else has
// started.
type process struct {
	conn   *grpc.ClientConn
	hook   hookv1.HookClient
	health grpc_health_v1.HealthClient
	log    *sink
	kill   sync.Once

	// Of a program that was started here.
	client  *plugin.Client
	program *program
	dir     string      // of its socket
	spoke   atomic.Bool // it has written to its standard output what it should not

	socket net.Conn // of one that was not; else nil
}

// use has the process called by a connection.
func (p *process) use(conn *grpc.ClientConn) {
	p.conn, p.hook, p.health = conn, hookv1.NewHookClient(conn), grpc_health_v1.NewHealthClient(conn)
}

// attached reports whether somebody else has started the process.
func (p *process) attached() bool { return p.socket != nil }

// pid returns the process ID, or 0 if it is not known.
func (p *process) pid() int {
	if p.attached() {
		return 0
	}
	return p.program.pid()
}

// exit says how the process has ended, if that can be known, for which it waits at
// most d.
func (p *process) exit(d time.Duration) (how string, known bool) {
	if p.attached() {
		return "", false
	}
	return p.program.exit(d)
}

// mostAnswer is how many bytes an answer may have where nothing else is said, for
// which go-plugin has no bound.
const mostAnswer = 4 << 20

// dialOptions are those of a connection to a process.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostAnswer)), grpc.WithStreamInterceptor(leaveOut),
		grpc.WithInitialWindowSize(api.StreamWindow), grpc.WithInitialConnWindowSize(api.StreamWindow),
		grpc.WithReadBufferSize(api.IOBuffer), grpc.WithWriteBufferSize(api.IOBuffer),
	}
}

// leaveOut is an interceptor that leaves out go-plugin's broker of further
// connections. Nobody here uses it, and a plugin could fill the memory by it.
func leaveOut(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	if strings.HasPrefix(method, "/plugin.GRPCBroker/") {
		return nil, status.Error(codes.Unimplemented, "nobody uses it")
	}
	return open(ctx, desc, conn, method, o...)
}

// inherited are the variables of the broker's environment that a plugin gets:
// what programs need to find others, and nothing that could hold a secret.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG", "TZ"}

// environment is that of the program.
func (o *Options) environment() []string {
	var env []string
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			if _, set := o.Env[name]; !set {
				env = append(env, name+"="+v)
			}
		}
	}
	for name, v := range o.Env {
		env = append(env, name+"="+v)
	}
	slices.Sort(env)
	return env
}

// connection is what go-plugin makes of a process: its connection.
type connection struct {
	plugin.NetRPCUnsupportedPlugin
}

// GRPCServer implements plugin.GRPCPlugin; the broker serves nothing.
func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the broker is not a plugin")
}

// GRPCClient implements plugin.GRPCPlugin.
func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// mostDir is how long the name of a socket's directory may be: of the 104 bytes that
// every system lets a socket have, SDKs use some for its own.
const mostDir = 80

// start runs the program, and returns when it can be called. The error says
// what it did instead.
func start(ctx context.Context, o *Options) (_ *process, err error) {
	if o.SHA256 != "" {
		// Here, as go-plugin would look at another path than the runner's.
		if sum, err := o.sum(); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("starting %s: there is no such file", o.Command)
		} else if err != nil {
			return nil, fmt.Errorf("starting %s: its SHA-256 cannot be compared: %w", o.Command, err)
		} else if !strings.EqualFold(sum, o.SHA256) {
			return nil, fmt.Errorf("starting %s: its SHA-256 is %s and not %s: it is not the file that was meant", o.Command, sum, o.SHA256)
		}
	}
	// Unix sockets have short names, so the directory is where it is short.
	dir, err := os.MkdirTemp("", "moonwire-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for its socket: %w", err)
	}
	if len(dir) > mostDir {
		_ = os.Remove(dir)
		return nil, fmt.Errorf("starting %s: a socket in %s would have too long a name: set TMPDIR of the broker to a shorter folder", o.Command, dir)
	}
	log := newSink(o.Log)
	p := &process{dir: dir, log: log}
	p.program = newProgram(o, &lines{to: log}, func() {
		p.spoke.Store(true)
		o.Log.Warn("the plugin writes to its standard output, which belongs to the handshake: it is dropped; the standard error goes to this log")
	})
	p.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: api.CookieKey, MagicCookieValue: api.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{api.Version: {api.Service: connection{}}},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, dir string) (runner.Runner, error) {
			p.program.dir, p.program.cmd.Env = dir, append(o.environment(), spec.Env...)
			return p.program, nil
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         !o.NoMTLS,
		SkipHostEnv:      true,
		StartTimeout:     o.StartTimeout,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		GRPCDialOptions:  dialOptions(),
		Logger:           hclog.NewNullLogger(), // what it has to say, the broker says in its own words
		// A Go program's os.Stdout and os.Stderr, by the way of gRPC.
		SyncStdout: &lines{to: log}, SyncStderr: &lines{to: log},
	})
	stop := context.AfterFunc(ctx, func() { p.stop(expired()) })
	defer func() {
		if !stop() {
			err = ctx.Err() // whatever came of it
		}
		if err != nil {
			p.stop(expired())
			err = p.startError(o, err)
		}
	}()
	protocol, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(api.Service)
	if err != nil {
		return nil, err
	}
	p.use(raw.(*grpc.ClientConn))
	return p, nil
}

// startError says in one line why a program did not start. The program has been
// stopped.
func (p *process) startError(o *Options, err error) error {
	text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	how := "starting " + o.Command + ": "
	said, unknown := strings.CutPrefix(text, "Unrecognized remote plugin message:")
	wrong, _ := errors.AsType[handshakeError](err)
	switch {
	case errors.Is(err, os.ErrNotExist) && o.there():
		how += "the file is there, but not what it needs to run: look at its first line, if it is a script, or for the system that it was built for"
	case errors.Is(err, os.ErrNotExist):
		how += "there is no such file"
	case errors.Is(err, os.ErrPermission):
		how += "it cannot be executed: " + text
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(text, "timeout while waiting"):
		how += "it does not serve in time: a plugin prints its handshake as soon as it can be called"
	case errors.Is(err, context.Canceled):
		how += "it was stopped"
	case wrong != "":
		how += wrong.Error()
	case unknown && strings.TrimSpace(said) == "", strings.Contains(text, "exited before we could connect"):
		exit, _ := p.program.exit(grace)
		how += "it ended before its handshake: " + exit
	case unknown:
		how += fmt.Sprintf("its first line is %q and not the handshake: a plugin writes nothing else to its standard output, and serves by an SDK or as hook.proto says", brief(strings.TrimSpace(said)))
	case strings.Contains(text, "incompatible API version"):
		how += fmt.Sprintf("it does not speak version %d of the protocol: build it with an SDK of this broker's version", api.Version)
	default:
		how += brief(text)
	}
	if words := p.log.words(); words != "" {
		how += fmt.Sprintf("; its last words are %q", words)
	}
	return errors.New(how)
}

// configure gives a process its settings.
func (p *process) configure(ctx context.Context, o *Options, state []byte, restarted bool) (*hookv1.ConfigureResponse, error) {
	config := []byte("{}")
	if o.Config != nil {
		var err error
		if config, err = json.Marshal(o.Config); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
	}
	r, err := p.hook.Configure(ctx, &hookv1.ConfigureRequest{
		Hook: o.Name, ServerName: o.ServerName, ServerVersion: o.ServerVersion,
		Config: config, State: state, Restarted: restarted,
	})
	if err != nil {
		return nil, p.configureError(o, err)
	}
	if r.GetError() != "" {
		return nil, fmt.Errorf("the plugin refuses its configuration: %s", brief(r.GetError()))
	}
	return r, nil
}

// configureError says in one line why a process could not be configured.
func (p *process) configureError(o *Options, err error) error {
	text, code := brief(status.Convert(err).Message()), status.Code(err)
	switch code {
	case codes.Unimplemented:
		return errors.New("it does not serve moonwire.hook.v1.Hook: a plugin is made with an SDK, or as hook.proto says")
	case codes.DeadlineExceeded:
		return errors.New("it does not answer Configure in time")
	}
	if exit, ended := p.exit(pipeDelay); ended { // which may look like anything
		text = "it ended: " + exit
	} else if !o.NoMTLS && strings.Contains(text, "handshake failed") {
		return fmt.Errorf("it does not speak the mutual TLS that PLUGIN_CLIENT_CERT asks for: have it do so, or set mtls to false (%s)", text)
	}
	if words := p.log.words(); words != "" {
		text += fmt.Sprintf("; its last words are %q", words)
	}
	return fmt.Errorf("configuring it: %s", text)
}

// well returns why a process does not serve, or nil.
func (p *process) well(ctx context.Context) error {
	r, err := p.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return err
	}
	if r.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("its health is %s", r.GetStatus())
	}
	return nil
}

// grace is how long a process may take to end by itself.
const grace = time.Second

// stop ends the process: it is asked to, and killed when ctx ends, with all that
// it has started. One that somebody else has started is left alone.
func (p *process) stop(ctx context.Context) {
	p.kill.Do(func() {
		if p.attached() {
			_ = p.conn.Close()
			_ = p.socket.Close() // which conn does not know of yet, if nobody has called
			return
		}
		asked := make(chan struct{})
		go func() {
			p.client.Kill()
			close(asked)
		}()
		select {
		case <-asked:
		case <-ctx.Done():
			_ = p.program.Kill(ctx)
			<-asked // it has nothing to wait for any more
		}
		_ = os.RemoveAll(p.dir)
	})
}

// expired is a context that has ended.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// there reports whether the program's file is there.
func (o *Options) there() bool {
	_, err := exec.LookPath(o.Command)
	return err == nil
}

// sum returns the SHA-256 of the program's file.
func (o *Options) sum() (string, error) {
	path, err := exec.LookPath(o.Command)
	if err != nil {
		return "", err
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
