package lua

import (
	"hash/maphash"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// kins remembers the last calls that look different to a script, so that what was
// made for one is used again for its like: calls of the same connection with the
// same subject. A wrong guess costs time, and nothing else.
type kins struct {
	sums [sandbox.Forms]uint64
	next int // whose place the next takes
}

var seed = maphash.MakeSeed()

// of returns the place of c and its like.
func (k *kins) of(c *hooks.Call) int {
	sum := maphash.Bytes(seed, c.Subject) + c.Client.ID
	for i := range k.sums {
		if k.sums[i] == sum {
			return i
		}
	}
	i := k.next
	k.sums[i], k.next = sum, (i+1)%len(k.sums)
	return i
}
