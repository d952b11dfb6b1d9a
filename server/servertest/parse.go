package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// defaultSilence is how long a silent connection is watched.
const defaultSilence = 100 * time.Millisecond

// maxSilence bounds what a transcript may ask for.
const maxSilence = 5 * time.Second

// parser turns the lines of a transcript into steps.
type parser struct {
	s    *script
	errs []error
	line int // the line at hand, from 1

	config   []string
	inConfig bool
	differs  bool // the line before was a "# differs:" comment or a line it covers

	group *expectStep // the open block, or nil
	begun int         // its first line
	unit  *unit       // the message whose payload is still to come, or nil
	need  int         // bytes it lacks
	bound *step       // a bound that waits for its expectation, or nil
	who   string      // the connection the bound was written for

	directive *regexp.Regexp
}

// parse reads a transcript. It reports all faults at once, each with file and
// line.
func parse(path, text string) (*script, error) {
	p := &parser{
		s:         &script{path: path, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")},
		directive: regexp.MustCompile(`^([A-Z][A-Za-z0-9]*(?:,[A-Z][A-Za-z0-9]*)*)(>>|<<|>|<|!| )(.*)$`),
	}
	for i, line := range p.s.lines {
		p.line = i + 1
		if err := p.read(line); err != nil {
			p.fail(err)
		}
	}
	p.line = len(p.s.lines)
	if p.group != nil {
		p.fail(fmt.Errorf("the block of line %d is not closed", p.begun))
	}
	if err := p.dangling(); err != nil {
		p.fail(err)
	}
	if len(p.s.steps) == 0 {
		p.fail(errors.New("nothing to do"))
	}
	p.s.config = strings.Join(p.config, "\n")
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return p.s, nil
}

func (p *parser) fail(err error) {
	p.errs = append(p.errs, fmt.Errorf("%s: %w", p.s.at(p.line), err))
}

// dangling reports a message without its payload or a bound without its
// expectation.
func (p *parser) dangling() error {
	switch {
	case p.unit != nil:
		p.unit = nil
		return errors.New("the message before lacks payload")
	case p.bound != nil:
		p.bound = nil
		return errors.New("a bound needs an expectation right behind it")
	}
	return nil
}

// read takes one line.
func (p *parser) read(line string) error {
	if strings.TrimRightFunc(line, unicode.IsSpace) != line {
		return errors.New("blanks at the end of a line: write them with >> or <<")
	}
	if p.inConfig {
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			p.config = append(p.config, line)
			return nil
		}
		p.inConfig = false
	}
	switch {
	case line == "":
		p.differs = false
		return nil
	case line[0] == '#':
		why, ok := strings.CutPrefix(line, "# differs:")
		p.differs = ok && strings.TrimSpace(why) != ""
		return nil
	case line == "config:":
		if len(p.s.steps) > 0 || p.config != nil {
			return errors.New("config: stands once, before the first step")
		}
		p.inConfig, p.config = true, []string{}
		return nil
	case line == "{" || line == "}":
		p.differs = false
		return p.block(line == "{")
	}
	only := ""
	for _, name := range []string{Moonwire, Reference} {
		if rest, ok := strings.CutPrefix(line, name+"|"); ok {
			only, line = name, strings.TrimPrefix(rest, " ")
		}
	}
	if only != "" && !p.differs {
		return fmt.Errorf("a line for %s only needs a comment right before it: # differs: why", only)
	}
	p.differs = only != ""
	return p.step(only, line)
}

// block opens or closes an unordered block.
func (p *parser) block(open bool) error {
	switch {
	case open && p.group != nil:
		return errors.New("a block in a block")
	case open:
		p.group, p.begun = &expectStep{}, p.line
		return nil
	case p.group == nil:
		return errors.New("no block is open")
	}
	group := *p.group
	p.group = nil
	if p.unit != nil {
		return p.dangling()
	}
	if len(group.units) == 0 {
		return errors.New("an empty block")
	}
	// The units with the fewest places to go choose first.
	slices.SortStableFunc(group.units, func(a, b unit) int { return len(a.names) - len(b.names) })
	return p.add(step{line: p.begun, do: group})
}

// step reads a line that does or expects something.
func (p *parser) step(only, line string) error {
	m := p.directive.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("%q is no step", line)
	}
	names, op, arg := strings.Split(m[1], ","), m[2], m[3]
	if len(names) > 1 && op != "<" && op != "<<" {
		return errors.New("only < and << take more than one connection")
	}
	if op == "<" || op == "<<" {
		if slices.Contains(names, "S") {
			return errors.New("the server is no connection")
		}
		return p.expectation(unit{line: p.line, only: only, names: names}, op, arg)
	}
	if p.group != nil {
		return errors.New("a block holds expectations only")
	}
	if p.unit != nil {
		return p.dangling()
	}
	name := names[0]
	if op == "!" {
		if within, ok := strings.CutPrefix(strings.TrimSpace(arg), "within "); ok {
			return p.within(name, only, within)
		}
	}
	do, err := p.verb(name, op, arg)
	if err != nil {
		return err
	}
	return p.add(step{line: p.line, only: only, do: do})
}

// add appends a step, with the bound that was waiting for it.
func (p *parser) add(st step) error {
	if p.bound != nil {
		if !waitsFor(st.do, p.who) || p.bound.only != "" && p.bound.only != st.only {
			return p.dangling()
		}
		st.earliest, st.latest = p.bound.earliest, p.bound.latest
		p.bound = nil
	}
	p.s.steps = append(p.s.steps, st)
	return nil
}

