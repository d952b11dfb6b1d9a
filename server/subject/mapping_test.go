package subject_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moonwire/server/subject"
)

// always is a random source that gives n.
func always(n uint32) func(uint32) uint32 { return func(uint32) uint32 { return n } }

// all maps everything from source to one destination.
func all(source, destination string) subject.MapRule {
	return subject.MapRule{Source: source, Destinations: []subject.MapDestination{{Subject: destination, Weight: 100}}}
}

func TestMappings(t *testing.T) {
	t.Parallel()
	m, err := subject.NewMappings([]subject.MapRule{
		all(">", "rest.>"),
		all("foo.>", "tail.>"),
		all("foo.*", "any.$1"),
		all("*.bar", "anybar.$1"),
		all("foo.bar", "literal"),
		all("*.*.baz", "baz.$1"),
		all("keep.>", "x.>"),
		{"keep.this", nil},
		all("p.*", "q.{{partition(3,1)}}.$1"),
		all("same", "same"),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		subject, want string
		mapped        bool
	}{
		{"foo.bar", "literal", true},
		{"foo.qux", "any.qux", true},
		{"foo.a.b", "tail.a.b", true},
		{"foo.a.baz", "tail.a.baz", true}, // the first difference counts
		{"qux.bar", "anybar.qux", true},
		{"qux.a.baz", "baz.qux", true},
		{"foo", "rest.foo", true},
		{"qux", "rest.qux", true},
		{"keep.that", "x.that", true},
		{"keep.this", "", false},
		{"p.k1", "q.0.k1", true}, // protocol.md [86]
		{"p.k3", "q.2.k3", true},
		{"same", "same", true},
		{"foo.*", "any.*", true},
		{"", "", false},
		{".", "", false},
		{"foo.", "", false},
		{"foo..bar", "", false},
		{"foo.a..baz", "", false},
	}
	for _, tt := range tests {
		got, mapped := m.Append([]byte("x "), []byte(tt.subject), nil)
		if string(got) != "x "+tt.want || mapped != tt.mapped {
			t.Errorf("%q: got %q, %v, want %q, %v", tt.subject, got, mapped, tt.want, tt.mapped)
		}
	}
}

func TestMappingsNone(t *testing.T) {
	t.Parallel()
	m, err := subject.NewMappings(nil, "A")
	if m != nil || err != nil {
		t.Errorf("got %v, %v of no rules", m, err)
	}
	if got, mapped := m.Append([]byte("x"), []byte("foo"), nil); string(got) != "x" || mapped {
		t.Errorf("got %q, %v", got, mapped)
	}
	if got := m.Sources(); got != nil {
		t.Errorf("got sources %q", got)
	}
	m, err = subject.NewMappings([]subject.MapRule{all("foo.*", "x"), all("bar", "x")}, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"foo.*", "bar"}, m.Sources()); diff != "" {
		t.Error(diff)
	}
	for _, s := range []string{"baz", "foo", "barbar", "bar.baz", "f"} {
		if got, mapped := m.Append(nil, []byte(s), nil); got != nil || mapped {
			t.Errorf("%q: got %q, %v", s, got, mapped)
		}
	}
}

