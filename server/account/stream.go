package account

import (
	"cmp"
	"maps"
	"slices"

	"moonwire/server/interest"
	"moonwire/server/subject"
)

// stream is a stream import: what is published in another account and heard
// here. It is immutable.
type stream struct {
	from          *Account
	remote, local string             // patterns of the subjects there and here
	back          *subject.Transform // from local to remote
	name          interest.Renamer   // from remote to local; nil if they are equal
}

// cast is a shadow of a subscription.
type cast struct {
	sub *interest.Sub
	by  *stream // in the index of by.from
}

// renamer delivers what is imported under its local name.
type renamer struct{ to *subject.Transform }

// Append implements [interest.Renamer].
func (r renamer) Append(dst, subject []byte) []byte {
	dst, _ = r.to.Append(dst, subject)
	return dst
}

// is reports whether two imports are the same.
func (st *stream) is(other *stream) bool {
	return st.from == other.from && st.remote == other.remote && st.local == other.local
}

// Subscribe adds s to the index, and its shadows to those of the accounts that
// streams are imported from. Once it returns, each later message finds s. It and
// Unsubscribe may overlap for one s, if s is closed before Unsubscribe.
func (a *Account) Subscribe(s *interest.Sub) {
	a.Index.Insert(s)
	// After the insertion: a link that comes later finds s in the index.
	if a.streams.Load() == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.castLocked(s)
}

// castLocked makes the shadows of s that are missing.
func (a *Account) castLocked(s *interest.Sub) {
	streams := a.streams.Load()
	if streams == nil || s.Closed() {
		return
	}
	casts := a.mu.shadows[s]
	for _, st := range *streams {
		if slices.ContainsFunc(casts, func(c cast) bool { return c.by == st }) {
			continue
		}
		if pattern, ok := st.back.Pattern(s.Subject); ok {
			shadow := s.Shadow(pattern, st.name)
			st.from.Index.Insert(shadow)
			casts = append(casts, cast{shadow, st})
		}
	}
	if len(casts) > 0 {
		if a.mu.shadows == nil {
			a.mu.shadows = make(map[*interest.Sub][]cast)
		}
		a.mu.shadows[s] = casts
	}
}

// Unsubscribe takes s out of the index, with its shadows.
func (a *Account) Unsubscribe(s *interest.Sub) {
	a.Index.Remove(s)
	if a.streams.Load() == nil {
		return
	}
	a.mu.Lock()
	casts := a.mu.shadows[s]
	delete(a.mu.shadows, s)
	a.mu.Unlock()
	for _, c := range casts {
		c.by.from.Index.Remove(c.sub)
	}
}

// UnsubscribeAll is Unsubscribe for many, letting others in between.
func (a *Account) UnsubscribeAll(subs []*interest.Sub) {
	a.Index.RemoveAll(subs)
	if a.streams.Load() == nil {
		return
	}
	shadows := make(map[*Account][]*interest.Sub)
	a.mu.Lock()
	a.shadowsLocked(subs, shadows)
	for _, s := range subs {
		delete(a.mu.shadows, s)
	}
	a.mu.Unlock()
	for from, subs := range shadows {
		from.Index.RemoveAll(subs)
	}
}

// shadowsLocked adds the shadows of subs to those by account.
func (a *Account) shadowsLocked(subs []*interest.Sub, by map[*Account][]*interest.Sub) {
	for _, s := range subs {
		for _, c := range a.mu.shadows[s] {
			by[c.by.from] = append(by[c.by.from], c.sub)
		}
	}
}

// Limit marks s as one that a max applies to, or no longer. See
// [interest.Index.Limit].
func (a *Account) Limit(s *interest.Sub, limited bool) {
	a.Index.Limit(s, limited)
	if a.streams.Load() == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.mu.shadows[s] {
		c.by.from.Index.Limit(c.sub, limited)
	}
}

// Change runs change, which alters the target that all of subs have, so that
// each later message heeds it, wherever it is published. change must not call
// any index or account.
func (a *Account) Change(subs []*interest.Sub, change func()) {
	if len(subs) == 0 {
		change() // nothing reads what it alters
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	by := map[*Account][]*interest.Sub{a: slices.Clone(subs)}
	a.shadowsLocked(subs, by)
	// All indexes are locked at once, always in the same order: the last that
	// is put around the others is locked first.
	order := func(a, b *Account) int { return cmp.Compare(a.order, b.order) }
	for _, of := range slices.SortedFunc(maps.Keys(by), order) {
		inner := change
		change = func() { of.Index.Change(by[of], inner) }
	}
	change()
}

// linkStreams makes streams those that are imported. Shadows of imports that
// stay are left alone.
func (a *Account) linkStreams(streams []*stream) {
	old := a.streams.Load()
	if old == nil && len(streams) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, st := range streams {
		if old != nil {
			if j := slices.IndexFunc(*old, st.is); j >= 0 {
				streams[i] = (*old)[j]
			}
		}
	}
	if len(streams) > 0 {
		a.streams.Store(&streams)
	} else {
		a.streams.Store(nil)
	}
	// After the store: who comes from now on sees to its shadows itself.
	a.fadeLocked(streams)
	var subs []*interest.Sub
	a.Index.All(func(s *interest.Sub) {
		if !s.IsShadow() && !s.Target.Relays {
			subs = append(subs, s)
		}
	})
	for _, s := range subs {
		a.castLocked(s)
	}
}

// fadeLocked takes away the shadows that are not by one of streams.
func (a *Account) fadeLocked(streams []*stream) {
	for s, casts := range a.mu.shadows {
		casts = slices.DeleteFunc(casts, func(c cast) bool {
			if slices.Contains(streams, c.by) {
				return false
			}
			c.by.from.Index.Remove(c.sub)
			return true
		})
		a.mu.shadows[s] = casts
		if len(casts) == 0 {
			delete(a.mu.shadows, s)
		}
	}
}
