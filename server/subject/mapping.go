package subject

import (
	"errors"
	"fmt"
	"strings"
)

// Mappings give published subjects another subject. They are immutable. Nil
// maps nothing.
//
// Of several sources that match a subject the most specific counts: where they
// first differ, a literal token is before "*" and "*" before ">". So a literal
// source is before all others.
type Mappings struct {
	first   [256]bool // bytes that a source may begin with
	root    node
	sources []string
}

// MapRule says what the subjects that match Source become.
type MapRule struct {
	// Source is a pattern.
	Source string
	// Destinations are chosen from at random. Those scoped to the own cluster
	// count if there are any, else those without a scope. What their weights
	// leave to 100 keeps the subject; but if Source itself is among the
	// destinations of the rule, it loses the message.
	Destinations []MapDestination
}

// MapDestination is a subject to map to.
type MapDestination struct {
	// Subject is the destination as for NewTransform.
	Subject string
	// Weight is the percentage of messages, from 0 to 100.
	Weight int
	// Cluster is the cluster in which it counts; "" is wherever no other does.
	Cluster string
}

// node is a place in the tree of sources: the tokens on the way to it.
type node struct {
	literal map[string]*node
	any     *node    // by "*"
	tail    *mapping // by ">"
	end     *mapping // of the source that ends here
}

// mapping is a rule as it is in this cluster.
type mapping struct {
	choices []choice
	keep    bool // what the choices leave keeps its subject, else it is lost
}

// choice is a destination and the sum of weights up to and with its own.
type choice struct {
	to    *Transform
	below uint32
}

// NewMappings compiles rules as they are in a cluster; "" is none. Without rules
// it returns nil. The error joins all problems, each naming the source: not a
// valid transform, a source or destination that is there twice, a weight out of
// range, weights that add up to more than 100 in a cluster.
func NewMappings(rules []MapRule, cluster string) (*Mappings, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	m := &Mappings{}
	var errs []error
	for _, r := range rules {
		mp, err := newMapping(r, cluster)
		if err == nil {
			err = m.insert(r.Source, mp)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// newMapping compiles a rule.
func newMapping(r MapRule, cluster string) (*mapping, error) {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("mapping of %q: "+format, append([]any{r.Source}, args...)...))
	}
	if !ValidPattern(r.Source) || strings.ContainsAny(r.Source, blanks) {
		fail("this is not a valid subject")
		return nil, errors.Join(errs...)
	}
	own := ""
	seen, weights := make(map[string]bool), make(map[string]int)
	for _, d := range r.Destinations {
		if seen[d.Subject] {
			fail("the destination %q is there twice", d.Subject)
		}
		if d.Weight < 0 || d.Weight > 100 {
			fail("the weight of %q is %d; allowed is 0 to 100", d.Subject, d.Weight)
		}
		seen[d.Subject] = true
		before := weights[d.Cluster]
		weights[d.Cluster] += d.Weight
		if sum := weights[d.Cluster]; before <= 100 && sum > 100 {
			fail("with %q the weights for cluster %q add up to %d; allowed is 100", d.Subject, d.Cluster, sum)
		}
		if d.Cluster == cluster {
			own = cluster
		}
	}
	m := &mapping{keep: !seen[r.Source]}
	var below uint32
	for _, d := range r.Destinations {
		to, err := compile("mapping", r.Source, d.Subject)
		if err != nil {
			errs = append(errs, err)
		}
		if d.Cluster == own && d.Weight > 0 {
			below += uint32(d.Weight)
			m.choices = append(m.choices, choice{to, below})
		}
	}
	return m, errors.Join(errs...)
}

// insert puts a mapping into the tree.
func (m *Mappings) insert(source string, mp *mapping) error {
	n, at := &m.root, &mp
	for rest, more := source, true; more; {
		var token string
		token, rest, more = Next(rest)
		switch {
		case isWildcard(token, AnyTail):
			at = &n.tail
		case isWildcard(token, AnyToken):
			if n.any == nil {
				n.any = &node{}
			}
			n = n.any
			at = &n.end
		default:
			if n.literal == nil {
				n.literal = make(map[string]*node)
			}
			if n.literal[token] == nil {
				n.literal[token] = &node{}
			}
			n = n.literal[token]
			at = &n.end
		}
	}
	if *at != nil {
		return fmt.Errorf("mapping of %q: this source is there twice", source)
	}
	*at = mp
	m.sources = append(m.sources, source)
	m.first[source[0]] = true
	if m.root.any != nil || m.root.tail != nil {
		for b := range m.first {
			m.first[b] = true
		}
	}
	return nil
}

// Sources returns the sources in the order of their rules; do not change it.
func (m *Mappings) Sources() []string {
	if m == nil {
		return nil
	}
	return m.sources
}

// Append appends to dst the subject that a message published to subj gets. If no
// source matches or the message keeps its subject, mapped is false and out is
// dst. If it is true and nothing was appended the message is lost: nobody gets
// it. Any other subject that is appended is well-formed. A subj that is not is
// never mapped.
//
// random returns a number below n, which is not 0, as Uint32N of math/rand/v2
// does; it is called only where chance decides. Append does not allocate unless
// dst has to grow.
func (m *Mappings) Append(dst, subj []byte, random func(n uint32) uint32) (out []byte, mapped bool) {
	if m == nil || len(subj) == 0 || !m.first[subj[0]] {
		return dst, false
	}
	mp := m.root.find(subj)
	if mp == nil {
		return dst, false
	}
	to, lost := mp.choose(random)
	if to == nil {
		return dst, lost
	}
	return to.append(dst, subj, random), true
}

// find returns the mapping of the most specific source that matches, given what
// is left of a subject below n; nil if there is none.
func (n *node) find(subj []byte) *mapping {
	token, rest, more := Next(subj)
	if len(token) == 0 {
		return nil
	}
	for _, next := range [2]*node{n.literal[string(token)], n.any} {
		if next == nil {
			continue
		}
		found := next.end
		if more {
			found = next.find(rest)
		}
		if found != nil {
			return found
		}
	}
	if n.tail != nil && WellFormed(subj) {
		return n.tail
	}
	return nil
}

// choose picks a destination; without one the message keeps its subject or is
// lost.
func (m *mapping) choose(random func(n uint32) uint32) (to *Transform, lost bool) {
	if len(m.choices) == 0 {
		return nil, !m.keep
	}
	if m.choices[0].below == 100 {
		return m.choices[0].to, false
	}
	w := random(100)
	for i := range m.choices {
		if w < m.choices[i].below {
			return m.choices[i].to, false
		}
	}
	return nil, !m.keep
}
