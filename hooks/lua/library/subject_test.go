package library

import (
	"strings"
	"testing"
)

func TestSubject(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expression, s, want string }{
		{`subject.match("a.*", s)`, "a.b", "<true>"},
		{`subject.match("a.*", s)`, "a.b.c", "<false>"},
		{`subject.match("a.>", s)`, "a.b.c", "<true>"},
		{`subject.match("a..b", s)`, "a..b", "<false>"},
		{`subject.covers("a.>", s)`, "a.*.c", "<true>"},
		{`subject.covers("a.*", s)`, "a.>", "<false>"},
		{`subject.covers("a.*", s)`, "a.b", "<true>"},
		{`subject.covers("a..", s)`, "a..", "<false>"},
		{`subject.valid(s)`, "a.b", "<true>"},
		{`subject.valid(s)`, "", "<false>"},
		{`subject.valid(s)`, "a..b", "<false>"},
		{`subject.valid(s)`, "a.*", "<false>"},
		{`subject.valid(s)`, "a.*b", "<true>"},
		{`subject.valid(s)`, "a.>", "<false>"},
		{`subject.valid(s)`, "a b", "<false>"},
		{`subject.valid(s)`, "a\r\nPUB b 0", "<false>"},
		{`subject.valid(12)`, "", "<true>"},
		{`subject.valid_pattern(s)`, "a.*.>", "<true>"},
		{`subject.valid_pattern(s)`, "a.>.b", "<false>"},
		{`subject.valid_pattern(s)`, "a.*\t", "<false>"},
		{`table.concat(subject.split(s), "|")`, "a.b.c", "a|b|c"},
		{`table.concat(subject.split(s), "|")`, "a..c.", "a||c|"},
		{`#subject.split(s)`, "", "<0>"},
		{`subject.token(s, 1)`, "a.b.c", "a"},
		{`subject.token(s, 3)`, "a.b.c", "c"},
		{`subject.token(s, -2)`, "a.b.c", "b"},
		{`subject.token(s, 4)`, "a.b.c", "<nil>"},
		{`subject.token(s, -4)`, "a.b.c", "<nil>"},
		{`subject.token(s, 0)`, "a.b.c", "<nil>"},
		{`subject.token(s, 1)`, "", "<nil>"},
		{`subject.token(s, 2)`, "a..c", ""},
		{`subject.join("t", s, 7)`, "acme", "t.acme.7"},
		{`subject.join("t", s)`, "", `<nil> argument #2 is not one token: ""`},
		{`subject.join("t", s)`, "a.b", `<nil> argument #2 is not one token: "a.b"`},
		{`subject.join("t", s)`, ">", `<nil> argument #2 is not one token: ">"`},
		{`subject.join("t", s)`, "*", `<nil> argument #2 is not one token: "*"`},
		{`subject.join("t", s)`, "a b", `<nil> argument #2 is not one token: "a b"`},
		{`subject.join("t", s)`, "a\r\n", `<nil> argument #2 is not one token: "a\r\n"`},
	} {
		t.Run(tt.expression+" "+tt.s, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, tt.expression, tt.s); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for expression, want := range map[string]string{
		`subject.match("a")`:         "bad argument #2 (string expected, got no value)",
		`subject.valid()`:            "bad argument #1 (string expected, got no value)",
		`subject.split({})`:          "bad argument #1 (string expected, got table)",
		`subject.token("a")`:         "bad argument #2 (number expected, got no value)",
		`subject.token("a", 1.5)`:    "bad argument #2 (1.5 is not a whole number from -2147483648 to 2147483648)",
		`subject.join()`:             "bad argument #1 (string expected, got no value)",
		`subject.join("t", nil, "")`: "bad argument #2 (string expected, got nil)",
	} {
		if got := pureError(t, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

func TestSubjectHostile(t *testing.T) {
	const mega = 1 << 20
	for _, tt := range []struct{ name, source, input string }{
		{"dots", "return subject.split(s)", strings.Repeat(".", mega)},
		{"splitting", "while true do subject.split(s) end", strings.Repeat("a.", 1000)},
		{"tokens", "while true do subject.token(s, -1) end", strings.Repeat("a.", mega/2)},
		{"matching", `while true do subject.match("a.>", s) end`, strings.Repeat("a.", mega/2) + "a"},
		{"joining", `local t = s for i = 1, 100 do t = subject.join(t:gsub("%.", ""), t:gsub("%.", "")) end`, "abc"},
		{"refusing", `while true do subject.join(s) end`, strings.Repeat("a", mega) + "."},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, tt.input) })
	}
}
