package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// Options say how a program is compiled.
type Options struct {
	// Resolve finds the module that a script requires and the host does not
	// have itself: the name of its file, for messages, and its source. It is
	// called once for each name and program, and decides which names are fit.
	// Nil: there are no modules.
	Resolve func(name string) (file string, source []byte, err error)
	// Globals are functions of the host that all virtual machines have. They are
	// called faster than those of [VM.SetGlobal].
	Globals map[string]Func
	// Results are what functions of Globals return when they are called without
	// arguments, which is then no call at all. They belong to no VM, and the
	// functions return them too.
	Results map[string]Value
}

// Program is a compiled script with the modules that it requires. It is shared
// by all virtual machines and safe for concurrent use.
type Program struct {
	name    string             // immutable
	main    *lua.FunctionProto // immutable
	resolve func(string) (string, []byte, error)
	shared  map[string]*lua.LFunction // Options.Globals; immutable
	results map[lua.LValue]lua.LValue // Options.Results, by function; immutable

	mu struct {
		sync.Mutex
		modules map[string]module
		costs   map[int]*lua.LFunction
	}
}

type module struct {
	proto *lua.FunctionProto
	err   error
}

// Compile compiles a source, of at most [MaxSource] bytes. The name is that of
// its file: it begins each message. The error is an [*Error].
func Compile(name string, source []byte, o Options) (*Program, error) {
	configure()
	p := &Program{
		name: name, resolve: o.Resolve,
		shared: make(map[string]*lua.LFunction, len(o.Globals)), results: make(map[lua.LValue]lua.LValue, len(o.Results)),
	}
	for name, f := range o.Globals {
		p.shared[name] = hosted(f)
		if v, ok := o.Results[name]; ok {
			p.results[p.shared[name]] = v.raw()
		}
	}
	p.mu.modules = make(map[string]module)
	p.mu.costs = make(map[int]*lua.LFunction)
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.main, err = p.compileLocked(name, source); err != nil {
		return nil, err
	}
	return p, nil
}

// Name returns the name of the program's file.
func (p *Program) Name() string { return p.name }

func (p *Program) compileLocked(name string, source []byte) (proto *lua.FunctionProto, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *tooLong:
			err = &Error{File: name, Line: r.line, Message: "a table has more than 25500 fields without a key; split it"}
		default:
			err = &Error{File: name, Line: 1, Message: brief(fmt.Sprintf("the compiler failed: %v", r), maxMessage)}
		}
	}()
	if err := scan(name, source); err != nil {
		return nil, err
	}
	chunk, err := parse.Parse(bytes.NewReader(source), name)
	if err != nil {
		return nil, syntax(name, source, err)
	}
	proto, err = lua.Compile(rewriter{}.block(chunk), name)
	if err != nil {
		return nil, syntax(name, source, err)
	}
	return proto, p.linkLocked(proto)
}

// syntax turns an error of the parser or the compiler into ours.
func syntax(name string, source []byte, err error) error {
	out := &Error{File: name, Line: 1, Message: brief(err.Error(), maxMessage)}
	var pe *parse.Error
	var ce *lua.CompileError
	switch {
	case errors.As(err, &pe):
		out.Line, out.Message = pe.Pos.Line, strings.TrimSpace(pe.Message)
		if pe.Token != "" {
			out.Message += " near " + fmt.Sprintf("%q", brief(pe.Token, 40))
		}
		if pe.Pos.Line < 0 {
			out.Line = bytes.Count(source, []byte("\n")) + 1
			out.Message += ": the file ends too early"
		}
	case errors.As(err, &ce):
		out.Line, out.Message = max(ce.Line, 1), brief(ce.Message, maxMessage)
	}
	return out
}

