package lua

import (
	"context"
	"fmt"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// machine is what a virtual machine of a script has: its functions, the objects
// that stand for calls, and the call that it is in. It lies in VM.Ext.
type machine struct {
	s     *Script
	vm    *sandbox.VM
	usage *usage

	found     []handler       // what the top level registered
	functions []sandbox.Value // of it
	version   string

	objects [hooks.Points]views
	kins    kins                         // of the last calls
	subject [sandbox.Forms]sandbox.Value // of them
	form    int                          // of the call that the VM is in, among them
	client  *sandbox.Object              // of calls whose reads are noted
	tags    *sandbox.Object              // likewise
	headers *sandbox.Object
	all     sandbox.Value // the functions of headers
	names   sandbox.Value

	// The call that the VM is in. Context is never nil.
	ctx     context.Context
	handler *handler
	call    *hooks.Call  // nil at event
	event   *hooks.Event // nil elsewhere
	edit    edit         // what an inspection has changed so far

	headersRead, headersBad bool // see checkHeaders
}

// views are the objects of one point: one whose reads are noted for the cache of
// decisions, and one whose fields may be made ahead.
type views struct{ plain, noted *sandbox.Object }

func machineOf(vm *sandbox.VM) *machine { return vm.Ext.(*machine) }

// setup gives a virtual machine its globals.
func (s *Script) setup(vm *sandbox.VM) error {
	m := &machine{s: s, vm: vm, ctx: s.life, usage: &s.usages[s.made.Add(1)%usages]}
	vm.Ext = m
	config, err := library.ToLua(vm, s.config)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if s.config == nil {
		config = vm.NewTable(0, 0).Value()
	}
	lockAll(config)
	vm.SetGlobal("config", config)
	for _, g := range s.globals {
		if g.Name != "" { // the others are the program's
			vm.SetGlobal(g.Name, g.Build(vm))
		}
	}
	return nil
}

// lockAll makes a table and those in it read-only.
func lockAll(v sandbox.Value) {
	t, ok := v.Table()
	if !ok {
		return
	}
	t.Each(func(_, inner sandbox.Value) bool {
		lockAll(inner)
		return true
	})
	t.Lock()
}

// point is where the call is.
func (m *machine) point() hooks.Point { return m.handler.Point }

// saw tells that the script looked at a part of the call.
func (m *machine) saw(f hooks.Field) {
	if m.call != nil {
		m.call.Saw(f)
	}
}

// enter makes m ready for a call, and returns what stands for it in Lua.
func (m *machine) enter(ctx context.Context, h *handler) sandbox.Value {
	m.ctx, m.handler = ctx, h
	v := &m.objects[h.Point]
	o := &v.plain
	if h.noted {
		o = &v.noted
	}
	switch {
	case *o != nil:
	case h.noted || waits(h.Point):
		*o = m.vm.NewObject(classes[h.Point])
	default:
		*o = m.vm.NewEager(classes[h.Point])
	}
	if m.event != nil {
		(*o).Bind(m.event)
	} else {
		m.form = m.kins.of(m.call)
		(*o).BindForm(m.call, m.form)
	}
	return (*o).Value()
}

// leave forgets a call: what a script kept of it shows nothing until the next.
func (m *machine) leave() {
	v := &m.objects[m.handler.Point]
	for _, o := range [...]*sandbox.Object{v.plain, v.noted, m.client, m.tags, m.headers} {
		if o != nil {
			o.Release()
		}
	}
	m.ctx, m.handler, m.call, m.event = m.s.life, nil, nil, nil
	m.headersRead, m.headersBad = false, false
	m.edit.reset()
}

// Context returns the context of the call.
func (m *machine) Context() context.Context { return m.ctx }

// Loading reports whether the top level of the script is running.
func (m *machine) Loading() bool { return m.vm.Loading() }

// MayWait reports whether the call may wait.
func (m *machine) MayWait() bool { return m.handler != nil && waits(m.point()) }

// Outside tells that the answer depends on what is not in the call.
func (m *machine) Outside() { m.saw(hooks.FieldOther) }

// Hook returns the name of the hook.
func (m *machine) Hook() string { return m.s.options.Name }

// Log writes a line to the server's log.
func (m *machine) Log(level library.Level, message string, fields []any) {
	m.s.log(&m.s.lines, level, message, fields)
}
