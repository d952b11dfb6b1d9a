package server_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"moonwire/server/servertest"
)

// TestClaimsAsked: an account that a directory does not have is asked for in the
// system account; what is answered is checked, and kept.
func TestClaimsAsked(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"full", "cache"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			dir := t.TempDir()
			r.sys.store(dir)
			b := servertest.Start(t, r.operator()+fmt.Sprintf("resolver { type: %s, dir: %q }\n", kind, dir))
			known, empty, forged, unasked := r.account("known"), r.account("empty"), r.account("forged"), r.account("unasked")
			other := newRealm(t)
			foreign := &tenant{key: forged.key, r: other, claims: forged.claims}
			texts := map[string]string{known.pub: known.text(), forged.pub: foreign.text()}
			refused := func(a *tenant) {
				t.Helper()
				if _, err := open(t, b.ClientURL(), a.member(nil)); !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("%s: %v", a.claims.Name, err)
				}
			}
			refused(unasked) // at once: nobody listens
			admin := r.admin(b.ClientURL())
			var asked []string
			_, err := admin.Subscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", func(m *nats.Msg) {
				key := strings.Split(m.Subject, ".")[3]
				asked = append(asked, key)
				_ = m.Respond([]byte(texts[key]))
				_ = m.Respond([]byte("too late"))
			})
			must(t, err)
			must(t, admin.FlushTimeout(patience))
			for range 2 {
				_, err = open(t, b.ClientURL(), known.member(nil))
				must(t, err)
			}
			refused(empty)
			refused(forged)
			must(t, admin.Drain())
			eventually(t, func() string {
				if !admin.IsClosed() {
					return "the answers are not over"
				}
				return ""
			})
			equal(t, "asked for", []string{known.pub, empty.pub, forged.pub}, asked)
			got, err := os.ReadFile(filepath.Join(dir, known.pub+".jwt"))
			must(t, err)
			equal(t, "kept", texts[known.pub], string(got))
			if _, err := os.Stat(filepath.Join(dir, forged.pub+".jwt")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was forged is kept: %v", err)
			}
		})
	}
}

// TestClaimsSlowExporter: who waits for the exporter of an exporter holds up nobody
// else.
func TestClaimsSlowExporter(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	shop, friend, other := r.account("shop"), r.account("friend"), r.account("other")
	importing := func(from string) *jwt.Import {
		return &jwt.Import{Account: from, Subject: "e", Type: jwt.Stream}
	}
	nowhere := newKey(t, nkeys.CreateAccount).pub
	shop.claims.Imports.Add(importing(nowhere))
	shop.claims.Exports.Add(&jwt.Export{Name: "e", Subject: "e", Type: jwt.Stream})
	friend.claims.Imports.Add(importing(shop.pub))
	r.conf = "authorization { timeout: 60 }\n"
	b := servertest.Start(t, r.as("full", "timeout: 50s"))
	admin := r.admin(b.ClientURL())
	questions := make(chan *nats.Msg, 8)
	_, err := admin.ChanSubscribe("$SYS.REQ.ACCOUNT."+nowhere+".CLAIMS.LOOKUP", questions)
	must(t, err)
	must(t, admin.FlushTimeout(patience))
	done := make(chan error, 1)
	go func() {
		nc, err := nats.Connect(b.ClientURL(), friend.member(nil), nats.Timeout(patience))
		if err == nil {
			nc.Close()
		}
		done <- err
	}()
	question := <-questions
	nc, err := open(t, b.ClientURL(), other.member(nil))
	must(t, err)
	must(t, nc.FlushTimeout(patience))
	must(t, question.Respond(nil))
	must(t, <-done)
}

// TestClaimsShutdown: a server that stops does not wait for an answer.
func TestClaimsShutdown(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	b := servertest.Start(t, r.as("full", "timeout: 50s"))
	admin := r.admin(b.ClientURL())
	questions := make(chan *nats.Msg, 8)
	_, err := admin.ChanSubscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", questions)
	must(t, err)
	must(t, admin.FlushTimeout(patience))
	stranger := r.account("stranger").member(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if nc, err := nats.Connect(b.ClientURL(), stranger); err == nil {
			nc.Close()
			t.Error("a stranger was let in")
		}
	}()
	<-questions
	begin := time.Now()
	b.Shutdown()
	if took := time.Since(begin); took > patience {
		t.Errorf("it took %v", took)
	}
	<-done
}
