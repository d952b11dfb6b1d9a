package sandbox

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"
)

// TestStringLibrary compares the functions on bytes, within what the manual
// defines and the interpreter keeps.
func TestStringLibrary(t *testing.T) {
	t.Parallel()
	b := newBoth(t)
	index := rapid.IntRange(-8, 8).Filter(func(i int) bool { return i != 0 })
	rapid.Check(t, func(t *rapid.T) {
		s := lua.LString(rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ 019%\n\t\"~")), 0, 8, -1).Draw(t, "subject"))
		i, j := lua.LNumber(index.Draw(t, "i")), lua.LNumber(index.Draw(t, "j"))
		verb := rapid.SampledFrom([]string{"%d", "%5d", "%-5d|", "%05d", "%+d", "%x", "%X", "%o", "%i", "%g", "%.3f", "%e", "%8.2f", "%s", "%%%d"}).Draw(t, "verb")
		for _, c := range []struct {
			name string
			args []lua.LValue
		}{
			{"sub", []lua.LValue{s, i}},
			{"sub", []lua.LValue{s, i, j}},
			{"byte", []lua.LValue{s, i}},
			{"byte", []lua.LValue{s, i, j}},
			{"len", []lua.LValue{s}},
			{"upper", []lua.LValue{s}},
			{"lower", []lua.LValue{s}},
			{"reverse", []lua.LValue{s}},
			{"rep", []lua.LValue{s, i}},
			{"format", []lua.LValue{lua.LString("[" + verb + "]"), i * 1234}},
			{"format", []lua.LValue{lua.LString("%s and %10s and %-4s and %.2s and %q"), s, s, s, s, s}},
			{"find", []lua.LValue{s, lua.LString("a"), lua.LNumber(1), lua.LTrue}},
		} {
			want, got := b.call("string", c.name, c.args...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s(%s): -stock +ours\n%s", c.name, render(c.args), diff)
			}
		}
	})
}

// TestTableLibrary does the same things to two equal tables.
func TestTableLibrary(t *testing.T) {
	t.Parallel()
	b := newBoth(t)
	element := rapid.SampledFrom([]lua.LValue{lua.LString("a"), lua.LString("b"), lua.LString("cc"), lua.LString("1")})
	rapid.Check(t, func(t *rapid.T) {
		theirs, ours := &lua.LTable{Metatable: lua.LNil}, &lua.LTable{Metatable: lua.LNil}
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			i, j := lua.LNumber(rapid.IntRange(1, 9).Draw(t, "i")), lua.LNumber(rapid.IntRange(-1, 9).Draw(t, "j"))
			v := element.Draw(t, "value")
			op := rapid.SampledFrom([]struct {
				name string
				args []lua.LValue
			}{
				{"insert", []lua.LValue{v}},
				{"insert", []lua.LValue{v}},
				{"insert", []lua.LValue{lua.LNumber(1), v}},
				{"remove", nil},
				{"remove", []lua.LValue{i}},
				{"concat", []lua.LValue{lua.LString(",")}},
				{"concat", []lua.LValue{lua.LString(","), i}},
				{"concat", []lua.LValue{lua.LString(","), i, j}},
				{"sort", nil},
				{"getn", nil},
				{"maxn", nil},
			}).Draw(t, "operation")
			f := b.stock.GetField(b.stock.GetGlobal("table"), op.name)
			want := direct(b.stock, f, append([]lua.LValue{theirs}, op.args...))
			b.ours.arm(patient.or(defaultBudget))
			got := direct(b.ours.l, builtins()["table"].(*lua.LTable).RawGetString(op.name), append([]lua.LValue{ours}, op.args...))
			if got != want || elements(ours) != elements(theirs) {
				t.Fatalf("%s(%s): got %s %s, want %s %s", op.name, render(op.args), got, elements(ours), want, elements(theirs))
			}
		}
	})
}

func elements(t *lua.LTable) string {
	var all []lua.LValue
	for i := 1; i <= t.Len(); i++ {
		all = append(all, t.RawGetInt(i))
	}
	return render(all)
}

// TestSort: ours calls a comparator with the same pairs in the same order.
func TestSort(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 60).Draw(t, "numbers")
		var b strings.Builder
		b.WriteString("local t, seen = {}, {}\n")
		for _, n := range numbers {
			b.WriteString("t[#t + 1] = { " + lua.LNumber(n).String() + " }\n")
		}
		b.WriteString(`table.sort(t, function(a, b) seen[#seen + 1] = a[1] .. "<" .. b[1] return a[1] < b[1] end)
			for i = 1, #t do seen[#seen + 1] = t[i][1] end
			return "" .. table.concat(seen, " ")`)
		L := lua.NewState()
		defer L.Close()
		want := direct(L, mustLoad(t, L, b.String()), nil)
		if got := runOurs(t, b.String()); got != want {
			t.Fatalf("got %s\nwant %s", got, want)
		}
	})
}

// TestBenign runs ordinary Lua in both, paragraph by paragraph.
func TestBenign(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/benign.lua")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(source), "\n\n")
	if len(parts) < 40 {
		t.Fatalf("only %d paragraphs", len(parts))
	}
	for _, code := range parts {
		L := stock(t)
		want := direct(L, mustLoad(t, L, code), nil)
		if got := runOurs(t, code); got != want || got == "error" || got == "" {
			t.Errorf("%s\ngot  %s\nwant %s", code, got, want)
		}
	}
}

// TestLastParameter: the interpreter's compiler loses the argument when the
// last parameter is assigned a call for one value. Ours must not.
func TestLastParameter(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`x = (tostring(x))`:                       `string:"1" `,
		`x = x and (tostring(x))`:                 `string:"1" `,
		`x = x and (tostring(x)) or nil`:          `string:"1" `,
		`local y x, y = (tostring(x)), x`:         `string:"1" `,
		`local y x, y = tostring(x), tostring(x)`: `string:"1" `,
		`x = x .. (tostring(x)) .. x`:             `string:"111" `,
		`x = ({ x, x })[2]`:                       `number:"1" `,
	} {
		if got := runOurs(t, "local function f(x) "+code+" return x end return (f(1))"); got != want {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
}
