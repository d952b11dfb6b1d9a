package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// sequence is what one connection of the differential test sends: protocol
// fragments, well-formed, odd and broken, made from a seed.
type sequence struct {
	seed  uint64
	rng   *rand.Rand
	name  string // first token of its subjects, so that sequences do not meet
	b     strings.Builder
	n     int  // publishes so far; each has a payload of its own
	pings int  // whole PING lines
	hung  bool // the last fragment is not complete: no PONG tells the end
	stray bool // a CR stands within an argument
}

// newSequence makes the sequence of a seed.
func newSequence(seed uint64) *sequence {
	s := &sequence{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x6d6f6f6e)), name: fmt.Sprintf("s%d", seed)}
	if s.rng.IntN(5) > 0 {
		s.connect()
	}
	for range 3 + s.rng.IntN(25) {
		if s.fragment(); s.hung {
			return s
		}
	}
	if s.hung = s.yes(12); s.hung {
		s.b.WriteString(s.pick("PUB "+s.subject()+" 5\r\nhel", "HPUB "+s.subject()+" 2 4\r\n", "SUB foo 1", "PIN", "PING", "CONNECT {", "UNSUB "))
		return s
	}
	s.b.WriteString("PING\r\n")
	s.pings++
	return s
}

// bytes returns what is sent.
func (s *sequence) bytes() string { return s.b.String() }

// pieces cuts the sequence at random places, or not at all.
func (s *sequence) pieces() []string {
	rest := s.bytes()
	var list []string
	if s.stray {
		return []string{rest}
	}
	for most := s.rng.IntN(4) * 4; most > 0 && len(rest) > 1; most-- {
		at := 1 + s.rng.IntN(len(rest)-1)
		if s.rng.IntN(2) == 0 {
			at = min(at, 1+s.rng.IntN(20))
		}
		list, rest = append(list, rest[:at]), rest[at:]
	}
	return append(list, rest)
}

func (s *sequence) pick(list ...string) string { return list[s.rng.IntN(len(list))] }

func (s *sequence) yes(one int) bool { return s.rng.IntN(one) == 0 }

// fragment appends one operation.
func (s *sequence) fragment() {
	switch p := s.rng.IntN(100); {
	case p < 22:
		s.sub()
	case p < 30:
		s.unsub()
	case p < 62:
		s.pub()
	case p < 76:
		s.hpub()
	case p < 84:
		s.b.WriteString(s.op("PING") + s.pick("", "", "", " ", " x", "\tfoo bar", "\r", "G") + s.end())
		s.pings++
	case p < 88:
		s.b.WriteString(s.op(s.pick("PONG", "+OK")) + s.pick("", "", " x", "y") + s.end())
	case p < 90:
		s.b.WriteString(s.op("INFO") + s.blanks() + s.pick("{}", `{"server_id":"x"}`, `{"port":4}`) + s.end())
	case p < 96:
		s.connect()
	default:
		s.broken()
	}
}

// op writes the name of an operation in its usual spelling, or oddly.
func (s *sequence) op(name string) string {
	if !s.yes(5) {
		return name
	}
	b := []byte(strings.ToLower(name))
	for i := range b {
		if s.yes(2) {
			b[i] = name[i]
		}
	}
	return string(b)
}

// blanks separates arguments.
func (s *sequence) blanks() string {
	if !s.yes(6) {
		return " "
	}
	return s.pick("  ", "\t", " \t ", "      ")
}

// end ends a control line.
func (s *sequence) end() string {
	if !s.yes(6) {
		return "\r\n"
	}
	return s.pick("\n", " \r\n", "\t \r\n", " \n")
}

// subject returns one that is fit to be published to, mostly.
func (s *sequence) subject() string {
	if s.yes(12) {
		return s.pick(s.name+".*", s.name+".>", s.name+"..a", s.name+".a.", "."+s.name, s.name+".a*b",
			s.name+".ä", "$NRG."+s.name, "_GR_."+s.name, "$GR."+s.name, "_R_."+s.name, "$JS.ACK."+s.name,
			s.name+".a\rb", "*", ">", ".", s.name+".\x01", s.name+".'\"\\")
	}
	return s.name + "." + s.pick("a", "b", "c", "a.b", "b.c", "a.b.c")
}

// pattern returns a subject to subscribe to.
func (s *sequence) pattern() string {
	switch s.rng.IntN(8) {
	case 0:
		return s.name + s.pick(".*", ".>", ".*.*", ".a.*", ".*.b", ".a.>", ".*.>")
	case 1:
		return s.pick("*", ">", "*.a", "*.>", "*.*")
	case 2:
		return s.pick(s.name+"..a", s.name+".>.a", ".", s.name+".", ".a", s.name+".a*", s.name+".>b",
			"_R_."+s.name, "$JS.ACK."+s.name, s.name+".'\"\\", s.name+strings.Repeat(".t", 12))
	}
	return s.subject()
}

