package account

import (
	"sync"
	"sync/atomic"

	"moonwire/hooks"
	"moonwire/server/config"
	"moonwire/server/interest"
	"moonwire/server/subject"
)

const (
	// Global is the name of the account of everybody who was not given another.
	Global = "$G"
	// System is the name of the account for the server's own messages, where
	// the options name no other.
	System = "$SYS"
)

// Account is one isolated space of subjects. A [Set] makes it, or [New].
type Account struct {
	Name     string          // immutable
	Index    *interest.Index // immutable; subscriptions of connections go through Subscribe
	IsSystem bool            // immutable
	// Limits of the account's connections; never nil.
	Limits atomic.Pointer[config.AccountLimits]
	// Config is what the account was made of; never nil. It is not to be changed.
	Config atomic.Pointer[config.Account]
	// Mappings of what is published in the account; nil where there are none.
	Mappings atomic.Pointer[subject.Mappings]
	// Hooks is what is loaded for the account: nil when nothing is.
	Hooks atomic.Pointer[hooks.Table]
	// Traffic of the account's clients.
	Traffic Traffic
	// Clients is how many connections are bound to the account.
	Clients atomic.Int64

	order    int                        // of locking, when indexes are locked together; immutable
	streams  atomic.Pointer[[]*stream]  // imported; nil for none
	services atomic.Pointer[[]*service] // imported; nil for none

	mu struct {
		sync.Mutex
		shadows map[*interest.Sub][]cast // of the subscriptions here, in other accounts
	}
}

// New returns an account with nobody in it, no limits and no imports.
func New(name string) *Account {
	a := &Account{Name: name, Index: interest.New()}
	a.Limits.Store(new(config.AccountLimits))
	a.Config.Store(&config.Account{Name: name})
	return a
}

// Enter binds one more connection to the account, and reports whether it has
// room for it.
func (a *Account) Enter() bool {
	most := int64(a.Limits.Load().MaxConnections)
	if n := a.Clients.Add(1); most > 0 && n > most {
		a.Clients.Add(-1)
		return false
	}
	return true
}

// Leave takes back an Enter.
func (a *Account) Leave() { a.Clients.Add(-1) }

// Sweep lets go of what nothing uses any more: results in the index, and answers
// that were due long ago. Call it now and then.
func (a *Account) Sweep() {
	a.Index.Sweep()
	if services := a.services.Load(); services != nil {
		for _, s := range *services {
			s.sweep()
		}
	}
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