// linkLocked puts functions in the place of reads of globals that cannot
// change: ours, and the standard ones. So they cost no look-up, and a script
// cannot come between.
func (p *Program) linkLocked(proto *lua.FunctionProto) error {
	known := make(map[lua.LValue]int)
	for pc, inst := range proto.Code {
		if op(inst) != lua.OP_GETGLOBAL {
			continue
		}
		name, ok := proto.Constants[inst&argBx].(lua.LString)
		if !ok {
			continue
		}
		f, err := p.functionLocked(proto, pc, string(name))
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		if result, ok := p.results[f]; ok && answers(proto.Code, pc) {
			f = result
		}
		at, ok := known[f]
		if !ok {
			at = len(proto.Constants)
			if at > argBx {
				return &Error{File: proto.SourceName, Line: proto.LineDefined, Message: "too many constants; split the function"}
			}
			proto.Constants = append(proto.Constants, f)
			known[f] = at
		}
		proto.Code[pc] = uint32(lua.OP_LOADK)<<26 | inst&argA | uint32(at)
	}
	for _, inner := range proto.FunctionPrototypes {
		if err := p.linkLocked(inner); err != nil {
			return err
		}
	}
	return nil
}

// answers reports whether the function that is read at pc is called without
// arguments for what its caller returns, and makes that call the return of what
// is read there instead.
func answers(code []uint32, pc int) bool {
	const nothing, one = 1, 2 // arguments and values; they are counted from 1
	a := code[pc] & argA
	if pc+1 == len(code) || code[pc+1]&^argC != uint32(lua.OP_TAILCALL)<<26|a|nothing {
		return false
	}
	code[pc+1] = uint32(lua.OP_RETURN)<<26 | a | one
	return true
}

// Parts of an instruction.
const (
	argA  = 0xff << 18
	argC  = 0x1ff << 9
	argBx = 0x3ffff
)

func op(inst uint32) int { return int(inst >> 26) }

// functionLocked returns the function that a name at pc stands for, nil if it
// is a global.
func (p *Program) functionLocked(proto *lua.FunctionProto, pc int, name string) (lua.LValue, error) {
	switch name {
	case nameConcat:
		return concatFunction, nil
	case nameSet:
		return setFunction, nil
	case nameFunc:
		inst, err := next(proto, pc, lua.OP_CLOSURE)
		if err != nil {
			return nil, err
		}
		ups := int(proto.FunctionPrototypes[inst&argBx].NumUpvalues)
		return p.costLocked(128+72*ups, false), nil
	case nameTable, nameDots:
		inst, err := next(proto, pc, lua.OP_NEWTABLE)
		if err != nil {
			return nil, err
		}
		array, hash := int(inst&0x1ff), int(inst>>9&0x1ff)
		cost := 112 + 16*array
		if hash > 0 {
			cost += 512 + 128*hash
		}
		return p.costLocked(cost, name == nameDots), nil
	}
	if v, ok := builtins()[name]; ok {
		return v, nil
	}
	if f, ok := p.shared[name]; ok {
		return f, nil
	}
	return nil, nil
}

func next(proto *lua.FunctionProto, pc, want int) (uint32, error) {
	for _, inst := range proto.Code[pc:] {
		if op(inst) == want {
			return inst, nil
		}
	}
	return 0, &Error{File: proto.SourceName, Line: proto.LineDefined, Message: "the compiler left out what was to be charged"}
}

// costLocked returns a function that charges n bytes and returns its argument.
// If dots, the argument is a table of any length.
func (p *Program) costLocked(n int, dots bool) *lua.LFunction {
	id := n << 1
	if dots {
		id |= 1
	}
	f, ok := p.mu.costs[id]
	if !ok {
		f = function(func(L *lua.LState) int {
			m := meterOf(L)
			m.charge(L, n)
			if dots {
				m.charge(L, 40*L.CheckTable(1).Len())
			}
			return L.GetTop()
		})
		p.mu.costs[id] = f
	}
	return f
}

// module returns the compiled module of a name.
func (p *Program) module(name string) (*lua.FunctionProto, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.mu.modules[name]
	if ok {
		return m.proto, m.err
	}
	switch {
	case p.resolve == nil:
		return nil, errors.New("there is no such module")
	case len(p.mu.modules) >= maxModules:
		return nil, errors.New("a program has at most 64 modules")
	}
	file, source, err := p.resolve(name)
	if err == nil {
		m.proto, err = p.compileLocked(file, source)
	}
	m.err = err
	p.mu.modules[name] = m
	return m.proto, m.err
}
