package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"moonwire/server/config"
)

// defaultTimeout is how long a look-up may take.
const defaultTimeout = 2 * time.Second

// resolver is where JWTs of accounts come from. Keys that it is given are valid
// public keys of accounts.
type resolver interface {
	// fetch returns the JWT of an account; the error wraps ErrNoAccount if there
	// is none.
	fetch(ctx context.Context, key string) (string, error)
	// store keeps a JWT for fetch. The error wraps errors.ErrUnsupported where
	// that cannot be.
	store(key, text string) error
	// watch calls changed with the key of each account whose JWT may have
	// changed, "" for any, until ctx is done.
	watch(ctx context.Context, changed func(key string))
}

// The types of resolvers.
const (
	kindMemory = "memory"
	kindURL    = "url"
	kindFull   = "full"
	kindCache  = "cache"
)

// resolverOf returns the resolver of o, with defaults. The operator may name a
// server to ask; one that speaks NATS is for those who push accounts there.
func resolverOf(o *config.Options, server string) *config.Resolver {
	r := o.Resolver
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	if r.Type == "" && strings.HasPrefix(server, "http") {
		r.Type, r.URL = kindURL, server+"/accounts"
	}
	return &r
}

// newResolver opens a resolver. A directory is one too, and is returned as what it
// is besides; it is nil for the others.
func (a *Authenticator) newResolver(r *config.Resolver) (resolver, *dir, error) {
	switch r.Type {
	case kindMemory:
		return &memory{texts: make(map[string]string)}, nil, nil
	case kindURL:
		w, err := newURL(r)
		return w, nil, err
	case kindFull, kindCache:
		d, err := newDir(r, a.uses, func(err error) { a.log.Warn("resolver has a problem", zap.Error(err)) })
		return d, d, err
	case "":
		return nil, nil, errors.New(`resolver: none is set; operator mode needs one: MEMORY with resolver_preload, URL(…), or a directory`)
	}
	return nil, nil, fmt.Errorf("resolver: type %q is not known; it is memory, url, full or cache", r.Type)
}

// memory is the resolver that knows what it was told.
type memory struct {
	mu    sync.Mutex
	texts map[string]string
}

func (m *memory) fetch(_ context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.texts[key]
	if !ok {
		return "", fmt.Errorf("%w in resolver_preload", ErrNoAccount)
	}
	return text, nil
}

func (m *memory) store(key, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.texts[key] = text
	return nil
}

func (m *memory) watch(context.Context, func(string)) {}
