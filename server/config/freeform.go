package config

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// maxDepth is how deep blocks and lists may lie in each other where the
// broker does not know the keys.
const maxDepth = 32

// freeform translates a block whose keys are none of ours: as they are written,
// names that the file also uses as variables included.
func (t *translation) freeform(it *item, n *node, scope string, out map[string]any) {
	if _, ok := n.value.([]member); !ok {
		t.refuse(it, n, scope)
		return
	}
	value, ok := t.value(it, it.name(), n, maxDepth)
	if !ok {
		t.rep.failed[join(scope, it.fields[0], delimiter)] = true
		return
	}
	t.assign(it, n, join(scope, it.fields[0], delimiter), value)
	out[it.fields[0]] = value
}

// value returns a value of Go for a node: nil, string, bool, int64, float64,
// []any or map[string]any. It reports what has none.
func (t *translation) value(it *item, name string, n *node, depth int) (value any, ok bool) {
	fail := func(text string) (any, bool) {
		t.rep.fail(n.at, "%q: %s", name, text)
		return nil, false
	}
	if depth < 0 {
		return fail(fmt.Sprintf("lies more than %d blocks and lists deep; must be flatter", maxDepth))
	}
	switch v := n.value.(type) {
	case plain:
		return string(v), true
	case time.Time: // only what is written in this way is taken for one
		return v.Format(time.RFC3339), true
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return fail("must be a finite number")
		}
	case []*node:
		list := make([]any, len(v))
		ok = true
		for i, e := range v {
			var fine bool
			list[i], fine = t.value(it, element(name, i), e, depth-1)
			ok = ok && fine
		}
		return list, ok
	case []member:
		block := make(map[string]any, len(v))
		ok = true
		for _, m := range v {
			var fine bool
			block[m.key], fine = t.value(it, join(name, m.key, "."), m.node, depth-1)
			ok = ok && fine
		}
		return block, ok
	}
	return n.value, true
}

// checkFree says what is wrong with a value that came from code.
func checkFree(value any, depth int) error {
	if depth < 0 {
		return fmt.Errorf("lies more than %d maps and lists deep; must be flatter", maxDepth)
	}
	switch v := value.(type) {
	case nil, string, bool, int64:
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return errors.New("must be a finite number")
		}
	case []any:
		for i, e := range v {
			if err := checkFree(e, depth-1); err != nil {
				return fmt.Errorf("%s: %w", element("", i), err)
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := checkFree(e, depth-1); err != nil {
				return fmt.Errorf("%q: %w", k, err)
			}
		}
	default:
		return fmt.Errorf("a %T is none of text, bool, int64, float64, []any and map[string]any", v)
	}
	return nil
}

// convertFraction returns a part of 1. Zero, which is no value of a field but
// its default, becomes what the table says.
func (it *item) convertFraction(v any) (any, error) {
	var f float64
	switch v := v.(type) {
	case int64:
		f = float64(v)
	case float64:
		f = v
	default:
		return nil, errKind
	}
	if !(f >= 0 && f <= 1) {
		return nil, errRange
	}
	if to, ok := it.remap[0]; ok && f == 0 {
		f = float64(to)
	}
	return f, nil
}

// allowsFraction reports whether the value of a field is one: negative is none
// where the table gives zero another meaning.
func (it *item) allowsFraction(f float64) bool {
	return f >= 0 && f <= 1 || f < 0 && it.remap != nil
}
