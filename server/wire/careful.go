package wire

import "bytes"

// opShape says how an operation is spelled and what may follow its name.
type opShape struct {
	name  string
	op    Op
	after follow
}

// follow is what stands between the name of an operation and its arguments.
type follow uint8

const (
	ignored follow = iota // everything up to LF is ignored
	blank                 // at least one blank or tab
	maybe                 // blanks are optional
)

var shapes = [...]opShape{
	{"PUB", OpPub, blank},
	{"HPUB", OpPub, blank},
	{"SUB", OpSub, blank},
	{"UNSUB", OpUnsub, blank},
	{"PING", OpPing, ignored},
	{"PONG", OpPong, ignored},
	{"CONNECT", OpConnect, maybe},
	{"INFO", OpInfo, maybe},
	{"+OK", OpOK, ignored},
	{"-ERR", OpErr, blank},
}

// careful parses any spelling that the protocol allows: any case, any blanks,
// bare LF. It also finds the reason when there is nothing to parse.
func (p *Parser) careful(b []byte) (Op, int, *Error) {
	s, known := shapeOf(b)
	if !known {
		return OpNone, 0, ErrUnknownOp
	}
	if s == nil {
		return OpNone, 0, nil // a proper prefix of some name
	}
	start := len(s.name)
	if s.after == ignored {
		eol := bytes.IndexByte(b[start:], '\n')
		if eol < 0 {
			// The line may be of any length: drop what is here, keep only
			// the knowledge of what it was.
			p.Ignoring = s.op
			return OpNone, len(b), nil
		}
		return s.op, start + eol + 1, nil
	}
	for start < len(b) && isBlank(b[start]) {
		start++
	}
	if start-len(s.name) > maxBlanks {
		return OpNone, 0, ErrMaxControlLine
	}
	if start == len(b) {
		return OpNone, 0, nil
	}
	if s.after == blank && start == len(s.name) {
		return OpNone, 0, ErrUnknownOp
	}
	eol := bytes.IndexByte(b[start:], '\n')
	if eol < 0 {
		return OpNone, 0, p.overlong(len(bytes.TrimSuffix(b[start:], cr)))
	}
	arg := bytes.TrimSuffix(b[start:start+eol], cr)
	if err := p.overlong(len(arg)); err != nil {
		return OpNone, 0, err
	}
	n := start + eol + 1
	switch {
	case s.op == OpPub:
		return p.anyPub(b, arg, n, len(s.name) == len("HPUB"))
	case s.op == OpSub:
		return p.sub(arg, n)
	case s.op == OpUnsub:
		return p.unsub(arg, n)
	}
	p.Arg = arg
	return s.op, n, nil
}

// maxBlanks is how many blanks may stand between a name and its arguments.
// They do not count against the control line, but have to end somewhere.
const maxBlanks = 32 << 10

var cr = []byte{'\r'}

// ignore drops the rest of a PING, PONG or +OK line that began in an earlier
// buffer.
func (p *Parser) ignore(b []byte) (Op, int, *Error) {
	eol := bytes.IndexByte(b, '\n')
	if eol < 0 {
		return OpNone, len(b), nil
	}
	op := p.Ignoring
	p.Ignoring = OpNone
	return op, eol + 1, nil
}

func (p *Parser) overlong(n int) *Error {
	if n > p.MaxControlLine {
		return ErrMaxControlLine
	}
	return nil
}

// shapeOf finds the operation whose name b begins with. It returns nil and
// true while b is a proper prefix of a name, and false as soon as it cannot
// become one: the error comes with the first wrong byte.
func shapeOf(b []byte) (*opShape, bool) {
	prefix := false
	for i := range shapes {
		s := &shapes[i]
		n := min(len(b), len(s.name))
		if !equalFold(b[:n], s.name[:n]) {
			continue
		}
		if n == len(s.name) {
			return s, true
		}
		prefix = true
	}
	return nil, prefix
}

