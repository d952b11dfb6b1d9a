package account

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"moonwire/server/config"
	"moonwire/server/interest"
	"moonwire/server/reuse"
	"moonwire/server/subject"
	"moonwire/server/wire"
)

// service is a service import: requests that are published in one account and
// answered in another. It subscribes in the first, and relays.
type service struct {
	interest.Target

	// Immutable.
	of, to        *Account // who imports, and whose service it is
	local         string   // pattern of the subjects of requests
	name          []byte   // of the importing account, as JSON
	sub           *interest.Sub
	answers, asks *replies // to requests, and to answers

	terms atomic.Pointer[terms]
}

// terms are what may change about a service while it is imported. They are
// immutable.
type terms struct {
	export    *config.Export     // that lets it be
	subject   string             // of all requests there, if rename is nil
	rename    *subject.Transform // from the subjects of requests here
	share     bool               // tell who asks
	many      bool               // there may be many answers to one request
	threshold time.Duration      // for an answer, or from one to the next
}

// unnumbered is the ordinal of a target that nothing is staged for.
const unnumbered = math.MaxUint32

func newService(of, to *Account, local string, t *terms) *service {
	s := &service{of: of, to: to, local: local}
	s.name, _ = json.Marshal(of.Name) // a string cannot fail
	s.Ordinal, s.Sink, s.Relays = unnumbered, s, true
	s.sub = &interest.Sub{Subject: local, Target: &s.Target}
	s.answers, s.asks = newReplies(s, to, of), newReplies(s, of, to)
	s.terms.Store(t)
	return s
}

// is reports whether two imports are the same, on whatever terms.
func (s *service) is(other *service) bool { return s.to == other.to && s.local == other.local }

// stop ends the service.
func (s *service) stop() {
	s.sub.Close()
	s.of.Index.Remove(s.sub)
	s.answers.stop()
	s.asks.stop()
}

func (s *service) sweep() {
	s.answers.sweep()
	s.asks.sweep()
}

// linkServices makes services those that are imported. What stays goes on with
// its open requests, on the new terms.
func (a *Account) linkServices(services []*service) {
	var old []*service
	if p := a.services.Load(); p != nil {
		old = *p
	}
	for i, s := range services {
		for _, o := range old {
			if o.is(s) {
				o.terms.Store(s.terms.Load())
				services[i] = o
			}
		}
	}
	a.services.Store(&services)
	stays := make(map[*service]bool)
	for _, s := range services {
		stays[s] = true
	}
	for _, o := range old {
		if !stays[o] {
			o.stop()
		}
		delete(stays, o)
	}
	for s := range stays {
		a.Index.Insert(s.sub)
	}
}

// Submit implements [interest.Sink]. Nothing is staged for a relay.
func (s *service) Submit(*interest.Staged) bool { return false }

// Relay implements [interest.Relay]: it passes a request on.
func (s *service) Relay(b interest.Batch, _ *interest.Sub, m *wire.Pub) bool {
	t := s.terms.Load()
	if !b.Once(t.export) {
		return false
	}
	w := getScratch()
	defer w.done()
	w.subject = t.append(w.subject[:0], m.Subject)
	if out, mapped := s.to.Mappings.Load().Append(w.mapped[:0], w.subject, rand.Uint32N); mapped {
		if len(out) == 0 {
			return false // a mapping that loses it
		}
		w.subject, w.mapped = out, w.subject
	}
	due, ok := w.ask(s.answers, m.Reply)
	if !ok {
		return false
	}
	head, payload := cut(m)
	w.info = s.info(w.info[:0], b, t, head)
	w.head = appendHead(w.head[:0], head, w.info)
	taken := b.Into(s.to.Index, w.pub(w.head, payload))
	if due != nil && !taken {
		s.answers.forget(due)
	}
	return taken
}

// append appends the subject there of a request here.
func (t *terms) append(dst, subject []byte) []byte {
	if t.rename == nil {
		return append(dst, t.subject...)
	}
	dst, _ = t.rename.Append(dst, subject)
	return dst
}

// scratch is what a relay needs for one message.
type scratch struct {
	subject, mapped, reply, info, head, tail []byte

	out wire.Pub
}

var scratches reuse.List[scratch]

func getScratch() *scratch {
	if w := scratches.Get(); w != nil {
		return w
	}
	return new(scratch)
}

// maxKept is how many bytes of a message an idle scratch keeps room for.
const maxKept = 256 << 10

// done gives w to the next message.
func (w *scratch) done() {
	if cap(w.tail) > maxKept {
		w.tail = nil
	}
	w.out = wire.Pub{}
	scratches.Put(w)
}
