package permission

import "hash/maphash"

const (
	sets = 64 // a power of two
	ways = 2
	// longest is the longest subject in the table, in bytes: a slot takes one
	// cache line.
	longest = 62
	// longestLast is the longest subject that is remembered as the last one.
	longestLast = 1024
)

// Cache remembers the decisions for the subjects that one connection publishes
// to: the last one, and up to 128 others of 62 bytes or less. The zero value is
// ready; assigning it frees the memory, 8 KiB from the second subject on. It is
// not safe for concurrent use.
type Cache struct {
	set     *Set // whose decisions these are
	last    []byte
	allowed bool // the decision for last, if that is not empty
	table   *table
}

type table struct {
	seed maphash.Seed
	turn int // picks the slot to be replaced
	sets [sets][ways]slot
}

type slot struct {
	len     uint8 // 0: free
	allowed bool
	subj    [longest]byte
}

// Publish is set.Publish with memory. It forgets everything when set is another
// than the last time. It allocates nothing for a subject that it remembers.
func (c *Cache) Publish(set *Set, subj []byte) bool {
	if set == c.set && len(subj) > 0 && string(subj) == string(c.last) {
		return c.allowed
	}
	return !set.LimitsPublish() || c.find(set, subj)
}

// find looks beyond the last subject.
func (c *Cache) find(set *Set, subj []byte) bool {
	if set != c.set {
		*c = Cache{set: set, last: c.last[:0]}
	}
	first := len(c.last) == 0 // nothing to remember but this one
	if len(subj) > longestLast {
		return set.Publish(subj)
	}
	var allowed bool
	if first || len(subj) == 0 || len(subj) > longest {
		allowed = set.Publish(subj)
	} else {
		if c.table == nil {
			c.table = &table{seed: maphash.MakeSeed()}
		}
		allowed = c.table.publish(set, subj)
	}
	c.last, c.allowed = append(c.last[:0], subj...), allowed
	return allowed
}

// publish is set.Publish for a subject of 1 to 62 bytes.
func (t *table) publish(set *Set, subj []byte) bool {
	s := &t.sets[maphash.Bytes(t.seed, subj)%sets]
	for i := range s {
		if f := &s[i]; string(f.subj[:f.len]) == string(subj) {
			return f.allowed
		}
	}
	t.turn++
	f := &s[t.turn%ways]
	f.len, f.allowed = uint8(copy(f.subj[:], subj)), set.Publish(subj)
	return f.allowed
}