// sid returns one for plain subscriptions.
func (s *sequence) sid() string { return s.pick("1", "2", "3", "4", "x", "sid-5", "007") }

// queueSid returns one for queue groups of several members; the comparison
// does not tell them apart.
func (s *sequence) queueSid() string { return s.pick("q1", "q2", "q3") }

func (s *sequence) sub() {
	args := []string{s.pattern()}
	switch s.rng.IntN(5) {
	case 0:
		args = append(args, s.pick("g", "g", "h"), s.queueSid())
	case 1:
		args = append(args, "alone", "z1") // a group of one: its max is certain
	default:
		args = append(args, s.sid())
	}
	if s.yes(30) {
		args = append(args[:1], "_sys_", s.queueSid())
	}
	s.line("SUB", args)
}

func (s *sequence) unsub() {
	args := []string{s.pick(s.sid(), s.sid(), s.queueSid(), "z1", "unknown")}
	if args[0][0] != 'q' && !s.yes(3) {
		args = append(args, s.pick("0", "1", "2", "3", "5", "007", "x", "-1", "+2", "999999999", "1234567890", "2x"))
	}
	s.line("UNSUB", args)
}

// line writes an operation with its arguments.
func (s *sequence) line(op string, args []string) {
	line := s.op(op)
	for _, a := range args {
		line += s.blanks() + a
	}
	end := s.end()
	if strings.Contains(line, "\r") {
		if s.b.Len() > firstRead-100 {
			line = strings.ReplaceAll(line, "\r", "")
		} else {
			s.stray, end = true, "\r\n"
		}
	}
	s.b.WriteString(line + end)
}

// firstRead is how many bytes the reference reads at first. Of a line that two
// reads share, it loses each CR; of one that has a CR within and ends in a bare
// LF, the last byte. Lines with a CR within are thus sent early, and whole.
const firstRead = 512

// reply returns the reply subject as an argument list.
func (s *sequence) reply() []string {
	switch s.rng.IntN(12) {
	case 0, 1, 2:
		return []string{s.name + s.pick(".r", ".a", ".b")}
	case 3:
		return []string{s.pick("_R_.x", "$JS.ACK.x", "_GR_.x", "$GR.x", "_INBOX.*", s.name+"..", s.name+".>")}
	}
	return nil
}

// payload returns one that no other publish of the sequence has.
func (s *sequence) payload() string {
	s.n++
	p := fmt.Sprintf("<%d>", s.n)
	switch s.rng.IntN(16) {
	case 0:
		p += strings.Repeat("long ", s.rng.IntN(900))
	case 1:
		p += "\r\nPUB nested 3\r\nabc\r\n"
	case 2:
		p += "\x00\xff\r\r\n\n"
	case 3:
		return ""
	}
	return p
}

