package account

import (
	"sync/atomic"

	"moonwire/hooks"
	"moonwire/server/interest"
)

// Global is the name of the account of everybody who was not given another.
const Global = "$G"

// Account is one isolated space of subjects. Make it with [New].
type Account struct {
	Name  string          // immutable
	Index *interest.Index // immutable
	// Hooks is what is loaded for the account: nil when nothing is.
	Hooks atomic.Pointer[hooks.Table]
	// Traffic of the account's clients.
	Traffic Traffic
	// Clients is how many connections are bound to the account.
	Clients atomic.Int64
}

// New returns an account with nobody in it.
func New(name string) *Account {
	return &Account{Name: name, Index: interest.New()}
}

// Traffic counts messages, and the bytes of their headers and payloads: In is
// what the server received, Out what it delivered. Add to it for a batch, not
// for a message. The zero value is ready to use.
type Traffic struct {
	InMsgs, InBytes, OutMsgs, OutBytes atomic.Int64
}

// In adds what a batch received.
func (t *Traffic) In(msgs, bytes int) {
	t.InMsgs.Add(int64(msgs))
	t.InBytes.Add(int64(bytes))
}

// Out adds what a batch delivered.
func (t *Traffic) Out(msgs, bytes int) {
	t.OutMsgs.Add(int64(msgs))
	t.OutBytes.Add(int64(bytes))
}
