package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"
)

// stock is a state of the interpreter with its own libraries.
func stock(t testing.TB) *lua.LState {
	t.Helper()
	L := lua.NewState()
	t.Cleanup(L.Close)
	return L
}

// render is a list of values as one text.
func render(values []lua.LValue) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%s:%q ", v.Type(), v.String())
	}
	return b.String()
}

// both calls a function of a library, in the interpreter and in ours, and
// returns what came of it: results, or "error".
type both struct {
	stock *lua.LState
	ours  *VM
}

func newBoth(t testing.TB) both {
	t.Helper()
	vm, _ := load(t, "")
	return both{stock(t), vm}
}

func (b both) call(library, name string, args ...lua.LValue) (want, got string) {
	f := b.stock.GetField(b.stock.GetGlobal(library), name)
	want = direct(b.stock, f, args)
	f = builtins()[library].(*lua.LTable).RawGetString(name)
	b.ours.arm(patient.or(defaultBudget))
	return want, direct(b.ours.l, f, args)
}

func direct(L *lua.LState, f lua.LValue, args []lua.LValue) string {
	defer L.SetTop(0)
	L.Push(f)
	for _, a := range args {
		L.Push(a)
	}
	if err := L.PCall(len(args), lua.MultRet, nil); err != nil {
		return "error"
	}
	values := make([]lua.LValue, L.GetTop())
	for i := range values {
		values[i] = L.Get(i + 1)
	}
	return render(values)
}

// drawPattern draws a pattern that the manual defines: sets without a class in
// a range, back-references to captures that are closed and hold text, no %f.
func drawPattern(t *rapid.T) string {
	var b strings.Builder
	if rapid.IntRange(0, 4).Draw(t, "anchor") == 0 {
		b.WriteByte('^')
	}
	captures, open := 0, []int{}
	closed := []int{}
	for range rapid.IntRange(0, 7).Draw(t, "items") {
		switch rapid.IntRange(0, 12).Draw(t, "item") {
		case 0:
			if captures < 5 {
				captures++
				open = append(open, captures)
				b.WriteString("(")
				// An empty capture would be a position.
				b.WriteString(drawClass(t))
			}
		case 1:
			if n := len(open); n > 0 {
				closed = append(closed, open[n-1])
				open = open[:n-1]
				b.WriteString(")")
			}
		case 2:
			if captures < 5 {
				captures++
				b.WriteString("()")
			}
		case 3:
			if len(closed) > 0 {
				fmt.Fprintf(&b, "%%%d", rapid.SampledFrom(closed).Draw(t, "reference"))
			}
		case 4:
			b.WriteString(rapid.SampledFrom([]string{"%b()", "%bab", "%b[]", "%baa"}).Draw(t, "balance"))
		case 5:
			b.WriteString(rapid.SampledFrom([]string{"*", "+", "-", "?", "$", "^", "]"}).Draw(t, "odd"))
		default:
			b.WriteString(drawClass(t))
			b.WriteString(rapid.SampledFrom([]string{"", "", "*", "+", "-", "?"}).Draw(t, "repeat"))
		}
	}
	b.WriteString(strings.Repeat(")", len(open)))
	if rapid.IntRange(0, 4).Draw(t, "end") == 0 {
		b.WriteByte('$')
	}
	return b.String()
}

func drawClass(t *rapid.T) string {
	if rapid.IntRange(0, 4).Draw(t, "class") > 0 {
		return rapid.SampledFrom([]string{
			"a", "b", "c", "1", " ", ".", "%a", "%d", "%s", "%w", "%u", "%l", "%p", "%x", "%c", "%z",
			"%A", "%D", "%S", "%W", "%U", "%L", "%P", "%X", "%%", "%.", "%(", "%]",
		}).Draw(t, "one")
	}
	var b strings.Builder
	b.WriteString(rapid.SampledFrom([]string{"[", "[^"}).Draw(t, "set"))
	if rapid.IntRange(0, 5).Draw(t, "bracket") == 0 {
		b.WriteByte(']')
	}
	for range rapid.IntRange(1, 3).Draw(t, "members") {
		b.WriteString(rapid.SampledFrom([]string{"a", "b", "1", "a-c", "0-9", "A-Z", "%d", "%a", "%s", "%]", ".", "(", "*"}).Draw(t, "member"))
	}
	if rapid.IntRange(0, 5).Draw(t, "dash") == 0 {
		b.WriteByte('-')
	}
	b.WriteByte(']')
	return b.String()
}

func drawSubject(t *rapid.T) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune("aabbc1 ().[]A\x00-")), 0, 14, -1).Draw(t, "subject")
}

