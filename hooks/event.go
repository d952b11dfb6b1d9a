package hooks

import "slices"

// told is an event for one registration of a hook.
type told struct {
	b     *bound
	event Event
}

// Notify tells the hooks of an account of an event. It does not wait for them:
// what a hook has no time for is dropped and counted. T may be nil.
func (t *Table) Notify(e Event) {
	if t != nil {
		t.set.options.notify(t.events, e)
	}
}

// Notify is [Table.Notify] for an event that is of no account: hooks that are
// narrowed to accounts are told too.
func (s *Set) Notify(e Event) { s.options.notify(s.events, e) }

func (o *Options) notify(list []*bound, e Event) {
	for _, b := range list {
		if len(b.Events) > 0 && !slices.Contains(b.Events, e.Type) {
			continue
		}
		if !b.inst.events.put(told{b, e}, 0, o.tell) {
			b.inst.stats.lost.Add(1)
		}
	}
}

// tell tells a hook of what waited, in batches of one registration.
func (o *Options) tell(waiting []told) {
	for len(waiting) > 0 {
		b := waiting[0].b
		var events []Event
		for len(waiting) > 0 && waiting[0].b == b {
			events = append(events, waiting[0].event)
			waiting = waiting[1:]
		}
		err := guard(func() error {
			b.inst.engine.Notify(b.index, events)
			return nil
		})
		b.inst.stats.events.Add(uint64(len(events)))
		if err != nil {
			b.inst.stats.points[AtEvent].errors[KindRuntime].Add(1)
			o.failure(b, KindRuntime, err)
		}
	}
}
