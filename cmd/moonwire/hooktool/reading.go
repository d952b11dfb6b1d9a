package hooktool

import (
	"fmt"

	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// reading reads the fields of a table that a test gives to a function. It
// remembers the first thing that is wrong; after that it sets nothing.
type reading struct {
	where string // the name of the function
	table sandbox.Table
	given bool // false: no table was given, and all fields are nil
	err   error
}

// read begins to read an argument of a function, which may be nil. Known are the
// fields that there may be.
func read(v sandbox.Value, where string, known ...string) *reading {
	r := &reading{where: where}
	if v.IsNil() {
		return r
	}
	if r.table, r.given = v.Table(); !r.given {
		r.err = fmt.Errorf("%s: a table expected, got %s", where, v.Kind())
		return r
	}
	r.err = library.CheckKeys(r.table, where, known...)
	return r
}

// get returns a field; ok is false if it is not there, or something was wrong.
func (r *reading) get(name string) (v sandbox.Value, ok bool) {
	if !r.given || r.err != nil {
		return v, false
	}
	v = r.table.Get(name)
	return v, !v.IsNil()
}

func (r *reading) wrong(name, want string, v sandbox.Value) {
	r.err = fmt.Errorf("%s: %s: %s expected, got %s", r.where, name, want, v.Kind())
}

func (r *reading) text(name string, to *string) {
	if v, ok := r.get(name); ok {
		if *to, ok = v.Text(); !ok {
			r.wrong(name, "a string", v)
		}
	}
}

// whole reads a whole number within bounds.
func (r *reading) whole(name string, low, high int, to *int) {
	v, ok := r.get(name)
	if !ok {
		return
	}
	f, ok := v.Number()
	if *to = int(f); !ok || float64(*to) != f || *to < low || *to > high {
		r.err = fmt.Errorf("%s: %s: a whole number from %d to %d expected", r.where, name, low, high)
	}
}

// list reads a list of texts.
func (r *reading) list(name string, to *[]string) {
	v, ok := r.get(name)
	if !ok {
		return
	}
	t, ok := v.Table()
	if !ok {
		r.wrong(name, "a list of strings", v)
		return
	}
	*to = r.elements(name, t)
}

func (r *reading) elements(name string, t sandbox.Table) (list []string) {
	t.Each(func(key, value sandbox.Value) bool {
		s, ok := value.Text()
		if _, indexed := key.Number(); !ok || !indexed {
			r.err = fmt.Errorf("%s: %s: a list of strings expected", r.where, name)
			return false
		}
		list = append(list, s)
		return true
	})
	return list
}

// named calls f with each field of a table, in order.
func (r *reading) named(name string, f func(key string, v sandbox.Value)) {
	v, ok := r.get(name)
	if !ok {
		return
	}
	t, ok := v.Table()
	if !ok {
		r.wrong(name, "a table", v)
		return
	}
	t.Each(func(key, value sandbox.Value) bool {
		k, ok := key.Text()
		if !ok {
			r.err = fmt.Errorf("%s: %s: names expected, such as { a = … }", r.where, name)
			return false
		}
		f(k, value)
		return r.err == nil
	})
}

// texts reads a table of texts by name.
func (r *reading) texts(name string, to *map[string]string) {
	out := make(map[string]string)
	r.named(name, func(key string, v sandbox.Value) {
		s, ok := v.Text()
		if !ok {
			r.wrong(name+"."+key, "a string", v)
		}
		out[key] = s
	})
	if len(out) > 0 {
		*to = out
	}
}

// headers reads a table of headers, each a text or a list of texts, as a block.
func (r *reading) headers(name string, to *[]byte) {
	var lines [][2]string
	r.named(name, func(key string, v sandbox.Value) {
		values := []string{""}
		if t, ok := v.Table(); ok {
			values = r.elements(name+"."+key, t)
		} else if values[0], ok = v.Text(); !ok {
			r.wrong(name+"."+key, "a string or a list of strings", v)
		}
		for _, value := range values {
			lines = append(lines, [2]string{key, value})
		}
	})
	if r.err != nil {
		return
	}
	block, err := headerBlock(lines)
	if err != nil {
		r.err = fmt.Errorf("%s: %s: %w", r.where, name, err)
	}
	*to = block
}
