package sandbox

import (
	"bytes"
	"errors"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// depth follows the tokens of a source and keeps count of what makes the parser
// and the compiler recurse: brackets and blocks within each other, and the
// links of an expression, of which each may be one level of its tree. It reads
// the tokens with the parser's own scanner, so that both see the same.
type depth struct {
	open  []level
	links int // of all levels

	names     map[string]struct{}
	functions int
	labels    int
}

type level struct {
	kind     int // token that opened it
	links    int // tokens of the expression that is being read
	branches int // elseifs
}

// errStop ends the scan at a token that the parser will not get past.
var errStop = errors.New("not a program")

// scan refuses a source that is nested too deeply or too large.
func scan(name string, source []byte) error {
	if len(source) > MaxSource {
		return &Error{File: name, Line: 1, Message: "the source is longer than 1 MiB; split it into modules"}
	}
	d := &depth{open: make([]level, 1, 16), names: make(map[string]struct{})}
	sc, lx := parse.NewScanner(bytes.NewReader(source), name), &parse.Lexer{Token: ast.Token{Type: parse.TNil}}
	for {
		lx.PrevTokenType = lx.Token.Type
		tok, err := sc.Scan(lx)
		if err != nil || tok.Type < 0 {
			return nil // the parser says it better
		}
		err = d.token(lx.PrevTokenType, tok)
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return &Error{File: name, Line: tok.Pos.Line, Message: err.Error()}
		}
		lx.Token = tok
	}
}

var (
	errNesting   = errors.New("brackets and blocks are nested more than 200 deep; move the inner ones into functions or variables")
	errLinks     = errors.New("an expression is longer than 4000 tokens; split it")
	errBranches  = errors.New("an if has more than 200 elseifs; use a table")
	errNames     = errors.New("more than 16384 different names, strings and numbers; split the file into modules")
	errFunctions = errors.New("more than 4096 functions; split the file into modules")
	errLabels    = errors.New("more than 512 labels and gotos; use loops")
)

func (d *depth) token(prev int, tok ast.Token) error {
	if err := d.count(tok); err != nil {
		return err
	}
	if ends(prev) && begins(tok.Type) {
		d.reset() // two operands side by side: a new statement
	}
	switch tok.Type {
	case '(', '[', '{', parse.TFunction:
		if err := d.link(); err != nil {
			return err
		}
		return d.push(tok.Type)
	case parse.TIf, parse.TDo, parse.TRepeat:
		d.reset()
		return d.push(tok.Type)
	case ')', ']', '}', parse.TEnd, parse.TUntil:
		if !d.pop(tok.Type) {
			return errStop
		}
		if tok.Type == parse.TUntil {
			d.reset()
		}
		return d.link()
	case parse.TElseIf:
		top := &d.open[len(d.open)-1]
		if top.branches++; top.branches > maxBranches {
			return errBranches
		}
		d.reset()
	case parse.TThen, parse.TElse, parse.TWhile, parse.TFor, parse.TIn, parse.TLocal, parse.TReturn,
		parse.TBreak, parse.TGoto, parse.T2Colon, ';', ',', '=':
		d.reset()
	default:
		return d.link()
	}
	return nil
}

// count counts what the compiler keeps in lists.
func (d *depth) count(tok ast.Token) error {
	switch tok.Type {
	case parse.TIdent, parse.TString, parse.TNumber:
		d.names[tok.Str] = struct{}{}
		if len(d.names) > maxNames {
			return errNames
		}
	case parse.TFunction:
		if d.functions++; d.functions > maxFunctions {
			return errFunctions
		}
	case parse.TGoto, parse.T2Colon:
		if d.labels++; d.labels > 2*maxLabels {
			return errLabels
		}
	}
	return nil
}

func (d *depth) link() error {
	d.open[len(d.open)-1].links++
	if d.links++; d.links > maxLinks {
		return errLinks
	}
	return nil
}

// reset begins an expression.
func (d *depth) reset() {
	top := &d.open[len(d.open)-1]
	d.links -= top.links
	top.links = 0
}

func (d *depth) push(kind int) error {
	if len(d.open) > maxNesting {
		return errNesting
	}
	d.open = append(d.open, level{kind: kind})
	return nil
}

func (d *depth) pop(by int) bool {
	if len(d.open) == 1 {
		return false
	}
	top := d.open[len(d.open)-1]
	want := top.kind
	switch want {
	case '(':
		want = ')'
	case '[':
		want = ']'
	case '{':
		want = '}'
	case parse.TRepeat:
		want = parse.TUntil
	default:
		want = parse.TEnd
	}
	d.links -= top.links
	d.open = d.open[:len(d.open)-1]
	return want == by
}

// ends reports whether a token may be the last of an operand.
func ends(tok int) bool {
	switch tok {
	case parse.TIdent, parse.TNumber, parse.TString, parse.TNil, parse.TTrue, parse.TFalse, parse.T3Comma,
		parse.TEnd, ')', ']', '}':
		return true
	}
	return false
}

// begins reports whether a token begins an operand and cannot go on with one.
func begins(tok int) bool {
	switch tok {
	case parse.TIdent, parse.TNumber, parse.TNil, parse.TTrue, parse.TFalse, parse.T3Comma, parse.TFunction:
		return true
	}
	return false
}