// TestWeights counts where each of the hundred draws sends a message.
func TestWeights(t *testing.T) {
	t.Parallel()
	type counts map[string]int
	const kept, lost = "kept", "lost"
	tests := []struct {
		name         string
		source       string
		destinations []subject.MapDestination
		cluster      string
		want         counts
	}{
		{"all", "foo", []subject.MapDestination{{"a", 100, ""}}, "", counts{"a": 100}},
		{"rest keeps", "foo", []subject.MapDestination{{"a", 30, ""}}, "", counts{"a": 30, kept: 70}},
		{"several", "foo", []subject.MapDestination{{"a", 10, ""}, {"b", 50, ""}, {"c", 20, ""}}, "", counts{"a": 10, "b": 50, "c": 20, kept: 20}},
		{"whole", "foo", []subject.MapDestination{{"a", 1, ""}, {"b", 99, ""}}, "", counts{"a": 1, "b": 99}},
		{"equal", "foo", []subject.MapDestination{{"a", 50, ""}, {"b", 50, ""}}, "", counts{"a": 50, "b": 50}},
		{"zero", "foo", []subject.MapDestination{{"a", 0, ""}}, "", counts{kept: 100}},
		{"zero and all", "foo", []subject.MapDestination{{"a", 0, ""}, {"b", 100, ""}}, "", counts{"b": 100}},
		{"none", "foo", nil, "", counts{kept: 100}},
		{"loss", "foo", []subject.MapDestination{{"foo", 80, ""}}, "", counts{"foo": 80, lost: 20}},
		{"loss beside others", "foo", []subject.MapDestination{{"a", 30, ""}, {"foo", 50, ""}}, "", counts{"a": 30, "foo": 50, lost: 20}},
		{"all lost", "foo", []subject.MapDestination{{"foo", 0, ""}}, "", counts{lost: 100}},
		{"loss with >", "foo.>", []subject.MapDestination{{"foo.>", 40, ""}}, "", counts{"foo.x": 40, lost: 60}},
		{"no loss by $1", "foo.*", []subject.MapDestination{{"foo.$1", 40, ""}}, "", counts{"foo.x": 40, kept: 60}},

		{"scoped to another", "foo", []subject.MapDestination{{"a", 100, "A"}}, "B", counts{kept: 100}},
		{"scoped, no cluster", "foo", []subject.MapDestination{{"a", 100, "A"}}, "", counts{kept: 100}},
		{"scoped", "foo", []subject.MapDestination{{"a", 100, "A"}}, "A", counts{"a": 100}},
		{"scoped before general", "foo", []subject.MapDestination{{"g", 100, ""}, {"a", 60, "A"}}, "A", counts{"a": 60, kept: 40}},
		{"general elsewhere", "foo", []subject.MapDestination{{"g", 90, ""}, {"a", 60, "A"}}, "B", counts{"g": 90, kept: 10}},
		{"each its own", "foo", []subject.MapDestination{{"a", 60, "A"}, {"b", 70, "B"}, {"c", 40, "A"}}, "A", counts{"a": 60, "c": 40}},
		{"loss in another cluster", "foo", []subject.MapDestination{{"foo", 60, "A"}}, "B", counts{lost: 100}},
		{"loss in this", "foo", []subject.MapDestination{{"foo", 60, "A"}}, "A", counts{"foo": 60, lost: 40}},
		{"loss by the other's", "foo", []subject.MapDestination{{"foo", 60, "A"}, {"b", 10, "B"}}, "B", counts{"b": 10, lost: 90}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := subject.NewMappings([]subject.MapRule{{tt.source, tt.destinations}}, tt.cluster)
			if err != nil {
				t.Fatal(err)
			}
			got := make(counts)
			subj := strings.NewReplacer("*", "x", ">", "x").Replace(tt.source)
			for i := range uint32(100) {
				switch out, mapped := m.Append(nil, []byte(subj), always(i)); {
				case !mapped && len(out) == 0:
					got[kept]++
				case len(out) == 0:
					got[lost]++
				default:
					got[string(out)]++
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMappingErrors(t *testing.T) {
	t.Parallel()
	_, err := subject.NewMappings([]subject.MapRule{
		all("a..b", "x"),
		all("a b", "x"),
		{"c", []subject.MapDestination{{"x", -1, ""}, {"y", 101, "A"}, {"x", 1, "B"}}},
		{"d", []subject.MapDestination{{"x", 60, "A"}, {"y", 60, ""}, {"z", 41, "A"}, {"zz", 50, "A"}}},
		{"e.*", []subject.MapDestination{{"$2", 10, ""}, {"", 10, ""}, {"{{twist(1)}}.$3", 10, "B"}}},
		all("f.*", "x"), all("f.*", "y"),
		all("g.>", "x.>"), all("g.>", "y.>"),
		all("h", "x"), all("h", "y"),
	}, "A")
	want := `mapping of "a..b": this is not a valid subject
mapping of "a b": this is not a valid subject
mapping of "c": the weight of "x" is -1; allowed is 0 to 100
mapping of "c": the weight of "y" is 101; allowed is 0 to 100
mapping of "c": with "y" the weights for cluster "A" add up to 101; allowed is 100
mapping of "c": the destination "x" is there twice
mapping of "d": with "z" the weights for cluster "A" add up to 101; allowed is 100
mapping of "e.*" to "$2": $2: argument 1 of wildcard is "2": allowed is a number from 0 to 1
mapping of "e.*" to "": the destination is empty
mapping of "e.*" to "{{twist(1)}}.$3": {{twist(1)}}: "twist" is not a function; there are wildcard, partition, random, split, splitFromLeft, splitFromRight, sliceFromLeft, sliceFromRight, left and right
mapping of "e.*" to "{{twist(1)}}.$3": $3: argument 1 of wildcard is "3": allowed is a number from 0 to 1
mapping of "f.*": this source is there twice
mapping of "g.>": this source is there twice
mapping of "h": this source is there twice`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

// TestModelMappings compares which mapping counts with the rule for it: where
// two sources first differ, a literal is before * and * before >.
func TestModelMappings(t *testing.T) {
	t.Parallel()
	sources, subjects := rows(3, "a", "b", "*", ">"), rows(4, "a", "b", "*", "")
	before := func(a, b string) bool {
		for more := true; more; {
			var ta, tb string
			ta, a, more = subject.Next(a)
			tb, b, _ = subject.Next(b)
			if ta != tb {
				return tb == ">" || tb == "*" && ta != ">"
			}
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		var rules []subject.MapRule
		taken := make(map[string]bool)
		for range rapid.IntRange(1, 12).Draw(t, "rules") {
			s := rapid.SampledFrom(sources).Draw(t, "source")
			if !subject.ValidPattern(s) || taken[s] {
				continue
			}
			taken[s] = true
			d := fmt.Sprintf("mapped%d", len(rules))
			if s == ">" || strings.HasSuffix(s, ".>") {
				d += ".>"
			}
			rules = append(rules, all(s, d))
		}
		m, err := subject.NewMappings(rules, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects {
			best := ""
			for _, r := range rules {
				if modelMatch(r.Source, s) && (best == "" || before(r.Source, best)) {
					best = r.Source
				}
			}
			want := ""
			for i, r := range rules {
				if r.Source == best {
					want = fmt.Sprintf("mapped%d", i)
				}
			}
			out, mapped := m.Append(nil, []byte(s), nil)
			if got, _, _ := strings.Cut(string(out), "."); mapped != (best != "") || got != want {
				t.Fatalf("%q of %v: got %q, want %q by %q", s, rules, got, want, best)
			}
		}
	})
}

func TestMappingsAllocations(t *testing.T) {
	m, err := subject.NewMappings([]subject.MapRule{
		{"orders.*.*.>", []subject.MapDestination{{"o.$2.{{random(3)}}.>", 50, ""}}},
		all("orders.eu", "x"),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	dst, zero := make([]byte, 0, 256), always(0)
	for _, s := range []string{"orders.eu.4711.created", "orders.eu", "orders.us", "shipments"} {
		subj := []byte(s)
		if n := testing.AllocsPerRun(100, func() { m.Append(dst, subj, zero) }); n != 0 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}
