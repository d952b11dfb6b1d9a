package library

import (
	"fmt"
	"strings"

	"moonwire/hooks/lua/sandbox"
	"moonwire/server/subject"
)

// subjectBlanks end a subject on the wire.
const subjectBlanks = " \t\r\n\x00"

// subjectModule returns the library subject.
func subjectModule() *Module {
	yes := []Param{{Name: "yes", Type: "boolean", Doc: "Whether it is so."}}
	pattern := Param{Name: "pattern", Type: "string", Doc: "A pattern, or a subject, which matches itself."}
	one := Param{Name: "subject", Type: "string", Doc: "A subject."}
	text := Param{Name: "text", Type: "string", Doc: "Any text."}
	return &Module{
		Name: "subject",
		Doc: "Takes subjects apart and compares them as the broker does. A subject is a row of tokens with dots between them; a pattern is one in which the token * stands for any one token, " +
			"and > as the last for one or more.",
		Functions: []Function{
			{
				Name: "match", Doc: "Tells whether a pattern matches a subject. What is not valid matches nothing.",
				Params: []Param{pattern, one}, Returns: yes,
				Example: `assert(subject.match("t.*.cmd.>", "t.acme.cmd.stop.now"))`,
				Do:      func(a *sandbox.Args) error { return subjectCompare(a, subject.Match[string, string]) },
			},
			{
				Name:   "covers",
				Doc:    "Tells whether a pattern matches all that another one does, so that a permission for the first is one for the second. What is not valid covers nothing and is not covered.",
				Params: []Param{pattern, {Name: "other", Type: "string", Doc: "The pattern that may lie within it."}}, Returns: yes,
				Example: `assert(subject.covers("t.acme.>", "t.acme.*.state") and not subject.covers("t.*", "t.>"))`,
				Do: func(a *sandbox.Args) error {
					return subjectCompare(a, func(pattern, other string) bool { return subject.Subset(other, pattern) })
				},
			},
			{
				Name: "valid", Doc: "Tells whether a text is a subject to publish to: no token is empty or a wildcard, and there is no space.",
				Params: []Param{text}, Returns: yes,
				Example: `assert(subject.valid("orders.new") and not subject.valid("orders.*") and not subject.valid("orders..new"))`,
				Do:      func(a *sandbox.Args) error { return subjectCheck(a, validSubject) },
			},
			{
				Name: "valid_pattern", Doc: "Tells whether a text is a pattern or a subject, which one can subscribe to.",
				Params: []Param{text}, Returns: yes,
				Example: `assert(subject.valid_pattern("orders.>") and not subject.valid_pattern("orders.>.new"))`,
				Do: func(a *sandbox.Args) error {
					return subjectCheck(a, func(s string) bool { return subject.ValidPattern(s) && !strings.ContainsAny(s, subjectBlanks) })
				},
			},
			{
				Name: "split", Doc: "Returns the tokens of a subject. Tokens may be empty; an empty text has none.",
				Params: []Param{one}, Returns: []Param{{Name: "tokens", Type: "string[]", Doc: "The tokens in their order."}},
				Example: `assert(subject.split("t.acme.orders")[2] == "acme")`,
				Do:      subjectSplit,
			},
			{
				Name: "token", Doc: "Returns one token of a subject, without making a list of them all.",
				Params:  []Param{one, {Name: "i", Type: "integer", Doc: "Counted from 1, or from the end if it is negative."}},
				Returns: []Param{{Name: "token", Type: "string?", Doc: "The token, or nil if there are fewer."}},
				Example: `assert(subject.token("t.acme.orders", 2) == "acme" and subject.token("t.acme.orders", -1) == "orders")`,
				Do:      subjectToken,
			},
			{
				Name: "join",
				Doc: "Makes a subject of tokens. Use it where one comes from a client or from a JWT: a name with a dot or a space in it, and one that is a wildcard, is refused, where .. would let it through. " +
					"For a pattern, add the wildcards behind: join(\"t\", tenant) .. \".>\".",
				Params:  []Param{{Name: "...", Type: "string", Doc: "The tokens."}},
				Returns: []Param{{Name: "subject", Type: "string?", Doc: "The subject, or nil."}, {Name: "err", Type: "string?", Doc: "Which argument is no token."}},
				Example: `assert(subject.join("t", "acme", "orders") == "t.acme.orders")
assert(select(2, subject.join("t", "*")) == 'argument #2 is not one token: "*"')`,
				Do: subjectJoin,
			},
		},
	}
}

func validSubject(s string) bool {
	return subject.ValidLiteral(s) && !strings.ContainsAny(s, subjectBlanks)
}

// subjectCompare is a function of two texts.
func subjectCompare(a *sandbox.Args, f func(string, string) bool) error {
	x, err := text(a, 1)
	if err != nil {
		return err
	}
	y, err := text(a, 2)
	if err != nil {
		return err
	}
	a.Step((len(x) + len(y)) / 8)
	a.Return(sandbox.Bool(f(x, y)))
	return nil
}

// subjectCheck is a function of a text.
func subjectCheck(a *sandbox.Args, f func(string) bool) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	a.Step(len(s) / 8)
	a.Return(sandbox.Bool(f(s)))
	return nil
}

func subjectSplit(a *sandbox.Args) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	n := subject.NumTokens(s)
	a.Step(len(s)/8 + n)
	a.Charge(16 * n)
	t := newList(a.VM(), n)
	for more := n > 0; more; {
		var token string
		token, s, more = subject.Next(s)
		if !t.Append(sandbox.String(token)) {
			return errElements
		}
	}
	a.Return(t.Value())
	return nil
}

func subjectToken(a *sandbox.Args) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	n := subject.NumTokens(s)
	a.Step(len(s) / 4)
	i, err := integer(a, 2, -1<<31, 1<<31)
	if err != nil {
		return err
	}
	if i < 0 {
		i += int64(n) + 1
	}
	if i < 1 || i > int64(n) {
		a.Return(sandbox.Value{})
		return nil
	}
	var token string
	for range i {
		token, s, _ = subject.Next(s)
	}
	a.Return(sandbox.String(token))
	return nil
}

func subjectJoin(a *sandbox.Args) error {
	if a.Len() == 0 {
		return wrong(a, 1, "string")
	}
	tokens, size := make([]string, 0, 16), 0
	for i := 1; i <= a.Len(); i++ {
		s, err := text(a, i)
		if err != nil {
			return err
		}
		a.Step(1 + len(s)/8)
		if strings.Contains(s, ".") || !validSubject(s) {
			return fail(a, fmt.Sprintf("argument #%d is not one token: %s", i, quoteBrief(s)))
		}
		a.Charge(16)
		tokens, size = append(tokens, s), size+len(s)+1
	}
	a.Charge(size)
	a.Return(sandbox.String(strings.Join(tokens, ".")))
	return nil
}
