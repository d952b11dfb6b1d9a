package library

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"moonwire/hooks/lua/sandbox"
)

// maxDepth is how deep tables may lie in each other where they become values of
// Go, and the other way round.
const maxDepth = 64

// ErrDepth is why values that are nested too deeply do not become others.
var ErrDepth = fmt.Errorf("tables lie more than %d deep in each other", maxDepth)

// ToLua makes a value of Go one of Lua: nil, bool, numbers, string, []byte, []any,
// []string, map[string]any and map[string]string. Keys of maps come in order; nil
// in a list is json.null. The tables are charged to the call, the strings are
// not.
func ToLua(vm *sandbox.VM, v any) (sandbox.Value, error) { return toLua(vm, v, maxDepth) }

func toLua(vm *sandbox.VM, v any, depth int) (sandbox.Value, error) {
	if depth == 0 {
		return sandbox.Value{}, ErrDepth
	}
	switch v := v.(type) {
	case nil:
		return sandbox.Value{}, nil
	case bool:
		return sandbox.Bool(v), nil
	case string:
		return sandbox.String(v), nil
	case []byte:
		return sandbox.Bytes(v), nil
	case float64:
		return sandbox.Number(v), nil
	case int:
		return sandbox.Number(float64(v)), nil
	case int64:
		return sandbox.Number(float64(v)), nil
	case []string:
		t := newList(vm, len(v))
		for _, s := range v {
			t.Append(sandbox.String(s))
		}
		return t.Value(), nil
	case []any:
		t := newList(vm, len(v))
		for _, e := range v {
			l, err := toLua(vm, e, depth-1)
			if err != nil {
				return sandbox.Value{}, err
			}
			if l.IsNil() {
				l = null // nil would leave a hole
			}
			if !t.Append(l) {
				return sandbox.Value{}, errors.New("a list has more elements than a table can hold")
			}
		}
		return t.Value(), nil
	case map[string]string:
		t := vm.NewTable(0, len(v))
		for _, k := range sortedKeys(v) {
			t.Set(k, sandbox.String(v[k]))
		}
		return t.Value(), nil
	case map[string]any:
		t := vm.NewTable(0, len(v))
		for _, k := range sortedKeys(v) {
			l, err := toLua(vm, v[k], depth-1)
			if err != nil {
				return sandbox.Value{}, err
			}
			t.Set(k, l)
		}
		return t.Value(), nil
	}
	return sandbox.Value{}, fmt.Errorf("a %T has no form in Lua", v)
}

// newList returns a table that stays a list when it is empty.
func newList(vm *sandbox.VM, elements int) sandbox.Table {
	t := vm.NewTable(elements, 0)
	t.MarkList()
	return t
}

// FromLua makes a value of Lua one of Go: nil for nil and json.null, bool, float64,
// string, []any for a table with elements and nothing else, and map[string]any for
// other tables. An empty table becomes an empty map, unless it is marked as a list.
//
// It is for functions that scripts call: what it makes is charged to the call, as
// tables can lie in each other many times over.
func FromLua(vm *sandbox.VM, v sandbox.Value) (any, error) { return fromLua(vm, v, maxDepth) }

func fromLua(vm *sandbox.VM, v sandbox.Value, depth int) (any, error) {
	if depth == 0 {
		return nil, ErrDepth
	}
	vm.Step(2)
	vm.Charge(48)
	switch v.Kind() {
	case sandbox.KindNil:
		return nil, nil
	case sandbox.KindBool:
		return v.True(), nil
	case sandbox.KindNumber:
		f, _ := v.Number()
		return f, nil
	case sandbox.KindString:
		s, _ := v.Text()
		return s, nil
	case sandbox.KindTable:
		t, _ := v.Table()
		return fromTable(vm, t, depth)
	}
	if v == null {
		return nil, nil
	}
	return nil, fmt.Errorf("a %s is no data", v.Kind())
}

func fromTable(vm *sandbox.VM, t sandbox.Table, depth int) (any, error) {
	var list []any
	var fields map[string]any
	var err error
	t.Each(func(key, value sandbox.Value) bool {
		var element any
		if element, err = fromLua(vm, value, depth-1); err != nil {
			return false
		}
		name, ok := key.Text()
		if f, isNumber := key.Number(); isNumber {
			if fields == nil && f == float64(len(list)+1) {
				list = append(list, element)
				return true
			}
			name, ok = formatNumber(f), true
		}
		if !ok {
			err = fmt.Errorf("a %s is no key of data", key.Kind())
			return false
		}
		if fields == nil {
			vm.Charge(320 + 64*len(list))
			fields = make(map[string]any)
			for i, e := range list {
				fields[strconv.Itoa(i+1)] = e
			}
		}
		vm.Charge(64)
		fields[name] = element
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case fields == nil && len(list) > 0:
		return list, nil
	case fields == nil && t.IsList():
		return []any{}, nil
	case fields == nil:
		return map[string]any{}, nil
	}
	return fields, nil
}

// CheckKeys returns an error that names a key of t which is not known, with the
// one that is meant, or those that are known; it begins with where.
func CheckKeys(t sandbox.Table, where string, known ...string) error {
	if err := checkKeys(t, known); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

func checkKeys(t sandbox.Table, known []string) error {
	var err error
	t.Each(func(key, _ sandbox.Value) bool {
		name, ok := key.Text()
		if !ok {
			err = fmt.Errorf("a key is a %s; known are %s", key.Kind(), strings.Join(known, ", "))
		} else if !slices.Contains(known, name) {
			err = fmt.Errorf("unknown key %s", Suggest(name, known))
		}
		return err == nil
	})
	return err
}

// formatNumber writes a number as Lua does.
func formatNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
