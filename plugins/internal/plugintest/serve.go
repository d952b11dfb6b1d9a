package plugintest

import (
	"context"
	"errors"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that codec falls back on
	"google.golang.org/grpc/mem"

	"moonwire/plugins/api"
	hookv1 "moonwire/plugins/api/v1"
)

// Serve serves a plugin to the broker that has started the program, until that ends
// it. A message that is [Garbage] is sent as it is.
func Serve(hook hookv1.HookServer) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: api.CookieKey, MagicCookieValue: api.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{api.Version: {api.Service: served{hook: hook}}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.ForceServerCodecV2(codec{}))...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// served is a plugin as go-plugin wants it.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	hook hookv1.HookServer
}

// GRPCServer implements plugin.GRPCPlugin.
func (p served) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	hookv1.RegisterHookServer(s, p.hook)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin; a plugin calls nobody.
func (served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is not the broker")
}

// Garbage is bytes that need not be a message.
type Garbage string

// codec is gRPC's codec for protobuf, but for garbage.
type codec struct{}

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if g, ok := v.(Garbage); ok {
		return mem.BufferSlice{mem.SliceBuffer(g)}, nil
	}
	return encoding.GetCodecV2("proto").Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}
