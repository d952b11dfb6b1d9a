package sandbox

import (
	"testing"
)

// TestResults: a function whose result is known is not called where that is all
// that its caller returns, and is a function like any other elsewhere.
func TestResults(t *testing.T) {
	t.Parallel()
	yes := Atom("yes")
	for _, tt := range []struct {
		body  string
		want  string
		calls int
	}{
		{"return allow()", "yes", 0},
		{"if false then return 1 end return allow()", "yes", 0},
		{"if true then return allow() end return 1", "yes", 0},
		{"for i = 1, 2 do if i == 2 then return allow() end end", "yes", 0},
		{"local function inner() return allow() end return inner()", "yes", 0},
		{"return (function(...) return allow() end)(1, 2)", "yes", 0},
		{"local a, b = (function() return allow() end)() return b == nil and a", "yes", 0},
		{"return allow() == allow()", "true", 2},
		{"local x = allow() return x", "yes", 1},
		{"return (allow())", "yes", 1},
		{"return allow(), 2", "yes", 1},
		{"return 2, allow()", "2", 1},
		{"return allow(1)", "1 argument", 1},
		{"return allow(nil)", "1 argument", 1},
		{"return allow(unpack({}))", "yes", 1},
		{"return allow", "a function", 0},
		{"return _G.allow()", "yes", 1},
		{"local f = allow return f()", "yes", 1},
		{"local allow = function() return 'mine' end return allow()", "mine", 0},
		{"local ok, v = pcall(allow) return v", "yes", 1},
		{"local mine = function() return 'mine' end return (mine or allow)()", "mine", 0},
		{"local mine = nil return (mine or allow)()", "yes", 1},
		{"return other()", "other", 1},
	} {
		calls := 0
		p, err := Compile("test.lua", []byte("hook(function() "+tt.body+" end)"), Options{
			Globals: map[string]Func{
				"allow": func(a *Args) error {
					if calls++; a.Len() > 0 {
						a.Return(String("1 argument"))
					} else {
						a.Return(yes)
					}
					return nil
				},
				"other": func(a *Args) error {
					calls++
					a.Return(String("other"))
					return nil
				},
			},
			Results: map[string]Value{"allow": yes, "nothing": yes},
		})
		if err != nil {
			t.Fatal(err)
		}
		vm, err := NewVM(p, Host{Setup: hooked})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			calls = 0
			v, err := vm.Call(vm.Ext.(Value), patient)
			got, ok := v.Text()
			switch {
			case v == yes:
				got = "yes"
			case v == Bool(true):
				got = "true"
			case v.Kind() == KindFunction:
				got = "a function"
			case !ok:
				got = "2"
			}
			if err != nil || got != tt.want || calls != tt.calls {
				t.Errorf("%s: got %s, %v after %d calls; want %s after %d", tt.body, got, err, calls, tt.want, tt.calls)
			}
		}
	}
}