// size writes a number in one of its legal forms.
func (s *sequence) size(n int) string {
	if !s.yes(10) {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%0*d", 2+s.rng.IntN(8), n)
}

func (s *sequence) pub() {
	p := s.payload()
	s.line("PUB", append(append([]string{s.subject()}, s.reply()...), s.size(len(p))))
	s.b.WriteString(p + "\r\n")
}

func (s *sequence) hpub() {
	h := s.pick("NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0 100 x\r\n\r\n", "nonsense", "", "x")
	p := s.payload()
	args := append(append([]string{s.subject()}, s.reply()...), s.size(len(h)), s.size(len(h)+len(p)))
	s.line("HPUB", args)
	s.b.WriteString(h + p + "\r\n")
}

// connect appends a CONNECT that leaves each option out, or sets it.
func (s *sequence) connect() {
	fields := make([]string, 0, 8)
	for _, o := range []string{"verbose", "pedantic", "echo", "headers"} {
		if s.yes(4) {
			continue
		}
		v := s.yes(2)
		if o == "headers" || o == "echo" {
			v = !s.yes(5) // otherwise most sequences end early, or are dull
		}
		fields = append(fields, fmt.Sprintf("%q:%t", o, v))
	}
	if s.yes(3) {
		fields = append(fields, `"headers":true`, `"no_responders":true`)
	}
	if s.yes(2) {
		fields = append(fields, fmt.Sprintf(`"protocol":%d`, s.rng.IntN(2)))
	}
	if s.yes(4) {
		fields = append(fields, s.pick(`"name":"x y"`, `"lang":"go","version":"1"`, `"user":"u","pass":"p"`, `"user":"u","pass":"p","auth_token":"t"`, `"user":"u","pass":"x"`,
			`"unknown":[1,{"a":null}]`, `"VERBOSE":true`, `"tls_required":true`, `"name":null`))
	}
	s.b.WriteString(s.op("CONNECT") + s.pick(" ", " ", " ", "", "\t ") + "{" + strings.Join(fields, ", ") + "}" + s.end())
}

// broken appends something that is no legal operation, or barely is one.
func (s *sequence) broken() {
	sub := strings.ReplaceAll(s.subject(), "\r", "")
	if s.b.Len() < firstRead-100 && s.yes(8) {
		s.stray = true
		s.b.WriteString(s.pick("SUB "+sub+" \r1\r\n", "SUB "+sub+"\r1\r\n", "UNSUB \r1\r\n", "UNSUB 1 \r2\r\n", "PUB "+sub+" 1\r\r\na\r\n"))
		return
	}
	if s.yes(25) {
		// The reference goes on with what it has read already.
		s.hung = true
		s.b.WriteString(s.pick("-ERR 'x'\r\n", "-ERR\r\n", "-ERR \r\n"))
		return
	}
	s.b.WriteString(s.pick(
		"FOO\r\n", "\r\n", "\n", " PING\r\n", "MSG "+sub+" 1 1\r\na\r\n", "HMSG "+sub+" 1 1 1\r\na\r\n", "RMSG $G a 1\r\n",
		"PUB\r\n", "PUB \r\n", "PUB "+sub+"\r\n", "PUB "+sub+" x\r\n", "PUB "+sub+" -1\r\n", "PUB "+sub+" +1\r\na\r\n",
		"PUB "+sub+" 1234567890\r\n", "PUB a b c 1\r\nx\r\n", "PUB "+sub+" 3\r\nab\r\n", "PUB "+sub+" 1\r\nab\r\n", "PUB "+sub+" 1\r\na\n",
		"PUB "+sub+" 0\r\n\r\n", "PUB "+sub+" 5000\r\n", "PUB "+sub+" 2000000\r\n", "PUB "+sub+" 1\na\r\n",
		"HPUB\r\n", "HPUB "+sub+" 1\r\na\r\n", "HPUB "+sub+" 5 3\r\nabc\r\n", "HPUB "+sub+" 0 3\r\nabc\r\n", "HPUB "+sub+" x 3\r\nabc\r\n",
		"HPUB a b c 1 2\r\nxx\r\n", "HPUB "+sub+" 000000001 3\r\nabc\r\n", "HPUB "+sub+" 3 03\r\nabc\r\n", "HPUB "+sub+" 0 0\r\n\r\n",
		"SUB\r\n", "SUB "+sub+"\r\n", "SUB a b c d\r\n", "SUB a b c d e f\r\n", "SUB\t\t\r\n",
		"UNSUB\r\n", "UNSUB \r\n", "UNSUB 1 2 3\r\n",
		"CONNECT\r\n", "CONNECT \r\n", "CONNECT {\r\n", "CONNECT []\r\n", "CONNECT null\r\n", "CONNECT {}{}\r\n", `CONNECT {"verbose":"x"}`+"\r\n",
		`CONNECT {"protocol":2}`+"\r\n", `CONNECT {"protocol":-1}`+"\r\n", `CONNECT {"account":"A"}`+"\r\n", `CONNECT {"new_account":true}`+"\r\n",
		`CONNECT {"headers":false,"no_responders":true}`+"\r\n", `CONNECT {"verbose":false}x`+"\r\n", `CONNECT {"protocol":1.5}`+"\r\n", "CONNECTED\r\n",
		"INFO\r\n", "INFO x\r\n", "INFO {\r\n", "INFO []\r\n", `INFO {"port":"x"}`+"\r\n", "INFO null\r\n", "+O\r\n", "+FOO\r\n",
		"SUB "+strings.Repeat("x", 5000)+" 1\r\n", "PUB "+strings.Repeat("y", 5000)+" 1\r\nx\r\n", `CONNECT {"name":"`+strings.Repeat("z", 5000)+`"}`+"\r\n",
		"PING"+strings.Repeat("!", 6000)+"\r\n", "SUB "+s.name+".e\x00f 1\r\n", "PUB "+s.name+".e\x00f 1\r\nx\r\n", "\x00\x01\x02", "\xff\xfe", "P", "pub\tfoo\t1\na\r\n",
	))
}
