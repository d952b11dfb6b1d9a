package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// counters are how many messages passed and did not, by version of a schema.
type counters struct {
	of map[string]*counter // the map is immutable
}

type counter struct{ passed, refused atomic.Uint64 }

// handedOver is a counter as it goes to the next process.
type handedOver struct {
	Passed  uint64 `json:"passed"`
	Refused uint64 `json:"refused"`
}

// newCounters returns counters that go on from those of the process before. A version
// that is no longer in use goes along: it may come back.
func newCounters(schemas []*schema, state []byte) (*counters, error) {
	var before map[string]handedOver
	if len(state) > 0 {
		if err := json.Unmarshal(state, &before); err != nil {
			return nil, fmt.Errorf("the counters of the process before: %w", err)
		}
	}
	c := &counters{of: make(map[string]*counter)}
	for _, s := range schemas {
		c.of[s.version] = new(counter)
	}
	for version, n := range before {
		c.of[version] = new(counter)
		c.of[version].passed.Store(n.Passed)
		c.of[version].refused.Store(n.Refused)
	}
	return c, nil
}

// MarshalJSON implements json.Marshaler.
func (c *counters) MarshalJSON() ([]byte, error) {
	out := make(map[string]handedOver)
	for version, n := range c.of {
		out[version] = handedOver{n.passed.Load(), n.refused.Load()}
	}
	return json.Marshal(out)
}

// String is the line for the log.
func (c *counters) String() string {
	var list []string
	for _, version := range slices.Sorted(maps.Keys(c.of)) {
		n := c.of[version]
		list = append(list, fmt.Sprintf("%s: %d passed, %d refused", version, n.passed.Load(), n.refused.Load()))
	}
	return strings.Join(list, "; ")
}