// within reads a bound such as 900ms..1600ms.
func (p *parser) within(name, only, arg string) error {
	if p.bound != nil {
		return p.dangling()
	}
	from, to, ok := strings.Cut(arg, "..")
	earliest, err1 := time.ParseDuration(strings.TrimSpace(from))
	latest, err2 := time.ParseDuration(strings.TrimSpace(to))
	if !ok || err1 != nil || err2 != nil || earliest < 0 || latest <= earliest {
		return fmt.Errorf("%q is no bound such as 900ms..1600ms", arg)
	}
	p.bound, p.who = &step{only: only, earliest: earliest, latest: latest}, name
	return nil
}

// waitsFor tells whether the action is an expectation on the named connection.
func waitsFor(do action, name string) bool {
	switch do := do.(type) {
	case expectStep:
		return slices.ContainsFunc(do.units, func(u unit) bool { return slices.Contains(u.names, name) })
	case closedStep:
		return do.name == name
	}
	return false
}

// verb reads all that is not an expectation of bytes.
func (p *parser) verb(name, op, arg string) (action, error) {
	switch op {
	case ">":
		return sendStep{name, []byte(strings.TrimPrefix(arg, " ") + "\r\n")}, p.noServer(name)
	case ">>":
		alts, err := parseExpr(arg)
		if err != nil {
			return nil, err
		}
		if len(alts) > 1 {
			return nil, errors.New("one thing is sent, not one of some")
		}
		return sendStep{name, alts[0]}, p.noServer(name)
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(arg), " ")
	if rest != "" && word != "silent" {
		return nil, fmt.Errorf("%s takes no argument", word)
	}
	verb := op + word
	switch {
	case name == "S" && verb == "!lame-duck":
		return lameDuckStep{}, nil
	case name == "S" && verb == "!shutdown":
		return shutdownStep{}, nil
	case name == "S":
		return nil, fmt.Errorf("the server cannot %s", word)
	case verb == " open":
		return openStep{name}, nil
	case verb == " close":
		return closeStep{name}, nil
	case verb == " hold":
		return holdStep{name}, nil
	case verb == " resume":
		return resumeStep{name}, nil
	case verb == "!closed":
		return closedStep{name: name}, nil
	case verb == "!cut":
		return closedStep{name: name, cut: true}, nil
	case verb == "!refused":
		return refusedStep{name}, nil
	case verb == "!silent":
		return silence(name, rest)
	}
	return nil, fmt.Errorf("unknown step %q", strings.TrimSpace(verb))
}

func (p *parser) noServer(name string) error {
	if name == "S" {
		return errors.New("the server is no connection")
	}
	return nil
}

func silence(name, arg string) (action, error) {
	if arg == "" {
		return silentStep{name, defaultSilence}, nil
	}
	wait, err := time.ParseDuration(arg)
	if err != nil || wait <= 0 || wait > maxSilence {
		return nil, fmt.Errorf("%q is no time up to %v", arg, maxSilence)
	}
	return silentStep{name, wait}, nil
}

// expectation reads the argument of < and <<. In a block and for one of several
// connections, the lines of a message are put together.
func (p *parser) expectation(u unit, op, arg string) error {
	if op == "<<" {
		alts, err := parseExpr(arg)
		if err != nil {
			return err
		}
		u.want = literal(alts)
		return p.expect(u)
	}
	text := strings.TrimPrefix(arg, " ")
	if pattern, ok := strings.CutPrefix(text, "INFO {"); ok {
		info, err := parseInfo("{" + pattern)
		if err != nil {
			return err
		}
		u.want = info
		return p.expect(u)
	}
	data := []byte(text + "\r\n")
	if p.unit != nil {
		return p.payload(u, data)
	}
	u.want = literal{data}
	u.plain = p.group == nil && len(u.names) == 1
	if size, ok := payloadSize(data); ok && !u.plain {
		p.unit, p.need = &u, size+2
		return nil
	}
	return p.expect(u)
}

// payload adds a line to the message at hand.
func (p *parser) payload(u unit, data []byte) error {
	if !slices.Equal(u.names, p.unit.names) || u.only != p.unit.only {
		return p.dangling()
	}
	p.unit.want = literal{slices.Concat(p.unit.want.(literal)[0], data)}
	p.need -= len(data)
	switch {
	case p.need < 0:
		p.unit = nil
		return errors.New("the payload is longer than its message says")
	case p.need == 0:
		whole := *p.unit
		p.unit = nil
		return p.expect(whole)
	}
	return nil
}

// expect adds a whole unit to the open block, or as a step of its own.
func (p *parser) expect(u unit) error {
	if p.unit != nil {
		return p.dangling()
	}
	if p.group != nil {
		p.group.units = append(p.group.units, u)
		return nil
	}
	return p.add(step{line: u.line, only: u.only, do: expectStep{[]unit{u}}})
}

// payloadSize returns the size at the end of a MSG or HMSG line.
func payloadSize(line []byte) (int, bool) {
	words := bytes.Fields(line)
	if len(words) < 4 || string(words[0]) != "MSG" && string(words[0]) != "HMSG" {
		return 0, false
	}
	n, err := strconv.Atoi(string(words[len(words)-1]))
	return n, err == nil && n >= 0
}
