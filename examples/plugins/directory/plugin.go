package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"

	"moonwire/examples/plugins/internal/setting"
	"moonwire/plugins/sdk"
)

// The tags of a session: with which credential it was opened, and by which revision of
// the store it got its permissions.
const (
	credentialTag = "directory.credential"
	revisionTag   = "directory.revision"
)

// settings are the `config` of the hook.
type settings struct {
	Store   string `json:"store"`   // path, seen from the folder of the program
	Account string `json:"account"` // of all users; "" is the broker's global one
	Every   string `json:"every"`   // how often the store is looked at; "1s" by default
}

// directory is the plugin.
type directory struct {
	store   string        // immutable after Configure
	account string        // likewise
	broker  *sdk.Broker   // likewise
	checks  chan struct{} // one for each password that is compared: they take all of a CPU

	now  atomic.Pointer[snapshot]
	mu   sync.Mutex // one refresh at a time
	end  chan struct{}
	done sync.WaitGroup
}

func newDirectory() *directory {
	return &directory{checks: make(chan struct{}, runtime.NumCPU()), end: make(chan struct{})}
}

// Version implements sdk.Versioned.
func (*directory) Version() string { return "1.0.0" }

// Configure implements sdk.Configurer. The error has all problems at once.
func (d *directory) Configure(_ context.Context, c *sdk.Config) error {
	s := settings{Store: "directory.db", Every: "1s"}
	if err := c.Decode(&s); err != nil {
		return err
	}
	every, wrong := setting.Duration("every", s.Every)
	store, err := setting.Beside(s.Store)
	if err != nil {
		return err
	}
	now, err := read(store, nil)
	if err := errors.Join(wrong, err); err != nil {
		return err
	}
	d.store, d.account, d.broker = store, s.Account, c.Broker
	d.now.Store(now)
	if c.Restarted || len(c.State) > 0 && string(c.State) != now.revision {
		d.enforce(nil, now) // the store may have changed while nobody looked
	}
	d.done.Go(func() { d.watch(every) })
	return nil
}

// State implements sdk.Stateful: as of when the sessions are what they should be.
func (d *directory) State(context.Context) ([]byte, error) {
	return []byte(d.now.Load().revision), nil
}

// Connect implements sdk.Connecter.
func (d *directory) Connect(ctx context.Context, r *sdk.Connect) sdk.Decision {
	if r.User == "" {
		return sdk.Pass() // it comes with something else than a password
	}
	select {
	case d.checks <- struct{}{}:
		defer func() { <-d.checks }()
	case <-ctx.Done():
		return sdk.Fail(fmt.Errorf("too many clients want to come in: %w", ctx.Err()))
	}
	before := d.now.Load()
	hash, asked := before.decoy, before.users[r.User]
	if asked != nil {
		hash = asked.Hash
	}
	right := bcrypt.CompareHashAndPassword(hash, []byte(r.Password)) == nil

	now := d.now.Load() // that took a while
	u := now.users[r.User]
	switch {
	case asked == nil:
		return sdk.Deny(fmt.Sprintf("there is no user %q", r.User))
	case !right:
		return sdk.Deny(fmt.Sprintf("user %q: wrong password", r.User))
	case u == nil || u.Credential != asked.Credential:
		return sdk.Deny(fmt.Sprintf("user %q: the password was revoked a moment ago", r.User))
	}
	return sdk.AllowAs(sdk.Identity{
		User: r.User, Account: d.account, Permissions: now.permissions(u),
		Tags: map[string]string{credentialTag: u.Credential, revisionTag: now.revision},
	})
}
