package servertest

import (
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
)

// maxExpr bounds the bytes of one expression, so that a slip of the pen in a
// repeat does not eat the machine.
const maxExpr = 64 << 20

// parseExpr reads the argument of >> and <<: alternatives separated by bars, each
// a sum of Go string literals and repeats.
//
//	expr = sum { "|" sum }
//	sum  = term { "+" term }
//	term = string | "repeat(" sum "," int ")"
func parseExpr(src string) ([][]byte, error) {
	p := exprParser{}
	fset := token.NewFileSet()
	p.s.Init(fset.AddFile("", fset.Base(), len(src)), []byte(src), func(_ token.Position, msg string) {
		p.fault = errors.New(msg)
	}, 0)
	p.next()
	var alts [][]byte
	for {
		sum, err := p.sum()
		if err != nil {
			return nil, err
		}
		alts = append(alts, []byte(sum))
		if p.tok != token.OR {
			break
		}
		p.next()
	}
	// The scanner ends a line of its own accord with a semicolon.
	if p.tok == token.SEMICOLON && p.lit == "\n" {
		p.next()
	}
	if p.tok != token.EOF {
		return nil, p.unexpected("an operator")
	}
	return alts, nil
}

// exprParser is a recursive descent over the tokens of one expression.
type exprParser struct {
	s     scanner.Scanner
	tok   token.Token // the token ahead
	lit   string      // its text
	fault error       // what the scanner could not read
}

func (p *exprParser) next() { _, p.tok, p.lit = p.s.Scan() }

func (p *exprParser) unexpected(want string) error {
	switch {
	case p.fault != nil:
		return p.fault
	case p.tok == token.EOF || p.lit == "\n":
		return fmt.Errorf("the expression ends where %s should be", want)
	case p.lit != "":
		return fmt.Errorf("%s where %s should be", p.lit, want)
	}
	return fmt.Errorf("%s where %s should be", p.tok, want)
}

func (p *exprParser) sum() (string, error) {
	var b strings.Builder
	for {
		term, err := p.term()
		if err != nil {
			return "", err
		}
		b.WriteString(term)
		if p.tok != token.ADD {
			return b.String(), nil
		}
		p.next()
	}
}

func (p *exprParser) term() (string, error) {
	switch {
	case p.tok == token.STRING && p.fault == nil:
		text, err := strconv.Unquote(p.lit)
		p.next()
		return text, err
	case p.tok == token.IDENT && p.lit == "repeat":
		p.next()
		return p.repeat()
	}
	return "", p.unexpected("a quoted string or repeat")
}

// repeat reads what follows the word: ( sum , int ).
func (p *exprParser) repeat() (string, error) {
	if p.tok != token.LPAREN {
		return "", p.unexpected("(")
	}
	p.next()
	text, err := p.sum()
	if err != nil {
		return "", err
	}
	if p.tok != token.COMMA {
		return "", p.unexpected(",")
	}
	p.next()
	if p.tok != token.INT {
		return "", p.unexpected("a count")
	}
	n, err := strconv.Atoi(p.lit)
	if err != nil || n > maxExpr || n*len(text) > maxExpr {
		return "", fmt.Errorf("repeat makes more than %d bytes", maxExpr)
	}
	p.next()
	if p.tok != token.RPAREN {
		return "", p.unexpected(")")
	}
	p.next()
	return strings.Repeat(text, n), nil
}