// TestMatcher compares our matcher with the interpreter's.
func TestMatcher(t *testing.T) {
	t.Parallel()
	b := newBoth(t)
	rapid.Check(t, func(t *rapid.T) {
		s, p := lua.LString(drawSubject(t)), lua.LString(drawPattern(t))
		init := lua.LNumber(rapid.IntRange(1, len(s)+1).Draw(t, "init"))
		for _, f := range []string{"find", "match"} {
			if f == "find" && p == "" {
				continue // the interpreter forgets where to begin
			}
			want, got := b.call("string", f, s, p, init)
			if f == "match" && want == "" {
				want = "nil:\"nil\" " // it returns nothing where the manual says nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s(%q, %q, %v): -stock +ours\n%s", f, s, p, init, diff)
			}
		}
	})
}

// TestGsub compares replacements of all kinds.
func TestGsub(t *testing.T) {
	t.Parallel()
	b := newBoth(t)
	table := &lua.LTable{Metatable: lua.LNil}
	for k, v := range map[string]lua.LValue{"a": lua.LString("<A>"), "b": lua.LFalse, "": lua.LString("."), "1": lua.LNumber(7), "ab": lua.LString("")} {
		table.RawSetString(k, v)
	}
	table.RawSetInt(1, lua.LString("first"))
	called := function(func(L *lua.LState) int {
		if L.GetTop() > 1 && L.Get(1) == L.Get(2) {
			return 0
		}
		L.Push(lua.LString(render([]lua.LValue{L.Get(1), L.Get(2)})))
		return 1
	})
	rapid.Check(t, func(t *rapid.T) {
		s, p := lua.LString(drawSubject(t)), lua.LString(drawPattern(t))
		text := lua.LString(rapid.StringOfN(rapid.SampledFrom([]rune("x%%%012a")), 0, 6, -1).Draw(t, "text"))
		repl := rapid.SampledFrom([]lua.LValue{text, text, table, called}).Draw(t, "replacement")
		args := []lua.LValue{s, p, repl}
		if n := rapid.IntRange(0, 3).Draw(t, "limit"); n > 0 {
			args = append(args, lua.LNumber(n))
		}
		want, got := b.call("string", "gsub", args...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("gsub(%q, %q, %v, …): -stock +ours\n%s", s, p, repl, diff)
		}
	})
}

// TestGmatch compares what an iterator yields.
func TestGmatch(t *testing.T) {
	t.Parallel()
	const source = `local s, p = %q, %q
		local out = {}
		for a, b in s:gmatch(p) do out[#out + 1] = type(a) .. tostring(a) .. "," .. tostring(b) end
		return table.concat(out, ";")`
	L := stock(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := strings.NewReplacer("\x00", "z") // sources have no zero bytes
		s, p := plain.Replace(drawSubject(t)), plain.Replace(drawPattern(t))
		code := fmt.Sprintf(source, s, p)
		want := direct(L, mustLoad(t, L, code), nil)
		if got := runOurs(t, code); got != want {
			t.Fatalf("%s\ngot  %s\nwant %s", code, got, want)
		}
	})
}

func mustLoad(t rapid.TB, L *lua.LState, code string) lua.LValue {
	f, err := L.LoadString(code)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// runOurs runs a chunk and renders its results as direct does.
func runOurs(t rapid.TB, code string) string {
	t.Helper()
	p, err := Compile("<string>", []byte(code), Options{})
	if err != nil {
		t.Fatal(err)
	}
	vm, err := NewVM(compileEmpty(), Host{})
	if err != nil {
		t.Fatal(err)
	}
	vm.loading = true
	vm.arm(patient.or(defaultLoad))
	return direct(vm.l, vm.l.NewFunctionFromProto(p.main), nil)
}

func compileEmpty() *Program {
	p, err := Compile("empty.lua", nil, Options{})
	if err != nil {
		panic(err)
	}
	return p
}

// TestPatternsBeyond: what the interpreter's matcher does not know or gets
// wrong, as the reference implementation has it.
func TestPatternsBeyond(t *testing.T) {
	t.Parallel()
	vm, f := load(t, `hook(function(s, p) return tostring((s:gsub(p, "<%0>"))) end)`)
	for _, tt := range []struct{ subject, pattern, want string }{
		{"THE (quick) fox", "%f[%a]%a+%f[%A]", "<THE> (<quick>) <fox>"},
		{"a", "%f[%z]", "a<>"},
		{"x", "%f[x]", "<>x"},
		{"a-b_c", "[%w-_]+", "<a-b_c>"},
		{"a-c", "[a-b-c]+", "<a-c>"},
		{"+-", "[+--]+", "<+->"},
		{"a]b", "[]]", "a<]>b"},
		{"aa", "()%1", "aa"}, // a place is no text
	} {
		got, err := vm.Call(f, patient, String(tt.subject), String(tt.pattern))
		if s, _ := got.Text(); err != nil || s != tt.want {
			t.Errorf("%q, %q: got %q, %v, want %q", tt.subject, tt.pattern, s, err, tt.want)
		}
	}
}
