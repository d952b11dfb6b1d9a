package library

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"moonwire/hooks/lua/sandbox"
)

// reModule returns the library re.
func reModule() *Module {
	m := newRe()
	m.New = newRe
	return m
}

// newRe makes the library for one VM, which keeps compiled patterns.
func newRe() *Module {
	kept := &reCache{}
	do := func(f func(a *sandbox.Args, p *rePattern, s string) error) sandbox.Func {
		return func(a *sandbox.Args) error {
			source, err := text(a, 1)
			if err != nil {
				return err
			}
			s, err := text(a, 2)
			if err != nil {
				return err
			}
			p, err := kept.compile(a, source)
			if err != nil {
				return fmt.Errorf("bad argument #1 (%w)", err)
			}
			a.Charge(p.resultSize())
			return f(a, p, s)
		}
	}
	pattern := Param{Name: "pattern", Type: "string", Doc: "What to look for."}
	s := Param{Name: "s", Type: "string", Doc: "Where to look."}
	return &Module{
		Name: "re",
		Doc: "Regular expressions as of RE2, which take a time that grows with the text and not beyond: (?i), \\d, \\pL, \\b, (?P<name>…), x{2,5}, *? and the rest of https://pkg.go.dev/regexp/syntax. There are no look-arounds and no back-references. " +
			"A pattern has at most 1024 bytes and 32 groups; a wrong one is an error. The patterns of Lua itself, as in string.match, are cheaper. Long strings cost: each byte of s about an instruction for each 8 steps of the pattern.",
		Functions: []Function{
			{
				Name: "test", Doc: "Tells whether a pattern is somewhere in a string. Use ^ and $ to match all of it.",
				Params: []Param{pattern, s}, Returns: []Param{{Name: "yes", Type: "boolean", Doc: "Whether it is there."}},
				Example: `assert(re.test("^(?i)device-[0-9a-f]{4}$", "Device-00FF"))`,
				Do:      do(reTest),
			},
			{
				Name: "match", Doc: "Returns the groups of the first match, or the whole match if the pattern has none.",
				Params: []Param{pattern, s},
				Returns: []Param{
					{Name: "first", Type: "string|boolean|nil", Doc: "The first group; nil if there is no match, and false if the group took no part in it."},
					{Name: "...", Type: "string|boolean", Doc: "The other groups."},
				},
				Example: `local user, host = re.match("^([^@]+)@([^@]+)$", "ann@example.com")
assert(user == "ann" and host == "example.com" and re.match("[0-9]+", "none") == nil)`,
				Do: do(reMatch),
			},
			{
				Name: "find", Doc: "Returns where the first match begins and ends, and its groups.",
				Params: []Param{pattern, s},
				Returns: []Param{
					{Name: "from", Type: "integer?", Doc: "Where the match begins; nil if there is none."},
					{Name: "to", Type: "integer?", Doc: "Where it ends; from - 1 if the match is empty."},
					{Name: "...", Type: "string|boolean", Doc: "The groups; false for one that took no part in the match."},
				},
				Example: `local from, to, digits = re.find("#([0-9]+)", "order #4711")
assert(from == 7 and to == 11 and digits == "4711")`,
				Do: do(reFind),
			},
			{
				Name: "gsub", Doc: "Replaces matches.",
				Params: []Param{
					pattern, s,
					{Name: "replacement", Type: "string|fun(...: string|boolean): string|number|boolean|nil", Doc: "A text with %0 for the match, %1 to %9 for groups and %% for a percent sign; or a function of the groups (or of the match, if there are none), which returns what to put there, or nil or false to leave it."},
					{Name: "n", Type: "integer?", Doc: "How many to replace at most; all by default."},
				},
				Returns: []Param{{Name: "s", Type: "string", Doc: "The new string."}, {Name: "count", Type: "integer", Doc: "How many were replaced."}},
				Example: `assert(re.gsub("[0-9]{12}([0-9]{4})", "card 1234567890123456", "****%1") == "card ****3456")
assert(re.gsub("\\w+", "a b", function(word) return word:upper() end) == "A B")`,
				Do: do(reGsub),
			},
			{
				Name: "split", Doc: "Returns the parts of a string between matches. A match that is empty splits between characters, but not at the ends.",
				Params: []Param{pattern, s, {Name: "n", Type: "integer?", Doc: "How many parts at most; the last is what remains."}}, Returns: []Param{{Name: "parts", Type: "string[]", Doc: "The parts."}},
				Example: `local parts = re.split(" *, *", "a , b,c")
assert(#parts == 3 and parts[2] == "b")`,
				Do: do(reSplit),
			},
			{
				Name: "quote", Doc: "Returns a pattern that matches a text as it stands. Use it for what comes from a client.",
				Params: []Param{{Name: "text", Type: "string", Doc: "Any text."}}, Returns: []Param{{Name: "pattern", Type: "string", Doc: "A pattern that matches the text as it stands."}},
				Example: `assert(re.test("^" .. re.quote("a.b") .. "$", "a.b") and not re.test("^" .. re.quote("a.b") .. "$", "axb"))`,
				Do:      reQuote,
			},
		},
	}
}

func reTest(a *sandbox.Args, p *rePattern, s string) error {
	a.Return(sandbox.Bool(p.search(a, s, 0) != nil))
	return nil
}

