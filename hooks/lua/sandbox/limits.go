package sandbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// What a source file may hold. They bound what the parser and the compiler,
// which recurse and which search lists, spend on it.
const (
	MaxSource    = 1 << 20 // bytes
	maxNesting   = 200     // brackets and blocks open at once
	maxLinks     = 4000    // tokens of all expressions that are open at once
	maxBranches  = 200     // elseifs of one if
	maxNames     = 16384   // different names, strings and numbers
	maxFunctions = 4096
	maxLabels    = 512   // labels and gotos
	maxFields    = 25500 // positional fields of one table constructor
)

// What a virtual machine may hold, whatever its budget.
const (
	callDepth    = 256   // Lua and Go frames
	registers    = 8192  // values on the stack
	maxResults   = 8000  // values that one call may return
	maxElements  = 65535 // elements of the array part of a table
	maxMessage   = 512   // bytes of an error's message as the host sees it
	maxTrace     = 4096  // bytes of a traceback
	maxPattern   = 4096  // bytes of a pattern
	maxModules   = 64    // modules of a program
	maxCaptures  = 32    // of a pattern
	keptPatterns = 128   // compiled patterns that a VM keeps
)

// configure sets what the interpreter only knows as variables of its package,
// for the whole process.
var configure = sync.OnceFunc(func() {
	lua.MaxArrayIndex = maxElements + 1
	lua.CompatVarArg = false // a table for each call of a function with dots
})

// Budget is what one call may spend. A zero field means its default.
type Budget struct {
	Instructions int64         // of the virtual machine and its equals; 1,000,000
	Memory       int64         // bytes that are allocated, in use or not; 8 MiB
	Wall         time.Duration // looked at now and then, so a call may last a little longer; 50 ms
}

// defaultBudget is the budget of a call.
var defaultBudget = Budget{Instructions: 1_000_000, Memory: 8 << 20, Wall: 50 * time.Millisecond}

// defaultLoad is the budget of the top level of a script.
var defaultLoad = Budget{Instructions: 10_000_000, Memory: 32 << 20, Wall: time.Second}

func (b Budget) or(d Budget) Budget {
	if b.Instructions <= 0 {
		b.Instructions = d.Instructions
	}
	if b.Memory <= 0 {
		b.Memory = d.Memory
	}
	if b.Wall <= 0 {
		b.Wall = d.Wall
	}
	return b
}

// Why a call ended. All but a plain runtime error leave the VM broken: see
// [VM.Broken].
var (
	ErrInstructions = errors.New("the script used up its instructions; make it do less, or raise limits.instructions")
	ErrMemory       = errors.New("the script used up its memory; make it hold less, or raise limits.memory")
	ErrDeadline     = errors.New("the script ran too long; make it do less, or raise the timeout")
	ErrPanic        = errors.New("the virtual machine failed")
	ErrBroken       = errors.New("this virtual machine is broken; take another")
	ErrClosed       = errors.New("the pool of virtual machines is closed")
)

// Error is an error of a script: of its syntax, at run time, or of its budget.
type Error struct {
	File      string // "" when it is not known
	Line      int    // 0 when it is not known
	Message   string // one line, at most 512 bytes
	Traceback string // lines of the Lua stack, for the log only; "" for a syntax error
	Cause     error  // ErrInstructions and its like, what a function of the host returned, or nil
}

// Error is "file:line: message".
func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// split takes the position that the interpreter puts before a message off it.
func split(message string) (file string, line int, rest string) {
	head, rest, ok := strings.Cut(message, ": ")
	if !ok || strings.Contains(head, "\n") {
		return "", 0, message
	}
	at := strings.LastIndexByte(head, ':')
	if at <= 0 {
		return "", 0, message
	}
	n, err := strconv.Atoi(head[at+1:])
	if err != nil {
		return "", 0, message
	}
	return head[:at], n, rest
}

// brief is the first line of s, at most max bytes of it.
func brief(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	s, _, _ = strings.Cut(s, "\n")
	return strings.ToValidUTF8(s, "?")
}
