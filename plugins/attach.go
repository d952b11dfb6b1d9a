package plugins

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// attach connects to a plugin that somebody else has started, to look for mistakes
// in it. There is one connection, as there is one process of a program: when it is
// lost the process is, and it is for the supervisor to attach to the next one.
func attach(ctx context.Context, o *Options) (*process, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", o.Attach)
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: nobody serves there: start the plugin first (%w)", o.Attach, err)
	}
	var taken atomic.Bool
	conn, err := grpc.NewClient("passthrough:plugin", append(dialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if taken.Swap(true) {
				return nil, errors.New("the connection is lost")
			}
			return c, nil
		}))...)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("attaching to %s: %w", o.Attach, err)
	}
	p := &process{log: newSink(o.Log), socket: c}
	p.use(conn)
	return p, nil
}
