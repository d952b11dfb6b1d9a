package permission

import "moonwire/server/subject"

// Filter is what must be left out of the deliveries to a subscription. It is
// immutable and may be shared. The nil Filter leaves out nothing.
type Filter struct{ deny []*trie }

// Filter returns what must be left out of the deliveries to a subscription that
// Subscribe allows; queue is empty for one without. It is nil, as it is for all
// patterns without wildcards, if no deny entry overlaps with the pattern.
func (s *Set) Filter(pattern, queue string) *Filter {
	if s == nil || s.subscribe.deny.empty() || !subject.HasWildcard(pattern) {
		return nil
	}
	f := s.plain
	if f != nil && !f.deny[0].overlaps(pattern) {
		f = nil
	}
	if queue == "" {
		return f
	}
	for _, q := range s.subscribe.deny.queues {
		if queueMatch(q.queue, queue) && q.overlaps(pattern) {
			f = f.with(q.trie)
		}
	}
	return f
}

// with returns f and t besides.
func (f *Filter) with(t *trie) *Filter {
	if f == nil {
		return &Filter{[]*trie{t}}
	}
	return &Filter{append(f.deny[:len(f.deny):len(f.deny)], t)}
}

// Denies reports whether a message on subj, which is literal and not kept, must
// not be delivered. It allocates nothing.
func (f *Filter) Denies(subj []byte) bool {
	if f == nil {
		return false
	}
	for _, t := range f.deny {
		if t.match(subj, false) {
			return true
		}
	}
	return false
}
