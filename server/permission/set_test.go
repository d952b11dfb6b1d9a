package permission_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moonwire/server/config"
	"moonwire/server/permission"
)

// compile fails the test when p has problems.
func compile(t rapid.TB, p *config.Permissions) *permission.Set {
	t.Helper()
	s, err := permission.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func list(entries ...string) []string { return entries }

// decide writes down what a set says of "PUB subject" or "SUB pattern [queue]":
// yes, no, or for a subscription with a filter which of the subjects behind
// "but" it leaves out.
func decide(s *permission.Set, request string) string {
	request, but, _ := strings.Cut(request, " but ")
	words := append(strings.Fields(request), "", "")
	op, subj, queue := words[0], words[1], words[2]
	if op == "PUB" {
		return map[bool]string{true: "yes", false: "no"}[s.Publish([]byte(subj))]
	}
	if !s.Subscribe(subj, queue) {
		return "no"
	}
	answer, f := "yes", s.Filter(subj, queue)
	for _, d := range strings.Fields(but) {
		if f.Denies([]byte(d)) {
			answer += " but " + d
		}
	}
	if f != nil && but == "" {
		answer += " but something"
	}
	return answer
}

func TestSet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		permissions config.Permissions
		want        map[string]string
	}{
		{
			"default permissions, transcript 36",
			config.Permissions{Publish: config.Rules{Allow: list("d.>")}, Subscribe: config.Rules{Allow: list("d.>")}},
			map[string]string{
				"PUB foo": "no", "PUB d.x": "yes", "PUB d": "no", "PUB d..x": "no", "PUB ": "no",
				"SUB foo": "no", "SUB d.>": "yes", "SUB >": "no", "SUB *.x": "no", "SUB d.* q": "yes",
			},
		},
		{
			"deny wins, transcript 37",
			config.Permissions{
				Publish:   config.Rules{Allow: list("foo.>"), Deny: list("foo.secret")},
				Subscribe: config.Rules{Allow: list("foo.*"), Deny: list("foo.bar")},
			},
			map[string]string{
				"PUB foo.bar": "yes", "PUB foo.baz": "yes", "PUB foo.secret": "no", "PUB nope": "no",
				"SUB foo.bar": "no", "SUB foo.bar q": "no", "SUB foo.baz": "yes",
				"SUB foo.* but foo.bar foo.baz": "yes but foo.bar",
				"SUB foo.* q but foo.bar":       "yes but foo.bar",
			},
		},
		{
			"queues, transcript 38",
			config.Permissions{Subscribe: config.Rules{
				Allow: list("foo.>", "foo.q v1", "foo.q v2.*", "bar"),
				Deny:  list("foo.dq nope"),
			}},
			map[string]string{
				"SUB foo.q v1": "yes", "SUB foo.q v2.x": "yes", "SUB foo.q v2.x.y": "no", "SUB foo.q v3": "no", "SUB foo.q": "yes",
				"SUB foo.dq nope": "no", "SUB foo.dq yes": "yes", "SUB foo.dq": "yes", "SUB bar q": "yes", "SUB bar": "yes",
				// No entry with a queue covers these.
				"SUB foo.> v3": "yes", "SUB foo.> nope but foo.dq foo.q": "yes but foo.dq", "SUB foo.>": "yes",
				"PUB anything": "yes",
			},
		},
		{
			"answers only, transcript 46",
			config.Permissions{Responses: &config.Responses{Max: 2}},
			map[string]string{"PUB rep.1": "no", "SUB req": "yes"},
		},
		{
			"answers and more",
			config.Permissions{
				Publish:   config.Rules{Allow: list("a"), Deny: list("b")},
				Responses: &config.Responses{},
			},
			map[string]string{"PUB a": "yes", "PUB b": "no", "PUB c": "no"},
		},
		{
			"within one entry, transcript 90",
			config.Permissions{Subscribe: config.Rules{Allow: list("*", "foo.*")}},
			map[string]string{
				"SUB *": "yes", "SUB foo.*": "yes", "SUB *.*": "no", "SUB foo": "yes", "SUB foo.bar.x": "no",
				// nats-server accepts these.
				"SUB >": "no", "SUB foo.>": "no",
			},
		},
		{
			"entries are not united",
			config.Permissions{Subscribe: config.Rules{Allow: list("foo.a", "foo.b")}},
			map[string]string{"SUB foo.a": "yes", "SUB foo.*": "no"},
		},
		{
			"only with a queue, transcript 91",
			config.Permissions{Subscribe: config.Rules{Allow: list("a.> g1")}},
			map[string]string{
				"SUB a.x g1": "yes", "SUB a.x g2": "no", "SUB a.x": "no", "SUB a.> g1": "yes", "SUB b.x g1": "no",
			},
		},
		{
			"no deeper subjects, transcript 94",
			config.Permissions{Subscribe: config.Rules{Allow: list("foo.*")}},
			map[string]string{"SUB foo.>": "no", "SUB foo.a.b": "no", "SUB foo.a": "yes"},
		},
		{
			"deny alone",
			config.Permissions{
				Publish:   config.Rules{Deny: list("a.>")},
				Subscribe: config.Rules{Deny: list("a.*", "b.> *", "c q.>")},
			},
			map[string]string{
				"PUB a": "yes", "PUB a.b": "no", "PUB ..": "yes",
				"SUB a.>":            "yes but something", // nats-server refuses this
				"SUB a.> but a.b a":  "yes but a.b",
				"SUB a.x":            "no",
				"SUB b.>":            "yes",
				"SUB b.> q":          "no",
				"SUB b.> q.x":        "yes",
				"SUB > q but b.x a.": "yes but b.x",
				"SUB c q.1":          "no",
				"SUB c q":            "yes",
				"SUB c q..":          "no",
				"SUB c .q":           "yes",
			},
		},
		{
			"wildcards as they are published and asked for",
			config.Permissions{
				Publish:   config.Rules{Allow: list("a.*", "*b")},
				Subscribe: config.Rules{Allow: list("a.*", "b.>", "c *.v")},
			},
			map[string]string{
				"PUB a.*": "yes", "PUB a.>": "yes", "PUB a.*.*": "no", "PUB *b": "yes", "PUB bb": "no",
				"SUB b.*": "yes", "SUB b.*.>": "yes", "SUB b": "no", "SUB *": "no", "SUB c *.v": "yes", "SUB c >.v": "no",
			},
		},
		{
			"patterns that are not valid are for the caller",
			config.Permissions{Subscribe: config.Rules{Allow: list("a.>")}},
			map[string]string{"SUB a.>.b": "yes", "SUB a..b": "no", "SUB a.": "no"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := compile(t, &tt.permissions)
			got := make(map[string]string)
			for request := range tt.want {
				got[request] = decide(s, request)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoRules(t *testing.T) {
	t.Parallel()
	for _, p := range []*config.Permissions{nil, {}, {Publish: config.Rules{Allow: list()}}} {
		s := compile(t, p)
		if s != nil {
			t.Errorf("Compile(%+v) is a set", p)
		}
		if !s.Publish([]byte("a")) || !s.Subscribe("a", "q") || s.Filter(">", "") != nil || s.Responses() != nil || s.LimitsPublish() {
			t.Errorf("the nil set restricts something")
		}
		if s.Filter(">", "q").Denies([]byte("a")) {
			t.Errorf("the nil filter denies something")
		}
	}
}

func TestLimitsPublish(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		permissions config.Permissions
		want        bool
	}{
		{"allow", config.Permissions{Publish: config.Rules{Allow: list(">")}}, true},
		{"deny", config.Permissions{Publish: config.Rules{Deny: list("a")}}, true},
		{"answers", config.Permissions{Responses: &config.Responses{}}, true},
		{"subscribe only", config.Permissions{Subscribe: config.Rules{Allow: list("a")}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := compile(t, &tt.permissions)
			if s == nil || s.LimitsPublish() != tt.want {
				t.Errorf("%v limits publish: got %v, want %v", s, s.LimitsPublish(), tt.want)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ given, want config.Responses }{
		{config.Responses{}, config.Responses{Max: 1, Expires: 2 * time.Minute}},
		{config.Responses{Max: -1, Expires: -1}, config.Responses{Max: -1, Expires: -1}},
		{config.Responses{Max: 3, Expires: time.Second}, config.Responses{Max: 3, Expires: time.Second}},
	} {
		got := compile(t, &config.Permissions{Responses: &tt.given}).Responses()
		if diff := cmp.Diff(&tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.given, diff)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	_, err := permission.Compile(&config.Permissions{
		Publish:   config.Rules{Allow: list("ok", "foo..bar", "foo q"), Deny: list("")},
		Subscribe: config.Rules{Allow: list("a.>.b q", " fine  q "), Deny: list("a q.", "a b c")},
	})
	want := `permissions: publish.allow, entry 2, "foo..bar": the subject is not valid; must have no empty token, and ">" only as the last
permissions: publish.allow, entry 3, "foo q": must be a subject without blanks; only subscribe entries have a queue
permissions: publish.deny, entry 1, "": is empty; must be a subject
permissions: subscribe.allow, entry 1, "a.>.b q": the subject is not valid; must have no empty token, and ">" only as the last
permissions: subscribe.deny, entry 1, "a q.": the queue is not valid; must have no empty token, and ">" only as the last
permissions: subscribe.deny, entry 2, "a b c": has more than two parts; must be "subject" or "subject queue"`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoAllocation(t *testing.T) {
	rules := config.Rules{Allow: list("a.b", "c.*.d", "e.>"), Deny: list("e.f", "e.*.g")}
	s := compile(t, &config.Permissions{Publish: rules, Subscribe: rules})
	f := s.Filter("e.>", "")
	for _, subj := range []string{"a.b", "c.x.d", "e.x.y", "e.f", "nothing", ""} {
		b := []byte(subj)
		if n := testing.AllocsPerRun(100, func() { s.Publish(b); f.Denies(b) }); n > 0 {
			t.Errorf("%q costs %v allocations", subj, n)
		}
	}
}
