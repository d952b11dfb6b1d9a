package sandbox

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"moonwire/hooks/hookbench"
)

// bench calls f with what args make each time.
func bench(b *testing.B, source string, args func(*VM) []Value) {
	b.Helper()
	vm, f := load(b, source)
	hookbench.Run(b, 1, func() {
		if _, err := vm.Call(f, Budget{}, args(vm)...); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkYardstick is the call of an empty function in the interpreter as it
// comes, without a meter: a measure of the machine.
func BenchmarkYardstick(b *testing.B) {
	L := lua.NewState()
	defer L.Close()
	if err := L.DoString("function f() end"); err != nil {
		b.Fatal(err)
	}
	f := L.GetGlobal("f")
	hookbench.Run(b, 1, func() {
		L.Push(f)
		if err := L.PCall(0, 0, nil); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkEmpty(b *testing.B) {
	bench(b, "hook(function() end)", func(*VM) []Value { return nil })
}

var (
	subject = []byte("orders.eu.new")
	payload = []byte(`{"id":"4711","amount":12,"card":"1234567890123456","note":"` + strings.Repeat("x", 60) + `"}`)
)

// BenchmarkPublish is an authorization as it stands in the handbook: the table
// of the connection and a subject.
func BenchmarkPublish(b *testing.B) {
	args := make([]Value, 2)
	bench(b, `hook(function(client, subject)
		if client.user == "admin" then return true end
		return client.account == "acme" and client.kind == "client" and subject ~= "forbidden"
	end)`, func(vm *VM) []Value {
		args[0] = vm.Client(42, nil, func(t Table) {
			t.Set("user", String("bob"))
			t.Set("account", String("acme"))
			t.Set("kind", String("client"))
		})
		args[1] = Bytes(subject)
		return args
	})
}

type packet struct{ subject, payload []byte }

var messageClass = NewClass("msg",
	Field{Name: "subject", Get: func(_ *VM, data any) (Value, error) { return Bytes(data.(*packet).subject), nil }},
	Field{
		Name: "payload",
		Get:  func(_ *VM, data any) (Value, error) { return Bytes(data.(*packet).payload), nil },
		Set:  func(*VM, any, Value) error { return nil },
	},
	Field{Name: "client", Get: func(vm *VM, data any) (Value, error) {
		return vm.Client(42, nil, func(t Table) { t.Set("user", String("bob")) }), nil
	}},
)

func benchObject(b *testing.B, source string, payload []byte) {
	b.Helper()
	vm, f := load(b, source)
	o, m := vm.NewObject(messageClass), &packet{subject, payload}
	hookbench.Run(b, 1, func() {
		o.Bind(m)
		if _, err := vm.Call(f, Budget{}, o.Value()); err != nil {
			b.Fatal(err)
		}
		o.Release()
	})
}

// BenchmarkPublishObject reads two fields of an object.
func BenchmarkPublishObject(b *testing.B) {
	benchObject(b, `hook(function(req) return req.client.user == "bob" and req.subject ~= "forbidden" end)`, payload)
}

// BenchmarkInspect looks into 128 bytes.
func BenchmarkInspect(b *testing.B) {
	benchObject(b, `hook(function(msg)
		local p = msg.payload
		if p:sub(1, 1) ~= "{" then return false end
		return p:find('"card"', 1, true) ~= nil
	end)`, payload)
}

// BenchmarkInspectUnread has a payload of 64 KiB that nobody reads.
func BenchmarkInspectUnread(b *testing.B) {
	benchObject(b, `hook(function(msg) return msg.subject == "x" end)`, make([]byte, 64<<10))
}

func BenchmarkInspectAssign(b *testing.B) {
	benchObject(b, `hook(function(msg) msg.payload = msg.payload .. "!" end)`, payload)
}

func BenchmarkConcat(b *testing.B) {
	args := []Value{String("acme"), String("orders")}
	bench(b, `hook(function(a, b) return "t." .. a .. "." .. b end)`, func(*VM) []Value { return args })
}

func BenchmarkMatch(b *testing.B) {
	args := []Value{String("orders.west.42")}
	bench(b, `hook(function(s) return (s:match("^orders%.(%w+)%.(%d+)$")) end)`, func(*VM) []Value { return args })
}

func BenchmarkFindDigits(b *testing.B) {
	args := []Value{String("orders.west.region.four.423")}
	bench(b, `hook(function(s) return (s:find("%d%d%d")) end)`, func(*VM) []Value { return args })
}

func BenchmarkLoop1000(b *testing.B) {
	bench(b, `hook(function() local n = 0 for i = 1, 1000 do n = n + i end return n end)`, func(*VM) []Value { return nil })
}

func BenchmarkTableWrites100(b *testing.B) {
	bench(b, `hook(function() local t = {} for i = 1, 100 do t[i] = i end return t end)`, func(*VM) []Value { return nil })
}

func BenchmarkNewVM(b *testing.B) {
	p := compile(b, "local M = {} function M.f() end hook(function() end)")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewVM(p, Host{Setup: hooked}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPool(b *testing.B) {
	p, err := NewPool(compile(b, ""), Host{}, PoolOptions{})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	hookbench.Run(b, 1, func() {
		vm, err := p.Get(ctx, 1)
		if err != nil {
			b.Fatal(err)
		}
		p.Put(vm)
	})
}

// TestAllocations holds the calls of the message path to what they may cost.
func TestAllocations(t *testing.T) {
	vm, f := load(t, `hook(function(client, subject) return client.user == "bob" and subject ~= "x" end)`)
	args := make([]Value, 2)
	n := testing.AllocsPerRun(1000, func() {
		args[0] = vm.Client(42, nil, func(t Table) { t.Set("user", String("bob")) })
		args[1] = Bytes(subject)
		if _, err := vm.Call(f, Budget{}, args...); err != nil {
			t.Error(err)
		}
	})
	if n > 2 {
		t.Errorf("an authorization allocates %v times", n)
	}
}

// BenchmarkInspectStock is BenchmarkInspect in the interpreter as it comes,
// without a meter or limits: what to compare with.
func BenchmarkInspectStock(b *testing.B) {
	L := lua.NewState()
	defer L.Close()
	index := L.NewFunction(func(L *lua.LState) int {
		if L.CheckString(2) == "payload" {
			L.Push(lua.LString(L.CheckUserData(1).Value.(*packet).payload))
			return 1
		}
		return 0
	})
	ud, meta := L.NewUserData(), L.NewTable()
	meta.RawSetString("__index", index)
	ud.Value, ud.Metatable = &packet{subject, payload}, meta
	if err := L.DoString(`function hook(msg)
		local p = msg.payload
		if p:sub(1, 1) ~= "{" then return false end
		return p:find('"card"', 1, true) ~= nil
	end`); err != nil {
		b.Fatal(err)
	}
	f := L.GetGlobal("hook")
	hookbench.Run(b, 1, func() {
		L.Push(f)
		L.Push(ud)
		if err := L.PCall(1, 1, nil); err != nil {
			b.Fatal(err)
		}
		L.Pop(1)
	})
}
