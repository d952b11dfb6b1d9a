package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableIsValid(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, s := range Table() {
		if err := s.Validate(); err != nil {
			t.Errorf("%v", err)
		}
		if s.Title == "" {
			t.Errorf("%s has no title", s.Name)
		}
		if seen[s.Name] {
			t.Errorf("%s is there twice", s.Name)
		}
		seen[s.Name] = true
		if u := s.Unpaced(); u.Paced() {
			t.Errorf("%s is paced after Unpaced", s.Name)
		} else if err := u.Validate(); err != nil {
			t.Errorf("unpaced: %v", err)
		}
	}
	for _, g := range groups(Table()) {
		if seen[g] {
			t.Errorf("%q is a scenario and a group", g)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	good := Scenario{Name: "x", Publishers: 2, Subscribers: 2, Payload: 16}
	for _, tt := range []struct {
		name   string
		change func(*Scenario)
		want   []string // parts of the error; none if it is valid
	}{
		{name: "valid", change: func(*Scenario) {}},
		{name: "no name", change: func(s *Scenario) { s.Name = "" }, want: []string{"has no name"}},
		{
			name: "several problems at once", change: func(s *Scenario) { s.Publishers, s.Payload = 0, 4 },
			want: []string{"needs a publisher", "payload of 4 B is below 12 B"},
		},
		{name: "no subscriber", change: func(s *Scenario) { s.Subscribers = 0 }, want: []string{"needs a subscriber"}},
		{name: "listeners among nobody", change: func(s *Scenario) { s.Fan = Nobody }, want: []string{"nobody to listen"}},
		{
			name: "paced without subscriber", change: func(s *Scenario) { s.Fan, s.Subscribers, s.Rate = Nobody, 0, 1 },
			want: []string{"cannot be paced"},
		},
		{name: "odd pairs", change: func(s *Scenario) { s.Fan, s.Subscribers = Pairs, 3 }, want: []string{"as many subscribers"}},
		{name: "too few subjects", change: func(s *Scenario) { s.Fan, s.Subjects = Partition, 1 }, want: []string{"a subject for each"}},
		{name: "uneven subjects", change: func(s *Scenario) { s.Fan, s.Subjects = Partition, 3 }, want: []string{"evenly"}},
		{name: "tiny header", change: func(s *Scenario) { s.Header = 5 }, want: []string{"header block of 5 B"}},
		{name: "no requests", change: func(s *Scenario) { s.Kind = Request }, want: []string{"requests in flight"}},
		{name: "rate", change: func(s *Scenario) { s.RatePercent = 101 }, want: []string{"impossible rate"}},
		{name: "unbatched at full speed", change: func(s *Scenario) { s.Unbatched = true }, want: []string{"not paced"}},
		{name: "idle without connections", change: func(s *Scenario) { s.Kind = Idle }, want: []string{"needs connections"}},
		{name: "slow reader", change: func(s *Scenario) { s.Slow, s.SlowRate = 1, 1 }},
		{name: "slow reader without a rate", change: func(s *Scenario) { s.Slow = 1 }, want: []string{"needs a rate for its slow readers"}},
		{name: "rate without slow reader", change: func(s *Scenario) { s.SlowRate = 1 }, want: []string{"needs a rate for its slow readers"}},
		{name: "TLS that reads slowly", change: func(s *Scenario) { s.TLS, s.Slow, s.SlowRate = true, 1, 1 }, want: []string{"has TLS together with"}},
		{name: "TLS", change: func(s *Scenario) { s.TLS = true }},
		{name: "TLS that never reads", change: func(s *Scenario) { s.TLS, s.Stuck = true, 1 }, want: []string{"has TLS together with"}},
		{name: "TLS that comes and goes", change: func(s *Scenario) { s.TLS, s.Kind, s.Connections = true, Connect, 1 }, want: []string{"has TLS together with"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := good
			tt.change(&s)
			err := s.Validate()
			if (err != nil) != (len(tt.want) > 0) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to contain %q", err, part)
				}
			}
		})
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		words []string
		want  []string
		fails string
	}{
		{name: "names, in the table's order", words: []string{"1to10-128", "1to1-16"}, want: []string{"1to1-16", "1to10-128"}},
		{name: "once", words: []string{"1to1-16", " 1to1-16", "1to1-16*"}, want: []string{"1to1-16"}},
		{name: "group", words: []string{"growth-subs"}, want: []string{
			"growth-subs-100", "growth-subs-1k", "growth-subs-10k", "growth-subs-100k", "growth-subs-1m",
		}},
		{name: "pattern", words: []string{"request-*"}, want: []string{"request-1", "request-64"}},
		{name: "all", words: []string{All}, want: names(Table())},
		{name: "unknown", words: []string{"1to1-16", "nonsense"}, fails: `unknown scenario "nonsense"; there are 1to1-16, 1to1-128, `},
		{name: "unknown names the groups too", words: []string{"nonsense"}, fails: "the groups all, design, quick"},
		{name: "empty word", words: []string{""}, fails: `unknown scenario ""`},
		{name: "bad pattern", words: []string{"[a"}, fails: "syntax error in pattern"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Select(tt.words)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("got error %v, want it to contain %q", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, names(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A load with a twist is the plain one in all but the twist.
func TestTwins(t *testing.T) {
	t.Parallel()
	table := make(map[string]Scenario)
	for _, s := range Table() {
		table[s.Name] = s
	}
	for _, tt := range []struct {
		name, plain string
		untwist     func(*Scenario)
	}{
		{name: "slow", plain: "1to10-128", untwist: func(s *Scenario) { s.Stuck-- }},
		{name: "slow-paced", plain: "slow-paced-none", untwist: func(s *Scenario) { s.Stuck-- }},
		{name: "slow-reader", plain: "1to10-128", untwist: func(s *Scenario) { s.Slow, s.SlowRate = s.Slow-1, 0 }},
		{name: "slow-reader-paced", plain: "slow-paced-none", untwist: func(s *Scenario) { s.Slow, s.SlowRate = s.Slow-1, 0 }},
		{name: "tls-1to1-128", plain: "1to1-128", untwist: func(s *Scenario) { s.TLS = false }},
		{name: "tls-1to1-4k", plain: "1to1-4k", untwist: func(s *Scenario) { s.TLS = false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, want := table[tt.name], table[tt.plain]
			if cmp.Equal(got, want) || got.Forwardable() {
				t.Fatalf("no twist: %+v", got)
			}
			tt.untwist(&got)
			got.Name, got.Title, got.Groups = want.Name, want.Title, want.Groups
			got.Goals, got.Beside = want.Goals, want.Beside
			if calm := table[tt.name]; calm.Beside != "" {
				if calm = calm.Calm(); calm.Name != tt.plain || calm.Stuck+calm.Slow+calm.SlowRate > 0 || calm.Unit() != want.Unit() {
					t.Errorf("calm: %+v, want %s", calm, tt.plain)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-%s +%s):\n%s", tt.plain, tt.name, diff)
			}
		})
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"1to1-16": UnitDelivery, "queue-4to8": UnitDelivery, "nobody-128": UnitPublish, "request-1": UnitRequest,
		"connect": UnitConnection, "idle-1k": UnitIdle, "idle-subs-100k": UnitSub,
	}
	for _, s := range Table() {
		if w, ok := want[s.Name]; ok && s.Unit() != w {
			t.Errorf("%s: got %q, want %q", s.Name, s.Unit(), w)
		}
	}
}
