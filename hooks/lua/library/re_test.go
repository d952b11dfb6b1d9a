package library

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"time"

	"moonwire/hooks/lua/sandbox"
)

func TestRe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expression, s, want string }{
		{`re.test("b+", s)`, "abbc", "<true>"},
		{`re.test("^b+", s)`, "abbc", "<false>"},
		{`re.test("(?i)B", s)`, "abc", "<true>"},
		{`re.test("^.$", s)`, "é", "<true>"},
		{`re.test("^..$", s)`, "\xff\xfe", "<true>"},
		{`re.test("4", 1249)`, "", "<true>"},
		{`re.match("a(b)(c)?(d)", s)`, "xabdx", "b <false> d"},
		{`re.match("b+", s)`, "abbc", "bb"},
		{`re.match("x()", s)`, "x", ""},
		{`re.match("x", s)`, "abc", "<nil>"},
		{`re.match("(?P<word>[a-z]+)", s)`, "12ab", "ab"},
		{`re.find("b+", s)`, "abbc", "<2> <3>"},
		{`re.find("(b)(x)?", s)`, "abbc", "<2> <2> b <false>"},
		{`re.find("", s)`, "abc", "<1> <0>"},
		{`re.find("x", s)`, "abc", "<nil>"},
		{`re.gsub("b", s, "-")`, "abcb", "a-c- <2>"},
		{`re.gsub("b", s, "-", 1)`, "abcb", "a-cb <1>"},
		{`re.gsub("b", s, "-", 0)`, "abcb", "abcb <0>"},
		{`re.gsub("x", s, "-")`, "abcb", "abcb <0>"},
		{`re.gsub("([a-z])([0-9])?", s, "<%2%1%0%%>")`, "a1b", "<1aa1%><bb%> <2>"},
		{`re.gsub("b", s, "<%0%1>")`, "abc", "a<bb>c <1>"},
		{`re.gsub("^a", s, "x")`, "aaa", "xaa <1>"},
		{`re.gsub("(?m)^", s, "> ")`, "a\nb", "> a\n> b <2>"},
		{`re.gsub("\\b", s, "|")`, "ab cd", "|ab| |cd| <4>"},
		{`re.gsub("\\Qa.b", s, "x")`, "a.ba.b", "xx <2>"},
		{`re.gsub("", s, "-")`, "aé", "-a-é- <3>"},
		{`re.gsub("a*", s, "x")`, "baac", "xbxcx <3>"},
		{`re.gsub("[0-9]+", s, function(n) return n * 2 end)`, "a1b20", "a2b40 <2>"},
		{`re.gsub("[0-9]", s, function(n) return n ~= "1" and "x" end)`, "a1b2", "a1bx <2>"},
		{`re.gsub("(a)(b)?", s, function(a, b) return (b or "none") .. a end)`, "aab", "noneaba <2>"},
		{`re.gsub("b", s, 7)`, "abc", "a7c <1>"},
		{`table.concat(re.split(",", s), "|")`, "a,b,,c", "a|b||c"},
		{`table.concat(re.split(",", s, 2), "|")`, "a,b,,c", "a|b,,c"},
		{`#re.split(",", s, 0)`, "a,b", "<0>"},
		{`table.concat(re.split(",", s, 1), "|")`, "a,b", "a,b"},
		{`table.concat(re.split("", s), "|")`, "abc", "a|b|c"},
		{`#re.split(",", s)`, "", "<1>"},
		{`re.quote(s)`, "a.b*[c]", `a\.b\*\[c\]`},
	} {
		t.Run(tt.expression+" "+tt.s, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, tt.expression, tt.s); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for expression, want := range map[string]string{
		`re.test("(", "")`:                                   "bad argument #1 (missing closing ): \"(\")",
		`re.test("a(?=b)", "")`:                              `bad argument #1 (invalid or unsupported Perl syntax: "(?=")`,
		`re.test("x{1001}", "")`:                             `bad argument #1 (invalid repeat count: "{1001}")`,
		`re.test(("x"):rep(1025), "")`:                       "bad argument #1 (a pattern has at most 1024 bytes, this one has 1025)",
		`re.test("(?:abc){1000}", "")`:                       "bad argument #1 (the pattern is too large: written out it has more than 2000 steps)",
		`re.test(("(x)"):rep(33), "")`:                       "bad argument #1 (a pattern has at most 32 groups, this one has 33)",
		`re.test()`:                                          "bad argument #1 (string expected, got no value)",
		`re.test("a")`:                                       "bad argument #2 (string expected, got no value)",
		`re.gsub("a", "a")`:                                  "bad argument #3 (string or function expected, got no value)",
		`re.gsub("a", "a", {})`:                              "bad argument #3 (string or function expected, got table)",
		`re.gsub("(a)", "a", "%2")`:                          "bad argument #3 (%2 in the replacement, but the pattern has 1 groups)",
		`re.gsub("(a)", "a", "%")`:                           "bad argument #3 (a percent sign in the replacement is written %%)",
		`re.gsub("(a)", "a", "%x")`:                          "bad argument #3 (a percent sign in the replacement is written %%)",
		`re.gsub("a", "a", "b", -1)`:                         "bad argument #4 (-1 is not a whole number from 0 to 2147483648)",
		`re.gsub("a", "a", tostring, "x")`:                   "bad argument #4 (number expected, got string)",
		`re.gsub("a", "a", function() return {} end)`:        "the function of re.gsub returned a table: return a string, or nil to leave the match",
		`re.gsub("a", "a", function() error("boom", 0) end)`: "boom",
		`re.split("a", "a", {})`:                             "bad argument #3 (number expected, got table)",
		`re.quote()`:                                         "bad argument #1 (string expected, got no value)",
	} {
		if got := pureError(t, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// TestReNested: a function that gsub calls can use the library itself.
func TestReNested(t *testing.T) {
	t.Parallel()
	got := pureText(t, `re.gsub("[a-z]", s, function(c)
		for i = 1, 100 do re.test("x" .. i, c) end
		return re.gsub(c, "a-b", "!")
	end)`, "abc")
	if want := "!-ba-!a-b <3>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// rePatterns are patterns of all kinds.
var rePatterns = []string{
	`a`, `ab|cd`, `(a|b)*c`, `^a+`, `a$`, `(?m)^.`, `\b`, `\B.`, `x*`, `[^a-c]+`, `(?i)é`, `\pL+`, `(a)(b)?|c`, `a{2,3}`, `(?:a{2}){3}`, `a*?b`, `\Qa.b`, `(?s).`, `()`,
	`(?U)a+`, `[[:alpha:]]\d*`, `(?i)[k-s]`, `\x{1F600}`, `a{0}`, `a{0,2}b{1,}`, `(((a){2,4}){2}){2}`, `^`, `$`, `\z`, `\A`, `(?i:a)b`, `[\pL\d]{1,4}`, `.{3}`, `a.*z|a`, `\C`,
}

// TestProgramSize: what a pattern is said to take is not less than it takes.
func TestProgramSize(t *testing.T) {
	t.Parallel()
	for _, pattern := range append(rePatterns, `((x{3}){3}){3}`, `(?:a?){100}`, `[a-z]{1,64}(?:[0-9]{2,}|x){5}`, `(a{1,3}|b{2,}){4}`) {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			if pattern != `\C` { // which it does not know
				t.Error(err)
			}
			continue
		}
		said, _ := programSize(parsed)
		said += 2
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(program.Inst); said < n || said > 2*n+4 {
			t.Errorf("%s: said to take %d, takes %d", pattern, said, n)
		}
	}
}

// reCompare compares the library with that of Go.
func reCompare(t *testing.T, s *pureScript, pattern, text string) {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil || len(pattern) > maxRePattern || re.NumSubexp() > maxReGroups {
		return
	}
	v, err := s.vm.Call(s.fn, sandbox.Budget{Instructions: 1 << 40, Memory: 1 << 40, Wall: time.Hour}, sandbox.String(pattern), sandbox.String(text))
	if err != nil && strings.Contains(err.Error(), "too large") {
		return
	}
	if err != nil {
		t.Fatalf("%q in %q: %v", pattern, text, err)
	}
	got, _ := v.Text()
	want := re.ReplaceAllString(text, "<$0>") + "\x00" + strings.Join(re.Split(text, -1), "\x01") + "\x00" + strings.Join(re.Split(text, 2), "\x01") + "\x00"
	for i, g := range re.FindStringSubmatch(text) {
		if re.NumSubexp() == 0 || i > 0 {
			want += "\x01" + g
		}
	}
	if pattern == "" && text == "" {
		return // Go's Split has no part then
	}
	if got != want {
		t.Errorf("%q in %q:\ngot  %q\nwant %q", pattern, text, got, want)
	}
}

const reComparison = `hook(function(p, s)
	local function all(...)
		local out = ""
		for i = 1, select("#", ...) do out = out .. "\1" .. (select(i, ...) or "") end
		return out
	end
	local found = re.test(p, s) and all(re.match(p, s)) or ""
	assert((found ~= "") == (re.find(p, s) ~= nil))
	return table.concat({ (re.gsub(p, s, "<%0>")), table.concat(re.split(p, s), "\1"), table.concat(re.split(p, s, 2), "\1"), found }, "\0")
end)`

func TestReLikeGo(t *testing.T) {
	t.Parallel()
	s := newPure(t, reComparison)
	for _, pattern := range rePatterns {
		for _, text := range []string{"", "a", "abc", "aaab", "a.ba.b", "baac cd\nab", "é\xffÉ\xc3a", "\xff\xff", "😀a1b22", "aaaaaaaaaaaaaaaa", "a z a z a", "\n\n", "ssſKk", "\ufffd"} {
			reCompare(t, s, pattern, text)
		}
	}
}

func FuzzRe(f *testing.F) {
	for _, pattern := range rePatterns {
		f.Add(pattern, "baac cd\nabé\xff")
	}
	s := newPure(f, reComparison)
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(text) <= 200 {
			reCompare(t, s, pattern, text)
		}
	})
}

// TestReLong searches in what is too long for one go.
func TestReLong(t *testing.T) {
	t.Parallel()
	s := newPure(t, `hook(function(s) return re.find("(x|y)z", s) end)`)
	budget := sandbox.Budget{Instructions: 1 << 30, Wall: time.Hour}
	text := strings.Repeat("éx", 100_000)
	v, err := s.vm.Call(s.fn, budget, sandbox.String(text+"yz"))
	if at, _ := v.Number(); err != nil || int(at) != len(text)+1 {
		t.Errorf("got %v, %v; want %d", at, err, len(text)+1)
	}
}

func TestReHostile(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for _, tt := range []struct{ name, source, input string }{
		{"a long text", `return re.test("(a|b|ab)*c", s)`, long},
		{"a large pattern", `return re.test("(?:a?){300}c", s)`, long},
		{"a large pattern again", `while true do re.test("(?:a?){300}c", s) end`, long[:1000]},
		{"classes", `return re.test("(?i)(?:\\pL?){300}0", s)`, long[:10000]},
		{"classes again", `while true do re.test("(?i)(?:\\pL?){300}0", s) end`, strings.Repeat("é", 100)},
		{"groups", `while true do re.match("(?:(a?)(b?)){15}0", s) end`, long[:1000]},
		{"the square of the length", `return re.gsub("a.*z|a", s, "b")`, long},
		{"the square of a length", `while true do re.gsub("a.*z|a", s, "b") end`, long[:1000]},
		{"splitting", `return re.split("a", s)`, long},
		{"splitting again", `while true do re.split("", s) end`, long[:5000]},
		{"growing", `return re.gsub("a", s, ("%0"):rep(1000))`, long},
		{"functions", `return re.gsub("a", s, function(c) return c .. c end)`, long},
		{"ever new patterns", `local i = 0 while true do i = i + 1 re.test("(a|b){1,100}" .. i, s) end`, "abc"},
		{"ever new small patterns", `local i = 0 while true do i = i + 1 re.gsub("a" .. i, s, "") end`, "abc"},
		{"ever new patterns with classes", `local i = 0 while true do i = i + 1 re.gsub(("\\pL"):rep(300) .. i, s, "") end`, "abc"},
		{"wrong patterns", `local i = 0 while true do i = i + 1 pcall(re.test, "(" .. i, s) end`, "abc"},
		{"nested repetitions", `pcall(re.test, ("("):rep(100) .. "x" .. ("{9})"):rep(100), s)`, "abc"},
		{"deep patterns", `pcall(re.test, ("("):rep(500) .. "x" .. (")"):rep(500), s)`, "abc"},
		{"quoting", `while true do s = re.quote(s) end`, "..."},
		{"matching little", `while true do re.match("^a(.)c$", s) end`, "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, tt.input) })
	}
}

func BenchmarkRe(b *testing.B) {
	for _, tt := range []struct{ name, expression, input string }{
		{"test", `re.test("^device-[0-9a-f]{4}$", s)`, "device-00ff"},
		{"match", `re.match("^orders\\.(\\w+)\\.(\\d+)$", s)`, "orders.west.42"},
		{"find128", `re.find("[0-9]{16}", s)`, benchDocument},
		{"gsub128", `re.gsub("[0-9]{12}([0-9]{4})", s, "****%1")`, benchDocument},
	} {
		b.Run(tt.name, func(b *testing.B) {
			s := newPure(b, "hook(function(s) return "+tt.expression+" end)")
			args := []sandbox.Value{sandbox.String(tt.input)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.vm.Call(s.fn, sandbox.Budget{}, args...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
