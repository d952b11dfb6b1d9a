package hooks

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// mostKey is how long the key of a decision may be; with more it is not kept.
const mostKey = 1024

// ways is how many decisions a bucket of the cache holds.
const ways = 4

// decision is an answer that is kept. Immutable, but for used.
type decision struct {
	hash    uint64
	key     []byte
	expires int64 // on the clock of the cache
	verdict Verdict
	reason  string
	subject []byte
	used    atomic.Bool // since somebody last looked for room
}

type bucket [ways]atomic.Pointer[decision]

// cache keeps decisions, those looked at of late before others, in a table that
// readers walk without a lock and that grows up to its bound. An entry that
// must go is chosen within its bucket: an unused one, in turn.
type cache struct {
	most  int // entries
	seed  maphash.Seed
	clock func() int64 // nanoseconds
	table atomic.Pointer[[]bucket]

	mu struct {
		sync.Mutex
		turn uint
	}
}

// newCache returns a cache for most decisions, or a few where most is less.
func newCache(most int, clock func() int64) *cache {
	c := &cache{most: most, seed: maphash.MakeSeed(), clock: clock}
	n := 1
	for n < 16 && 2*n*ways <= most {
		n *= 2
	}
	table := make([]bucket, n)
	c.table.Store(&table)
	return c
}

// get returns the decision under key, or nil.
func (c *cache) get(key []byte, now int64) *decision {
	h := maphash.Bytes(c.seed, key)
	table := *c.table.Load()
	b := &table[h&uint64(len(table)-1)]
	for i := range b {
		d := b[i].Load()
		if d == nil || d.hash != h || !bytes.Equal(d.key, key) {
			continue
		}
		if d.expires <= now {
			return nil
		}
		if !d.used.Load() {
			d.used.Store(true)
		}
		return d
	}
	return nil
}

// put keeps the answer r under key.
func (c *cache) put(key []byte, r *Result, ttl time.Duration) {
	now := c.clock()
	d := &decision{
		hash: maphash.Bytes(c.seed, key), key: bytes.Clone(key), expires: now + int64(ttl),
		verdict: r.Verdict, reason: r.Reason, subject: bytes.Clone(r.Subject),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	table := *c.table.Load()
	for !c.placeLocked(table, d, now, len(table)*ways*2 <= c.most) {
		table = c.growLocked(table, now)
	}
}

// placeLocked puts d into its bucket, or reports that there is no room and that
// the table may grow.
func (c *cache) placeLocked(table []bucket, d *decision, now int64, grow bool) bool {
	b := &table[d.hash&uint64(len(table)-1)]
	free := -1
	for i := range b {
		old := b[i].Load()
		if old != nil && old.hash == d.hash && bytes.Equal(old.key, d.key) {
			b[i].Store(d)
			return true
		}
		if old == nil || old.expires <= now {
			free = i
		}
	}
	for free < 0 {
		if grow {
			return false
		}
		c.mu.turn++
		i := int(c.mu.turn % ways)
		if !b[i].Load().used.Swap(false) {
			free = i
		}
	}
	b[free].Store(d)
	return true
}

// growLocked doubles the table. What is put in while readers are at the old one
// is not seen by them, which costs them a miss.
func (c *cache) growLocked(old []bucket, now int64) []bucket {
	table := make([]bucket, 2*len(old))
	for i := range old {
		for j := range old[i] {
			if d := old[i][j].Load(); d != nil && d.expires > now {
				c.placeLocked(table, d, now, false)
			}
		}
	}
	c.table.Store(&table)
	return table
}

// len is how many decisions there are, expired ones included.
func (c *cache) len() (n int) {
	table := *c.table.Load()
	for i := range table {
		for j := range table[i] {
			if table[i][j].Load() != nil {
				n++
			}
		}
	}
	return n
}

// appendKey appends what an answer of b to c is kept by; nil when it is too
// long, or not certain. Each part has its length before it, so that no two calls have one key.
func (b *bound) appendKey(key []byte, c *Call) []byte {
	key = binary.LittleEndian.AppendUint32(key, b.id)
	key = binary.LittleEndian.AppendUint64(key, b.inst.generation.Load())
	by := &b.Cache.By
	if by.Set&FieldUser != 0 {
		key = appendPart(key, c.Client.User)
	}
	if by.Set&FieldAccount != 0 {
		key = appendPart(key, c.Client.Account)
	}
	if by.Set&FieldClient != 0 {
		key = binary.LittleEndian.AppendUint64(key, c.Client.ID)
	}
	if by.Set&FieldName != 0 {
		key = appendPart(key, c.Client.Name)
	}
	if by.Set&FieldHost != 0 {
		key = appendPart(key, c.Client.Host)
	}
	if by.Set&FieldKind != 0 {
		key = appendPart(key, c.Client.Kind)
	}
	if by.Set&FieldSubject != 0 {
		key = appendPart(key, c.Subject)
	}
	if by.Set&FieldReply != 0 {
		key = appendPart(key, c.Reply)
	}
	if by.Set&FieldQueue != 0 {
		key = appendPart(key, c.Queue)
	}
	for _, t := range by.Tags {
		v, has := c.Client.Tags[t]
		if !has {
			key = append(key, 0)
			continue
		}
		key = appendPart(append(key, 1), v)
	}
	if len(by.Headers) > 0 && len(c.Header) > 0 && !PlainHeader(c.Header) {
		return nil // the hook may see something else in it
	}
	for _, h := range by.Headers {
		key = appendHeader(key, c.Header, h)
	}
	if len(key) > mostKey {
		return nil
	}
	return key
}

func appendPart[T ~string | ~[]byte](key []byte, s T) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// appendHeader appends each value that a header has under name.
func appendHeader(key, header []byte, name string) []byte {
	eachHeader(header, name, func(v []byte) { key = appendPart(append(key, 1), v) })
	return append(key, 0)
}
