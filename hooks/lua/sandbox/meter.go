package sandbox

import (
	"time"

	lua "github.com/yuin/gopher-lua"
)

// meter counts what a call spends. It is the context of its Lua state: the main
// loop asks it for Done before each instruction, and that is how instructions
// are counted. Once something ran out it stays that way, so that no pcall of
// the script can go on.
type meter struct {
	vm *VM

	left int64 // instructions until the next look at the rest
	rest int64 // instructions beyond these
	mem  int64 // bytes left
	ops  int   // small operations of the matcher that are paid for

	err      error     // what ran out, for good
	deadline time.Time // zero until the first look at the clock
	budget   Budget
	now      func() time.Time
	glances  uint // calls of glance

	largest  int   // bytes of the longest string this VM has seen, or up to twice that
	interval int64 // instructions between two looks at the clock, by largest
	spent    int64 // bytes charged in the life of the VM, but for this call
}

// The longest and shortest way between two looks at the clock, in instructions.
// With long strings about, one instruction takes long.
const (
	longest  = 512
	shortest = 4
)

// over is the channel of a call that is over.
var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done counts one instruction. It is asked for before each.
func (m *meter) Done() <-chan struct{} {
	if m.left--; m.left >= 0 {
		return nil
	}
	return m.tick()
}

// Err says what ran out.
func (m *meter) Err() error { return m.err }

// Deadline is for [context.Context]; there is no deadline but in tick.
func (m *meter) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value is for [context.Context].
func (m *meter) Value(any) any { return nil }

// arm begins a call.
func (m *meter) arm(b Budget) {
	m.budget = b
	m.deadline = time.Time{}
	m.rest, m.mem, m.ops = b.Instructions, b.Memory, 0
	m.slice()
}

// slice takes the next instructions from the rest: the fewer, the longer one may
// last.
func (m *meter) slice() {
	m.left = min(m.rest, m.interval)
	m.rest -= m.left
}

// disarm ends a call.
func (m *meter) disarm() { m.spent += m.budget.Memory - max(m.mem, 0) }

// used returns the instructions that the call has spent.
func (m *meter) used() int64 { return m.budget.Instructions - m.rest - max(m.left, 0) }

// tick takes the next instructions from the rest and looks at the clock.
func (m *meter) tick() <-chan struct{} {
	if m.err == nil {
		m.refill()
	}
	if m.err == nil {
		return nil
	}
	m.left = -1
	return over
}

func (m *meter) refill() {
	owed := -m.left
	if owed > m.rest {
		m.rest = 0
		m.fail(ErrInstructions)
		return
	}
	m.rest -= owed
	m.slice()
	m.look()
}

// look looks at the clock. The first look, from which the time counts, is within
// microseconds of the start of the call; the many calls that end before it never
// pay for one.
func (m *meter) look() {
	switch now := m.now(); {
	case m.deadline.IsZero():
		m.deadline = now.Add(m.budget.Wall)
	case now.After(m.deadline):
		m.fail(ErrDeadline)
	}
}

func (m *meter) fail(err error) {
	if m.err == nil {
		m.err = err
	}
	m.left = -1
}

// raise unwinds the script if something ran out.
func (m *meter) raise(L *lua.LState) {
	if m.err != nil {
		L.RaiseError("%s", m.err.Error())
	}
}

// step charges n instructions: for loops in Go whose length the script chooses.
func (m *meter) step(L *lua.LState, n int) {
	if m.left -= int64(n); m.left < 0 {
		m.tick()
		m.raise(L)
	}
}

// charge charges n bytes.
func (m *meter) charge(L *lua.LState, n int) {
	if m.mem -= int64(n); m.mem < 0 {
		m.fail(ErrMemory)
		m.raise(L)
	}
}

// text charges a string of n bytes that is about to be made.
func (m *meter) text(L *lua.LState, n int) {
	m.charge(L, n+16)
	m.saw(n)
	m.step(L, n/64)
}

// saw notes that there is something of n bytes, or n/8 elements, that one
// instruction may walk through.
func (m *meter) saw(n int) {
	if n > m.largest {
		m.largest = 2 * n
		m.interval = max(shortest, min(longest, 1<<22/int64(m.largest)))
		m.rest += max(m.left, 0) // so that the next look comes sooner
		m.left = min(m.left, 0)
	}
}

// glance looks at the clock at every eighth call: for what may take long and
// does not tell how long.
func (m *meter) glance(L *lua.LState) {
	if m.glances++; m.glances%8 == 0 {
		m.look()
		m.raise(L)
	}
}

func meterOf(L *lua.LState) *meter { return L.Context().(*meter) }
