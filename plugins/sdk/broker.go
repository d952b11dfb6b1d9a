package sdk

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// Broker is what a plugin may ask the broker to do by itself. Its methods do not
// wait; what the broker refuses stands in its log.
type Broker struct {
	waiting atomic.Bool   // there are commands
	wake    chan struct{} // likewise; has room for one

	mu       sync.Mutex
	commands []*hookv1.Command
}

func newBroker() *Broker { return &Broker{wake: make(chan struct{}, 1)} }

// Selector says which connections are meant: those of which all that is set is
// true. With nothing set the broker refuses it.
type Selector struct {
	ID            uint64
	User, Account string
	Tags          map[string]string
}

func (s Selector) proto() *hookv1.Selector {
	return &hookv1.Selector{Id: s.ID, User: s.User, Account: s.Account, Tags: s.Tags}
}

// Disconnect ends connections. The reason is for the broker's log.
func (b *Broker) Disconnect(of Selector, reason string) {
	b.send(&hookv1.Command{Command: &hookv1.Command_Disconnect{
		Disconnect: &hookv1.Disconnect{Of: of.proto(), Reason: api.Valid(reason)},
	}})
}

// SetPermissions replaces what connections may do; open subscriptions that are no
// longer allowed end. Nil allows everything.
func (b *Broker) SetPermissions(of Selector, p *Permissions) {
	b.send(&hookv1.Command{Command: &hookv1.Command_SetPermissions{
		SetPermissions: &hookv1.SetPermissions{Of: of.proto(), Permissions: p.proto()},
	}})
}

// Invalidate has the broker forget all answers of the plugin that it has kept.
func (b *Broker) Invalidate() {
	b.send(&hookv1.Command{Command: &hookv1.Command_Invalidate{Invalidate: &hookv1.Invalidate{}}})
}

func (b *Broker) send(c *hookv1.Command) {
	b.mu.Lock()
	b.commands = append(b.commands, c)
	b.waiting.Store(true)
	b.mu.Unlock()
	b.nudge()
}

// nudge has a session look whether there are commands.
func (b *Broker) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take appends what is to be sent to a frame of replies, as far as the frame bears
// it. Whoever cannot send the frame gives back what was taken.
func (b *Broker) take(data []byte) (_ []byte, taken []*hookv1.Command) {
	if !b.waiting.Load() {
		return data, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for ; n < len(b.commands) && (n == 0 || len(data) < mostFrame); n++ {
		encoded, err := proto.Marshal(b.commands[n])
		if err != nil { // a string is not UTF-8
			fmt.Fprintln(os.Stderr, "a command to the broker is not sent:", err)
			continue
		}
		data = frame.AppendBytes(data, frame.RepliesCommands, encoded)
	}
	taken, b.commands = b.commands[:n:n], b.commands[n:]
	b.waiting.Store(len(b.commands) > 0)
	return data, taken
}

// giveBack has commands sent by the next stream, before others.
func (b *Broker) giveBack(list []*hookv1.Command) {
	if len(list) == 0 {
		return
	}
	b.mu.Lock()
	b.commands = append(list, b.commands...)
	b.waiting.Store(true)
	b.mu.Unlock()
	b.nudge()
}
