package account

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"moonwire/server/interest"
	"moonwire/server/wire"
)

const (
	// replyPrefix is how the subjects begin that stand for those where answers
	// are expected.
	replyPrefix = "_R_."
	// maxDue is how many answers of one service may be outstanding. Whoever asks
	// more has its oldest questions forgotten.
	maxDue = 1 << 18
)

// replies are the answers that are expected in one account and were asked for in
// another. It subscribes in the first to subjects of its own, one for each
// question, and relays. There is one subscription for all of them: one for each
// question would cost as much again as the rest of its way.
type replies struct {
	interest.Target

	service *service // immutable
	at, to  *Account // where answers are published, and where they go; immutable

	mu struct {
		sync.Mutex
		sub            *interest.Sub // nil before the first question
		prefix         string        // of its subjects
		due            map[key]*due
		oldest, newest *due
		stopped        bool
	}
}

// key is the last token of a subject for answers.
type key [6]byte

// due is an answer that is expected. Guarded by replies.mu, but for what is
// immutable.
type due struct {
	key          key    // immutable
	reply        []byte // where it is expected; immutable
	since        time.Time
	older, newer *due
}

func newReplies(s *service, at, to *Account) *replies {
	r := &replies{service: s, at: at, to: to}
	r.Ordinal, r.Sink, r.Relays = unnumbered, r, true
	return r
}

// stop gives up what is due.
func (r *replies) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.stopped = true
	r.mu.due, r.mu.oldest, r.mu.newest = nil, nil, nil
	if r.mu.sub != nil {
		r.mu.sub.Close()
		r.at.Index.Remove(r.mu.sub)
	}
}

// owe notes that an answer is expected at reply, and appends to dst the subject
// on which it is to be published. The due is nil after stop.
func (r *replies) owe(dst, reply []byte) (subject []byte, _ *due) {
	d := &due{reply: append([]byte(nil), reply...), since: time.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.stopped {
		return dst, nil
	}
	if r.mu.sub == nil {
		k := newKey()
		r.mu.prefix = replyPrefix + string(k[:]) + "."
		r.mu.sub = &interest.Sub{Subject: r.mu.prefix + ">", Target: &r.Target}
		r.mu.due = make(map[key]*due)
		r.at.Index.Insert(r.mu.sub)
	}
	r.expireLocked(d.since)
	if len(r.mu.due) >= maxDue {
		r.dropLocked(r.mu.oldest)
	}
	for d.key = newKey(); r.mu.due[d.key] != nil; d.key = newKey() {
	}
	r.mu.due[d.key] = d
	r.pushLocked(d)
	return append(append(dst, r.mu.prefix...), d.key[:]...), d
}

// forget lets go of an answer that nobody expects any more.
func (r *replies) forget(d *due) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.due[d.key] == d {
		r.dropLocked(d)
	}
}

// sweep forgets what was due long ago.
func (r *replies) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expireLocked(time.Now())
}

// expireLocked forgets what has been due for longer than the service may take.
func (r *replies) expireLocked(now time.Time) {
	threshold := r.service.terms.Load().threshold
	for d := r.mu.oldest; d != nil && now.Sub(d.since) >= threshold; d = r.mu.oldest {
		r.dropLocked(d)
	}
}

func (r *replies) dropLocked(d *due) {
	delete(r.mu.due, d.key)
	r.unlinkLocked(d)
}

func (r *replies) pushLocked(d *due) {
	d.older, d.newer = r.mu.newest, nil
	if d.older != nil {
		d.older.newer = d
	} else {
		r.mu.oldest = d
	}
	r.mu.newest = d
}

func (r *replies) unlinkLocked(d *due) {
	if d.older != nil {
		d.older.newer = d.newer
	} else {
		r.mu.oldest = d.newer
	}
	if d.newer != nil {
		d.newer.older = d.older
	} else {
		r.mu.newest = d.older
	}
	d.older, d.newer = nil, nil
}

// answer returns what is due under a subject, or nil. It is the last time unless
// there may be many answers.
func (r *replies) answer(subject []byte, many bool) *due {
	var k key
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(subject) != len(r.mu.prefix)+len(k) {
		return nil
	}
	copy(k[:], subject[len(r.mu.prefix):])
	now := time.Now()
	r.expireLocked(now)
	d := r.mu.due[k]
	switch {
	case d == nil:
	case many:
		d.since = now
		r.unlinkLocked(d)
		r.pushLocked(d)
	default:
		r.dropLocked(d)
	}
	return d
}

// Submit implements [interest.Sink]. Nothing is staged for a relay.
func (r *replies) Submit(*interest.Staged) bool { return false }

// Relay implements [interest.Relay]: it passes an answer on.
func (r *replies) Relay(b interest.Batch, _ *interest.Sub, m *wire.Pub) bool {
	t := r.service.terms.Load()
	if !b.Once(t.export) {
		return false // an answer that a service was asked for as if it were a question
	}
	d := r.answer(m.Subject, t.many)
	if d == nil {
		return false
	}
	w := getScratch()
	defer w.done()
	w.subject = append(w.subject[:0], d.reply...)
	next, ok := w.ask(r.other(), m.Reply) // an answer may ask back
	if !ok {
		return false
	}
	head, payload := cut(m)
	taken := b.Into(r.to.Index, w.pub(head, payload))
	if next != nil && !taken {
		r.other().forget(next)
	}
	if t.many && (!taken || m.Size == 0) { // nobody listens any more, or it was the end
		r.forget(d)
	}
	return taken
}

// other returns the replies of the service that go the other way.
func (r *replies) other() *replies {
	if r == r.service.answers {
		return r.service.asks
	}
	return r.service.answers
}

// newKey returns a token that nobody can guess.
func newKey() (k key) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := rand.Uint64()
	for i := range k {
		k[i] = digits[n%uint64(len(digits))]
		n /= uint64(len(digits))
	}
	return k
}

// cut returns header block and payload of m; head is nil where it has none.
func cut(m *wire.Pub) (head, payload []byte) {
	body := m.Body()
	if m.Header == wire.NoHeader {
		return nil, body
	}
	return body[:m.Header], body[m.Header:]
}

// ask has answers to reply expected, if that is not empty, and puts the subject
// for them into w. It reports false when the service has ended.
func (w *scratch) ask(r *replies, reply []byte) (d *due, ok bool) {
	if w.reply = w.reply[:0]; len(reply) == 0 {
		return nil, true
	}
	w.reply, d = r.owe(w.reply, reply)
	return d, d != nil
}

// pub returns the message with the subject and the reply that are in w. It is
// valid until the next call.
func (w *scratch) pub(head, payload []byte) *wire.Pub {
	w.out = wire.Pub{Subject: w.subject, Reply: w.reply, Header: wire.NoHeader, Size: len(head) + len(payload)}
	t := w.tail[:0]
	if len(w.reply) > 0 {
		t = append(append(t, w.reply...), ' ')
	}
	if head != nil {
		w.out.Header = len(head)
		t = append(strconv.AppendInt(t, int64(len(head)), 10), ' ')
	}
	t = append(strconv.AppendInt(t, int64(w.out.Size), 10), "\r\n"...)
	t = append(append(t, head...), payload...)
	w.tail = append(t, "\r\n"...)
	w.out.Tail = w.tail
	return &w.out
}
