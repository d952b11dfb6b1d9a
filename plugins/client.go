package plugins

import (
	"runtime"
	"slices"
	"sync/atomic"
	"weak"

	"google.golang.org/protobuf/proto"

	"moonwire/hooks"
	"moonwire/plugins/api"
	"moonwire/plugins/api/frame"
	hookv1 "moonwire/plugins/api/v1"
)

// mask is which fields of a client a registration wants. Registrations with the
// same mask share a record.
type mask struct {
	fields hooks.Field
	tags   []string
}

// clientFields are those that stand in the client's record.
const clientFields = hooks.FieldUser | hooks.FieldAccount | hooks.FieldClient | hooks.FieldName |
	hooks.FieldHost | hooks.FieldKind | hooks.FieldTags | hooks.FieldConnect

func newMask(f hooks.Fields) mask {
	tags := slices.Clone(f.Tags)
	slices.Sort(tags)
	return mask{f.Set & clientFields, slices.Compact(tags)}
}

func (m mask) empty() bool { return m.fields == 0 && len(m.tags) == 0 }

func (m mask) equal(n mask) bool { return m.fields == n.fields && slices.Equal(m.tags, n.tags) }

// record is what the plugin is told of a client, and nothing else.
func (m mask) record(c *hooks.Client, ref uint64) *hookv1.Client {
	return api.Client(&hookv1.Client{
		Ref: ref, Id: c.ID, User: c.User, Account: c.Account, Name: c.Name, Host: c.Host, Kind: c.Kind,
		Lang: c.Lang, Version: c.Version, Tags: c.Tags,
	}, wants(m.fields), m.tags)
}

// refs are the names of a client on one link, one for each mask; 0: the plugin
// does not know it yet.
type refs struct {
	of   weak.Pointer[link] // an idle client does not hold a dead one
	list []atomic.Uint64
}

// extension is the key of a hook's refs in a client. It is the same for the links
// that follow each other.
type extension struct{ hook string }

// refs returns the names of a client on the link, or nil.
func (l *link) refs(c *hooks.Client) *refs {
	if r, ok := c.Extension(l.key).(*refs); ok && r.of == l.self {
		return r
	}
	return nil
}

// ref returns the name of a client on the link, of which the plugin is told before
// it is asked about it. M is the place of its mask; below 0 it needs no name.
func (l *link) ref(c *hooks.Client, m int) uint64 {
	if m < 0 {
		return 0
	}
	if r := l.refs(c); r != nil {
		if ref := r.list[m].Load(); ref != 0 {
			return ref
		}
	}
	ref := l.lastRef.Add(1)
	// It cannot fail: strings are made valid.
	record, _ := proto.Marshal(l.plugin.masks[m].record(c, ref))

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err != nil {
		return 0 // nothing is written any more
	}
	r := l.refs(c)
	if r == nil {
		r = &refs{l.self, make([]atomic.Uint64, len(l.plugin.masks))}
		c.Extend(l.key, r)
		// The plugin is told to forget the client when nobody here knows it any
		// more: connections end in many ways, and this covers all.
		l.mu.cleanups[r] = runtime.AddCleanup(c, l.forget, r)
	}
	if known := r.list[m].Load(); known != 0 {
		return known // somebody else was faster
	}
	l.mu.queue = append(l.mu.queue, &batch{data: frame.AppendBytes(nil, frame.BatchClients, record)})
	r.list[m].Store(ref)
	return ref
}

// forget has the plugin told that a client is gone, with the next frame: behind
// all that speaks of it.
func (l *link) forget(r *refs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.err != nil {
		return
	}
	delete(l.mu.cleanups, r)
	gone := new(batch)
	if n := len(l.mu.queue); n > 0 && l.mu.queue[n-1].gone {
		gone = l.mu.queue[n-1]
	} else {
		gone.gone = true
		l.mu.queue = append(l.mu.queue, gone)
	}
	for i := range r.list {
		if ref := r.list[i].Load(); ref != 0 {
			gone.data = frame.AppendNumber(gone.data, frame.BatchGone, ref)
			l.forgotten.Add(1)
		}
	}
}
