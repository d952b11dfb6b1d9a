package conn_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
)

// on is a rule for some subjects, or all.
func on(p hooks.Point, say func(*hooks.Call), subjects ...string) hooktest.Rule {
	return hooktest.On(p, say, subjects...)
}

// rules returns a hook named "p" of some rules.
func rules(list ...hooktest.Rule) hooks.Hook { return hooktest.Hook("p", hooktest.New(list...)) }

// load gives the account of h hooks, until the test ends.
func (h *host) load(t testing.TB, list ...hooks.Hook) {
	t.Helper()
	set, err := hooks.Compile(list, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.account.Hooks.Store(set.Table(h.account.Name))
	t.Cleanup(func() {
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// notes is a list that the read loop writes and the test reads.
type notes[T any] struct {
	mu  sync.Mutex
	all []T
}

func (n *notes[T]) add(v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, v)
}

func (n *notes[T]) get() []T {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// The answers of hooks.

func deny(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "no\nway"} }
func drop(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Drop, Reason: "away"} }
func pass(*hooks.Call)   {}

func to(subject string) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Replace, Subject: []byte(subject)} }
}

func message(header, payload []byte) func(*hooks.Call) {
	return func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Replace, Header: header, Payload: payload} }
}

// under moves a message below a token.
func under(token string) func(*hooks.Call) {
	return func(c *hooks.Call) {
		c.Out = hooks.Result{Verdict: hooks.Replace, Subject: append([]byte(token+"."), c.Subject...)}
	}
}

func fail(c *hooks.Call) { c.Err = io.ErrUnexpectedEOF }

const block = "NATS/1.0\r\nA: b\r\n\r\n"

func named(name string, h hooks.Hook) hooks.Hook {
	h.Name = name
	return h
}

func shadow(h hooks.Hook) hooks.Hook {
	h.Mode = hooks.Shadow
	return h
}

// read returns the next n bytes, or what there is before the end.
func (p *peer) read(n int) string {
	p.t.Helper()
	_ = p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, n)
	got, err := io.ReadFull(p.r, b)
	if err != nil {
		p.t.Errorf("reading %d bytes: %v", n, err)
	}
	return string(b[:got])
}