func reMatch(a *sandbox.Args, p *rePattern, s string) error {
	m := p.search(a, s, 0)
	if m == nil {
		a.Return(sandbox.Value{})
		return nil
	}
	a.Return(m.groups(s)...)
	return nil
}

func reFind(a *sandbox.Args, p *rePattern, s string) error {
	m := p.search(a, s, 0)
	if m == nil {
		a.Return(sandbox.Value{})
		return nil
	}
	a.Return(sandbox.Number(float64(m[0]+1)), sandbox.Number(float64(m[1])))
	if len(m) > 2 {
		a.Return(m.groups(s)...)
	}
	return nil
}

// reLimit returns an argument that bounds a number; all is its default.
func reLimit(a *sandbox.Args, i, all int) (int, error) {
	if a.At(i).IsNil() {
		return all, nil
	}
	n, err := integer(a, i, 0, 1<<31)
	return min(int(n), all), err
}

func reGsub(a *sandbox.Args, p *rePattern, s string) error {
	n, err := reLimit(a, 4, len(s)+1)
	if err != nil {
		return err
	}
	var template string
	f := a.At(3)
	if f.Kind() != sandbox.KindFunction {
		if template, err = text(a, 3); err != nil {
			return wrong(a, 3, "string or function")
		}
		if err = checkTemplate(template, p.groupCount); err != nil {
			return err
		}
	}
	b := reBuilder{a: a}
	count, copied := 0, 0
	err = p.each(a, s, func(m reMatched) (bool, error) {
		if count == n {
			return false, nil
		}
		count++
		a.Charge(p.resultSize())
		if f.Kind() == sandbox.KindFunction {
			r, keep, err := reReplacement(a.Call(f, m.groups(s)...))
			if err != nil || keep {
				return true, err
			}
			b.add(s[copied:m[0]])
			b.add(r)
		} else {
			b.add(s[copied:m[0]])
			m.expand(&b, template, s)
		}
		copied = m[1]
		return true, nil
	})
	if err != nil {
		return err
	}
	b.add(s[copied:])
	a.Charge(len(b.out))
	a.Return(sandbox.Bytes(b.out), sandbox.Number(float64(count)))
	return nil
}

// reReplacement is what a function wants in the place of a match.
func reReplacement(v sandbox.Value) (s string, keep bool, err error) {
	if !v.True() {
		return "", true, nil
	}
	if s, ok := v.Text(); ok {
		return s, false, nil
	}
	if f, ok := v.Number(); ok {
		return formatNumber(f), false, nil
	}
	return "", false, fmt.Errorf("the function of re.gsub returned a %s: return a string, or nil to leave the match", v.Kind())
}

// checkTemplate returns an error for a replacement that names a group which is
// not there.
func checkTemplate(template string, groups int) error {
	for i := 0; i < len(template); i++ {
		if template[i] != '%' {
			continue
		}
		c := byte(0)
		if i++; i < len(template) {
			c = template[i]
		}
		switch {
		case c == '%':
		case c < '0' || c > '9':
			return errors.New("bad argument #3 (a percent sign in the replacement is written %%)")
		case int(c-'0') > max(1, groups):
			return fmt.Errorf("bad argument #3 (%%%c in the replacement, but the pattern has %d groups)", c, groups)
		}
	}
	return nil
}

// reBuilder is a string that grows, and pays for that.
type reBuilder struct {
	a   *sandbox.Args
	out []byte
}

func (b *reBuilder) add(s string) {
	if n := len(b.out) + len(s); n > cap(b.out) {
		size := max(2*cap(b.out), n, 128)
		b.a.Charge(size)
		b.out = append(make([]byte, 0, size), b.out...)
	}
	b.a.Step(1 + len(s)/64)
	b.out = append(b.out, s...)
}

// expand adds a replacement with its %1, which is the match if there are no groups.
func (m reMatched) expand(b *reBuilder, template, s string) {
	for {
		i := strings.IndexByte(template, '%')
		if i < 0 {
			b.add(template)
			return
		}
		b.add(template[:i])
		c := template[i+1]
		group := 2 * int(c-'0')
		if len(m) == 2 {
			group = 0
		}
		if c == '%' {
			b.add("%")
		} else if m[group] >= 0 {
			b.add(s[m[group]:m[group+1]])
		}
		template = template[i+2:]
	}
}

func reSplit(a *sandbox.Args, p *rePattern, s string) error {
	n, err := reLimit(a, 3, len(s)+1)
	if err != nil {
		return err
	}
	parts := newList(a.VM(), 0)
	if n == 0 {
		a.Return(parts.Value())
		return nil
	}
	count, from, last := 0, 0, -1
	add := func(part string) error {
		a.Charge(64)
		count++
		if !parts.Append(sandbox.String(part)) {
			return errElements
		}
		return nil
	}
	err = p.each(a, s, func(m reMatched) (bool, error) {
		if count == n-1 {
			return false, nil
		}
		last = m[0]
		if m[1] == 0 {
			return true, nil // nothing before the first character
		}
		err := add(s[from:m[0]])
		from = m[1]
		return true, err
	})
	if err != nil {
		return err
	}
	if last != len(s) || s == "" {
		err = add(s[from:])
	}
	a.Return(parts.Value())
	return err
}

func reQuote(a *sandbox.Args) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	a.Charge(3 * len(s))
	a.Return(sandbox.String(regexp.QuoteMeta(s)))
	return nil
}
