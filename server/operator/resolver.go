package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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
	// remove forgets one; so does its error.
	remove(key string) error
	// list returns the keys of what is stored, in order; so does its error.
	list() ([]string, error)
	// watch calls changed with the key of each account whose JWT may have
	// changed, "" for any, until ctx is done.
	watch(ctx context.Context, changed func(key string))
}

// newResolver opens the resolver of o. The operator may name a server to ask; one
// that speaks NATS is for those who push accounts there.
func newResolver(o *config.Options, server string, warn func(error)) (resolver, error) {
	r := o.Resolver
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	if r.Type == "" && strings.HasPrefix(server, "http") {
		r.Type, r.URL = "url", server+"/accounts"
	}
	switch r.Type {
	case "memory":
		return &memory{texts: make(map[string]string)}, nil
	case "url":
		return newURL(&r)
	case "full", "cache":
		return newDir(&r, warn)
	case "":
		return nil, errors.New(`resolver: none is set; operator mode needs one: MEMORY with resolver_preload, URL(…), or a directory`)
	}
	return nil, fmt.Errorf("resolver: type %q is not known; it is memory, url, full or cache", r.Type)
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

func (m *memory) remove(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.texts, key)
	return nil
}

func (m *memory) list() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.texts)), nil
}

func (m *memory) watch(context.Context, func(string)) {}
