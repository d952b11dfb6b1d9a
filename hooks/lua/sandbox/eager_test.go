package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEager: fields that are made ahead read as others do, from the first call
// on, whatever was in them before.
func TestEager(t *testing.T) {
	t.Parallel()
	type data struct{ a, b, c string }
	made := 0
	get := func(pick func(*data) string) func(*VM, any) (Value, error) {
		return func(_ *VM, of any) (Value, error) {
			made++
			if s := pick(of.(*data)); s != "" {
				return String(s), nil
			}
			return Value{}, nil
		}
	}
	ahead := func(get func(*VM, any) (Value, error), cheap func(*data) bool) func(*VM, any) (Value, bool) {
		return func(vm *VM, of any) (Value, bool) {
			if !cheap(of.(*data)) {
				return String("not to be seen"), false
			}
			v, err := get(vm, of)
			return v, err == nil
		}
	}
	set := func(*VM, any, Value) error { return nil }
	getA, getB := get(func(d *data) string { return d.a }), get(func(d *data) string { return d.b })
	c := NewClass("thing",
		Field{Name: "a", Get: getA, Ahead: ahead(getA, func(*data) bool { return true })},
		Field{Name: "b", Get: getB, Ahead: ahead(getB, func(d *data) bool { return len(d.b) < 3 }), Set: set},
		Field{Name: "c", Get: get(func(d *data) string { return d.c }), Set: set})
	vm, f := load(t, `local kept
	hook(function(o, way)
		if way == "kept" then return kept.a end
		if way == "none" then return "" end
		if way == "unknown" then return o.d end
		if way == "number" then return o[1] end
		if way == "set a" then o.a = 1 end
		if way == "set b" then o.b = "set" .. tostring(o.b) end
		if way == "only set" then o.b, o.c = "x", "y" return "" end
		kept = o
		return tostring(o.a) .. tostring(o.b) .. tostring(o.c) .. tostring(o.a)
	end)`)
	o := vm.NewEager(c)
	for i, tt := range []struct {
		data      data
		way, want string
		made      int
	}{
		{data{"1", "2", "3"}, "none", "", 0}, // nothing is made before it was read once
		{data{"1", "2", "3"}, "only set", "", 0},
		{data{"1", "2", "3"}, "none", "", 1}, // and what was assigned is as good as read
		{data{"1", "2", "3"}, "", "1231", 3},
		{data{"4", "5", "6"}, "", "4564", 3},
		{data{"7", "8", "9"}, "none", "", 2},    // a guess that was wrong
		{data{"", "2", "3"}, "", "nil23nil", 4}, // nil is no value that a table could hold
		{data{"1", "long", "3"}, "", "1long31", 3},
		{data{"1", "2", "3"}, "set b", "1set231", 3},
		{data{"1", "2", "3"}, "", "1231", 3},
		{data{"1", "2", "3"}, "set a", "thing.a is read-only", 2},
		{data{"1", "2", "3"}, "unknown", "thing has no field d", 2},
		{data{"1", "2", "3"}, "number", "the name of a field is a string", 2},
		{data{"1", "2", "3"}, "", "1231", 3},
	} {
		made = 0
		o.Bind(&tt.data)
		v, err := vm.Call(f, patient, o.Value(), String(tt.way))
		got, _ := v.Text()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" || made != tt.made {
			t.Errorf("call %d: got %q, %d made; want %q, %d", i, got, made, tt.want, tt.made)
		}
		o.Release()
	}
	if _, err := vm.Call(f, patient, Value{}, String("kept")); err == nil || !strings.Contains(err.Error(), "only valid during the call") || o.Bound() {
		t.Errorf("an object that was kept: got %v", err)
	}
}

// TestEagerModel: whatever scripts read and assign, and however data is told apart,
// an object whose values are made ahead says what one says whose are not.
func TestEagerModel(t *testing.T) {
	t.Parallel()
	type data [3]string
	var fields []Field
	for i, name := range []string{"a", "b", "c"} {
		f := Field{
			Name: name,
			Get:  func(_ *VM, of any) (Value, error) { return String(of.(*data)[i]), nil },
			Set:  func(*VM, any, Value) error { return nil },
		}
		if i > 0 { // a is never made ahead
			f.Ahead = func(vm *VM, of any) (Value, bool) { return String(of.(*data)[i]), len(of.(*data)[i]) <= i }
		}
		fields = append(fields, f)
	}
	class := NewClass("thing", fields...)
	program := compile(t, `hook(function(o, does)
		local said = ""
		for what, field in does:gmatch("(.)(.)") do
			if what == "=" then o[field] = field .. "!" else said = said .. o[field] .. ";" end
		end
		return said
	end)`)
	rapid.Check(t, func(t *rapid.T) {
		vm, err := NewVM(program, Host{Setup: hooked})
		if err != nil {
			t.Fatal(err)
		}
		plain, eager := vm.NewObject(class), vm.NewEager(class)
		for i := range rapid.IntRange(1, 12).Draw(t, "calls") {
			d := &data{fmt.Sprint("a", i), fmt.Sprint(i), fmt.Sprint(i % 3)}
			form := rapid.IntRange(0, 2).Draw(t, "form")
			does := String(rapid.StringMatching(`([=.][abc]){0,4}`).Draw(t, "does"))
			var said [2]Value
			for n, o := range []*Object{plain, eager} {
				o.BindForm(d, form)
				var err error
				if said[n], err = vm.Call(vm.Ext.(Value), patient, o.Value(), does); err != nil {
					t.Fatal(err)
				}
				o.Release()
			}
			if said[0] != said[1] {
				t.Fatalf("call %d: got %v, want %v", i, said[1], said[0])
			}
		}
	})
}
