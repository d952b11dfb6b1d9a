package builtin

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/conf"

	"moonwire/hooks"
)

type m = map[string]any

// TestOpenAll: a configuration with every key, as both formats give it.
func TestOpenAll(t *testing.T) {
	t.Parallel()
	e := open(t, stampName, m{
		"fields":   []any{"time", "user"},
		"headers":  m{"user": "Sent-By"},
		"subjects": "orders.>",
	}, nil)
	s := e.(*Stamp)
	if got := []string{s.names[s.fields[0]], s.names[s.times[0]], s.subjects[0]}; !cmp.Equal(got, []string{"Sent-By", "Moonwire-Time", "orders.>"}) {
		t.Errorf("got %q", got)
	}
	e = open(t, rateLimitName, m{
		"rules": []any{
			m{"by": []any{"account", "user"}, "rate": int64(10), "burst": int64(20), "bytes": "64KB", "bytes_burst": int64(100_000)},
			m{"by": "client", "rate": 0.5, "action": "delay", "max_delay": "100ms", "subjects": []any{"a", "b.*"}},
			m{"by": "client", "bytes": "3k", "action": "drop"},
			m{"at": "connect", "by": "host", "rate": int64(3)},
		},
		"max_buckets": int64(50),
		"admit":       true,
	}, nil)
	l := e.(*RateLimit)
	var got []RateRule
	for _, r := range l.rules {
		got = append(got, r.RateRule)
	}
	want := []RateRule{
		{At: hooks.AtPublish, By: hooks.FieldUser | hooks.FieldAccount, Rate: 10, Burst: 20, Bytes: 64 << 10, BytesBurst: 100_000},
		{At: hooks.AtPublish, By: hooks.FieldClient, Rate: 0.5, Burst: 1, Action: ActionDelay, MaxDelay: 1e8, Subjects: []string{"a", "b.*"}},
		{At: hooks.AtInspect, By: hooks.FieldClient, Bytes: 3000, BytesBurst: 3000, Action: ActionDrop},
		{At: hooks.AtConnect, By: hooks.FieldHost, Rate: 3, Burst: 3},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if l.maxBuckets != 50 || !l.gates[0].admit {
		t.Errorf("max_buckets %d, admit %v", l.maxBuckets, l.gates[0].admit)
	}
}

// TestDocumentation: the settings in the comment of the package are right, for each
// hook, and have all keys.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "Settings, with all keys:\n")
	text, _, ok := strings.Cut(text, "\n// What all keys mean")
	if !ok {
		t.Fatal("doc.go has no settings")
	}
	settings, err := conf.Parse(regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(text, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		open(t, name, settings[name].(m), nil)
	}
	if fields, want := len(settings[stampName].(m)["fields"].([]any)), len(stampFields); fields != want {
		t.Errorf("%d fields, want %d", fields, want)
	}
}

// TestOpenErrors: all that is wrong, each once, with its key and what to do.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	many := make([]any, mostRules+1)
	for i := range many {
		many[i] = m{"by": "user", "rate": int64(1)}
	}
	for name, tt := range map[string]struct {
		hook     string
		settings m
		want     []string
	}{
		"misspelled hook": {"stmap", nil, []string{`unknown built-in hook "stmap"; did you mean "stamp"?`}},
		"unknown hook":    {"firewall", nil, []string{`unknown built-in hook "firewall": want one of ["ratelimit" "stamp"]`}},
		"stamp": {stampName, m{
			"feilds": []any{"user"}, "100%s": 1, "subjects": []any{"a..b", "x y"},
			"headers": m{"user": "Nats-User", "acount": "X", "host": "a b", "kind": "status", "name": "", "client": int64(1)},
		}, []string{
			`stamp: headers.client: want a text, not 1`,
			`stamp: 100%s: unknown key "100%s": want one of ["fields" "headers" "subjects"]`,
			`stamp: feilds: unknown key "feilds"; did you mean "fields"?`,
			`stamp: headers.acount: unknown field "acount"; did you mean "account"?`,
			`stamp: headers.host: "a b" is no name of a header: want printable ASCII without blanks and colons`,
			`stamp: headers.kind: "status" is what clients call the status of a message: choose another name`,
			`stamp: headers.name: is empty: leave the key out for the default`,
			`stamp: headers.user: "Nats-User" begins with Nats-, which is for the protocol: choose another name`,
			`stamp: subjects: "a..b" is not a valid subject`,
		}},
		"stamp, fields": {stampName, m{"fields": []any{"user", "hots"}, "headers": m{
			"user": "X", "host": "x", "time": strings.Repeat("x", 65), "kind": "moonwire-name",
		}}, []string{
			`stamp: headers.time: is too long: a name of a header may have 64 bytes`,
			`stamp: headers.host: "x" is the header of user already`,
			`stamp: headers.kind: "moonwire-name" is the header of name already`,
			`stamp: fields: unknown field "hots"; did you mean "host"?`,
		}},
		"stamp, twice": {stampName, m{"fields": []any{"user", "user"}, "headers": "x"}, []string{
			`stamp: headers: want a block, not "x"`,
			`stamp: fields: "user" is there twice`,
		}},
		"lists": {stampName, m{"fields": []any{}, "subjects": []any{int64(1), "a"}}, []string{
			`stamp: fields: has an empty text, or none: leave the key out for the default`,
			`stamp: subjects: want a list of texts: 1 is none`,
		}},
		"no lists": {stampName, m{"fields": true, "subjects": m{}}, []string{
			`stamp: fields: want a text or a list of them, not true`,
			`stamp: subjects: want a text or a list of them, not a block`,
		}},
		"no rules": {rateLimitName, nil, []string{`ratelimit: rules: are missing: want at least one, such as { by: user, rate: 100 }`}},
		"rules": {rateLimitName, m{"rules": m{}, "max_buckets": -1, "admit": "yes"}, []string{
			`ratelimit: max_buckets: want a whole number from 1 to 2147483647, not -1`,
			`ratelimit: admit: want true or false, not "yes"`,
			`ratelimit: rules: want a list of blocks, not a block`,
		}},
		"kinds": {rateLimitName, m{"rules": []any{m{
			"by": "usr", "rate": "fast", "burst": 1.5, "bytes": "64XB", "bytes_burst": nil, "max_delay": int64(5), "action": "dney", "at": "publsih", "rtae": int64(1),
		}, "x", m{"by": []any{"host", "tags.x"}, "rate": int64(0), "bytes": "4GB", "at": "rewrite"}}}, []string{
			`ratelimit: rules[1]: want a block, not "x"`,
			`ratelimit: rules[0].rate: want a number above 0, not "fast"`,
			`ratelimit: rules[0].burst: want a whole number from 1 to 2147483647, not 1.5`,
			`ratelimit: rules[0].bytes: want a number of bytes from 1 to 2147483647, such as 65536 or "64KB", not "64XB"`,
			`ratelimit: rules[0].bytes_burst: want a number of bytes from 1 to 2147483647, such as 65536 or "64KB", not nothing`,
			`ratelimit: rules[0].max_delay: want a duration above 0 such as "100ms", not 5`,
			`ratelimit: rules[0].action: unknown action "dney"; did you mean "deny"?`,
			`ratelimit: rules[0].at: unknown point "publsih"; did you mean "publish"?`,
			`ratelimit: rules[0].by: unknown field "usr"; did you mean "user"?`,
			`ratelimit: rules[0].rtae: unknown key "rtae"; did you mean "rate"?`,
			`ratelimit: rules[2].rate: want a number above 0, not 0`,
			`ratelimit: rules[2].bytes: want a number of bytes from 1 to 2147483647, such as 65536 or "64KB", not "4GB"`,
			`ratelimit: rules[2].by: unknown field "tags.x": want one of ["user" "account" "client" "host" "subject"]`,
			`ratelimit: rules[2].at: rewrite has no limits: want one of ["connect" "publish" "subscribe" "inspect"]`,
		}},
		"senseless": {rateLimitName, m{"admit": true, "rules": []any{
			m{},
			m{"by": "user", "rate": int64(1), "bytes_burst": int64(1), "max_delay": "1s"},
			m{"by": "user", "rate": 1e8},
			m{"by": "user", "rate": 1e-9},
			m{"by": "user", "rate": int64(1), "action": "delay", "max_delay": "1h"},
			m{"by": "user", "rate": int64(1), "action": "drop", "at": "subscribe", "bytes": int64(5)},
		}}, []string{
			`ratelimit: rules[0].by: is missing: want some of ["user" "account" "client" "host" "subject"]`,
			`ratelimit: rules[0].rate: is missing: without it, and without bytes, there is no limit`,
			`ratelimit: rules[1].bytes_burst: means nothing without bytes`,
			`ratelimit: rules[1].max_delay: is for action delay, not deny`,
			`ratelimit: rules[2].rate: 1e+08: want more than 0, and at most 10000000 each second`,
			`ratelimit: rules[3].burst: 1 would take more than 720h0m0s to come in: raise rate or lower it`,
			`ratelimit: rules[4].max_delay: 1h0m0s: want more than 0, and at most 1m0s`,
			`ratelimit: rules[5].action: drop is for messages at inspect, not at subscribe: deny there`,
			`ratelimit: rules[5].bytes: is for messages, not at subscribe`,
			`ratelimit: admit: means nothing without a rule at connect`,
		}},
		"connect": {rateLimitName, m{"rules": []any{
			m{"at": "connect", "by": []any{"user", "client"}, "rate": int64(1), "subjects": "a"},
		}}, []string{
			`ratelimit: rules[0].by: client is not known at connect: want user, host or both`,
			`ratelimit: rules[0].subjects: there are none at connect`,
		}},
		"too many": {rateLimitName, m{"rules": many}, []string{
			`ratelimit: rules: there are more than 8 at publish: split them over two hooks`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Open(t.Context(), tt.hook, tt.settings, nil)
			if err == nil || e != nil {
				t.Fatalf("got %v, %v", e, err)
			}
			if d := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOptionErrors: what only Go code can say.
func TestOptionErrors(t *testing.T) {
	t.Parallel()
	nan := 0.0
	nan /= nan
	_, err := NewRateLimit(RateLimitOptions{MaxBuckets: -1, Rules: []RateRule{
		{At: 77, By: hooks.FieldUser, Rate: 1},
		{At: hooks.AtPublish, By: hooks.FieldPayload, Rate: nan, Burst: 1},
		{At: hooks.AtPublish, By: hooks.FieldUser, Rate: -1, Bytes: 1, BytesBurst: -1, Action: 9, MaxDelay: -1},
	}}, nil)
	want := []string{
		`ratelimit: rules[0].at: unknown(77) has no limits: want one of ["connect" "publish" "subscribe" "inspect"]`,
		`ratelimit: rules[1].by: payload: want some of ["user" "account" "client" "host" "subject"]`,
		`ratelimit: rules[1].rate: NaN: want more than 0, and at most 10000000 each second`,
		`ratelimit: rules[2].action: unknown(9): want one of ["deny" "drop" "delay"]`,
		`ratelimit: rules[2].rate: -1: want more than 0, and at most 10000000 each second`,
		`ratelimit: rules[2].bytes_burst: -1: want at least 1, and at most 2147483647`,
		`ratelimit: rules[2].max_delay: is for action delay, not unknown(9)`,
		`ratelimit: max_buckets: -1: want at least 1, and at most 100000000`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
		t.Error(d)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	settings := map[string]m{rateLimitName: {"rules": []any{m{"by": "user", "rate": 1}}}}
	for _, name := range Names() {
		e := open(t, name, settings[name], nil)
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
		e.Notify(0, nil)
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"7": 7, "7b": 7, "64KB": 65536, "64 kib": 65536, "64K": 64000, "2MB": 2 << 20, "2m": 2e6, "1GiB": 1 << 30, "1g": 1e9,
	} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "KB", "-1", "1.5MB", "1TB", "1 K B", "99999999999999999999"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestActionString(t *testing.T) {
	t.Parallel()
	for a, want := range map[Action]string{ActionDeny: "deny", ActionDrop: "drop", ActionDelay: "delay", 9: "unknown(9)"} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
