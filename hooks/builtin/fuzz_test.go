package builtin

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"moonwire/hooks"
)

// wellFormed is a block as the stamp takes it, in one sentence.
var wellFormed = regexp.MustCompile(
	`\ANATS/1\.0( [^\x00-\x08\x0a-\x1f\x7f]*)?\r\n([!-9;-~]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n\z`)

// FuzzStamp: whatever a client sends and is called, what goes on reads in one way
// only, and says what the broker knows.
func FuzzStamp(f *testing.F) {
	f.Add([]byte(nil), "alice", "app", false)
	f.Add([]byte("NATS/1.0\r\n\r\n"), "", "", true)
	f.Add([]byte("NATS/1.0 503\r\nNats-Subject: a\r\n\r\n"), "a\r\nb", "\xff", false)
	f.Add([]byte("NATS/1.0\r\nmoonwire-USER: eve\r\nA:b\r\nMoonwire-User:\r\n\r\n"), " a ", "100%", true)
	f.Add([]byte("NATS/1.0\r\nA: b\nMoonwire-User: eve\r\n\r\n"), "é", "\u2028", false)
	f.Add([]byte("NATS/1.0\r\nA: b\r\n c\r\n\r\n"), "a", "b", false)
	f.Add([]byte("NATS/1.0 1 \r\nMoonwire-Time: 0\r\nMoonwire-Client: 1\r\n\r\n"), "a", strings.Repeat("ü", 200), false)
	s := stamp(f, StampOptions{Fields: stampFieldNames()})
	f.Fuzz(func(t *testing.T, header []byte, user, name string, limited bool) {
		client := &hooks.Client{ID: 9, User: user, Account: "A", Name: name, Host: "::1", Kind: "WEBSOCKET"}
		c := message(client, "a", len(header))
		c.Header = bytes.Clone(header)
		if limited {
			c.MaxPayload = 400
		}
		buffer := c.Header
		set := load(t, s)
		ask(set, hooks.AtInspect, c)
		if !bytes.Equal(buffer, header) {
			t.Fatalf("the read buffer has become %q", buffer)
		}
		if good := len(header) == 0 || wellFormed.Match(header); !good {
			if c.Outcome.Verdict != hooks.Deny {
				t.Fatalf("%q: got %+v", header, c.Outcome)
			}
			return
		}
		if limited && c.Outcome.Verdict == hooks.Drop {
			if n := set.Stats()[0].Points[hooks.AtInspect].Errors[hooks.KindOversize]; n != 1 {
				t.Fatalf("%q: got %+v", header, c.Outcome)
			}
			return
		}
		if c.Outcome.Verdict != hooks.Replace || !wellFormed.Match(c.Header) || limited && len(c.Header) > 400 {
			t.Fatalf("%q: got %+v, %q", header, c.Outcome, c.Header)
		}
		if len(header) == 0 {
			header = []byte("NATS/1.0\r\n\r\n")
		}
		was, _, others := naive(t, header, s.names)
		is, ours, left := naive(t, c.Header, s.names)
		if is != was || !slices.Equal(others, left) {
			t.Fatalf("%q became %q", header, c.Header)
		}
		if len(name) > mostLabel {
			name = cut(name, mostLabel)
		}
		for i, want := range []string{
			user, "A", "9", name, "::1", "WEBSOCKET", "2026-07-01T12:00:00.000005000Z", "1782907200000005000",
		} {
			got := ours[strings.ToLower(s.names[i])]
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
				t.Fatalf("%s: got %q, want %q; in %q", s.names[i], got, want, c.Header)
			}
		}
	})
}

// naive reads a well-formed block: its first line, the values under names, which
// are unescaped, and the other lines.
func naive(t *testing.T, block []byte, names []string) (first string, ours map[string][]string, others []string) {
	lines := strings.Split(strings.TrimSuffix(string(block), "\r\n\r\n"), "\r\n")
	ours = make(map[string][]string)
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			others = append(others, line)
			continue
		}
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		ours[name] = append(ours[name], value)
	}
	return lines[0], ours, others
}

// FuzzOpen: settings make an engine that a set takes and that answers, or an error.
func FuzzOpen(f *testing.F) {
	f.Add(true, []byte(`{"fields": ["user", "time"], "headers": {"user": "X"}, "subjects": ["a.>"]}`))
	f.Add(true, []byte(`{"fields": "usr", "headers": {"user": "Nats-X", "host": 1}}`))
	f.Add(false, []byte(`{"rules": [{"by": "user", "rate": 1, "bytes": "1KB", "subjects": ["a", "b.*"]}], "max_buckets": 3}`))
	f.Add(false, []byte(`{"rules": [{"at": "connect", "by": ["user", "host"], "rate": 0.1}, {"action": "drop", "by": "subject", "rate": 1e7}], "admit": true}`))
	f.Add(false, []byte(`{"rules": [{"by": "subject", "bytes": 0.000001, "bytes_burst": 2147483647, "action": "deny"}, 7]}`))
	f.Fuzz(func(t *testing.T, stamped bool, data []byte) {
		var settings map[string]any
		if json.Unmarshal(data, &settings) != nil {
			return
		}
		name := rateLimitName
		if stamped {
			name = stampName
		}
		if buckets, _ := settings["max_buckets"].(float64); buckets > 1e5 {
			return // no need to fill the memory
		}
		e, err := Open(t.Context(), name, settings, nil)
		if err != nil {
			if e != nil || err.Error() == "" {
				t.Fatalf("%v, %v", e, err)
			}
			return
		}
		set := load(t, e)
		for p := range hooks.AtEvent {
			c := message(alice(), "a", 3)
			if p == hooks.AtConnect {
				c.Connect = new(hooks.ConnectInfo)
			}
			ask(set, p, c)
		}
		for p, st := range set.Stats()[0].Points {
			if st.Errors != [hooks.Kinds]uint64{} {
				t.Errorf("failures at %v: %v", hooks.Point(p), st.Errors)
			}
		}
	})
}
