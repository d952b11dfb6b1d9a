// Package api is what the broker and plugins in Go have to agree on besides the
// protocol itself, which is in v1.
package api

// How the broker and a plugin recognise each other; see v1/hook.proto.
const (
	// CookieKey and CookieValue are a variable of the environment that says that a
	// program was started as a plugin. It is no secret.
	CookieKey   = "MOONWIRE_HOOK"
	CookieValue = "c0f6d4e0-hook"
	// AttachKey is a variable of the environment with the path of the Unix socket
	// that a program serves at which no broker has started, by the SDK for Go; see
	// plugins.Options.Attach.
	AttachKey = "MOONWIRE_ATTACH"
	// Version is that of the protocol, in go-plugin's handshake.
	Version = 1
	// Service is the name by which go-plugin knows the one thing that is served.
	Service = "hook"
)

// How the connection between broker and plugin is laid out, at both ends in Go.
const (
	// StreamWindow is how many bytes may be under way one way before the other end
	// has to take some: as many as all frames of a window, so that nobody waits
	// for that.
	StreamWindow = 4 << 20
	// IOBuffer is how many bytes are read and written at a time: about a frame.
	IOBuffer = 128 << 10
)