// equalFold compares ASCII regardless of case; want is in upper case.
func equalFold(b []byte, want string) bool {
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// maxArgs is one more than any operation takes.
const maxArgs = 5

// split cuts arg at blanks and tabs, and at stray CRs if those count as blanks,
// into at most maxArgs pieces.
func split(arg []byte, stray bool) (args [maxArgs][]byte, n int) {
	start := -1
	for i := 0; i <= len(arg); i++ {
		if i < len(arg) && !isBlank(arg[i]) && (!stray || arg[i] != '\r') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			if n == maxArgs {
				return args, n + 1
			}
			args[n] = arg[start:i]
			n++
			start = -1
		}
	}
	return args, n
}

// digits reads a number of one to nine digits; anything else is -1.
func digits(b []byte) int {
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// anyPub parses a PUB or HPUB in any legal spelling. body is where the
// payload begins in b.
func (p *Parser) anyPub(b, arg []byte, body int, header bool) (Op, int, *Error) {
	args, n := split(arg, false)
	m := Pub{Header: NoHeader}
	sizes := 1
	if header {
		sizes = 2
		if !p.Headers {
			return OpNone, 0, ErrMalformed
		}
	}
	switch n {
	case sizes + 1:
	case sizes + 2:
		m.Reply = args[1]
	default:
		return OpNone, 0, ErrMalformed
	}
	m.Subject = args[0]
	if m.Size = digits(args[n-1]); m.Size < 0 {
		return OpNone, 0, ErrMalformed
	}
	if header {
		if m.Header = digits(args[n-2]); m.Header < 0 || m.Header > m.Size {
			return OpNone, 0, ErrMalformed
		}
	}
	if m.Size > p.MaxPayload {
		return OpNone, 0, ErrMaxPayload
	}
	p.Head = true
	total := body + m.Size + 2
	for i, want := range [2]byte{'\r', '\n'} {
		if at := total - 2 + i; at < len(b) && b[at] != want {
			p.Pub = m
			return OpNone, 0, ErrUnknownOp
		}
	}
	if total > len(b) {
		p.Pub, p.Need = m, total
		return OpNone, 0, nil
	}
	sizesAt := args[1:n]
	if m.Header == 0 {
		// Nothing but an empty header block: receivers get a plain MSG.
		m.Header = NoHeader
		args[n-2] = args[n-1]
		sizesAt = args[1 : n-1]
	}
	m.Tail = p.tail(sizesAt, b[body:total])
	p.Pub = m
	return OpPub, total, nil
}

// tail writes the tail of a message with one blank between its arguments.
func (p *Parser) tail(args [][]byte, payload []byte) []byte {
	start := len(p.arena)
	for i, a := range args {
		if i > 0 {
			p.arena = append(p.arena, ' ')
		}
		p.arena = append(p.arena, a...)
	}
	p.arena = append(p.arena, "\r\n"...)
	p.arena = append(p.arena, payload...)
	return p.arena[start:len(p.arena):len(p.arena)]
}

func (p *Parser) sub(arg []byte, n int) (Op, int, *Error) {
	args, count := split(arg, true)
	switch count {
	case 2:
		p.Sub = Sub{Subject: args[0], Sid: args[1]}
	case 3:
		p.Sub = Sub{Subject: args[0], Queue: args[1], Sid: args[2]}
	default:
		return OpNone, 0, ErrMalformed
	}
	return OpSub, n, nil
}

func (p *Parser) unsub(arg []byte, n int) (Op, int, *Error) {
	args, count := split(arg, true)
	switch count {
	case 1:
		p.Unsub = Unsub{Sid: args[0]}
	case 2:
		p.Unsub = Unsub{Sid: args[0], Max: max(digits(args[1]), 0)}
	default:
		return OpNone, 0, ErrMalformed
	}
	return OpUnsub, n, nil
}
