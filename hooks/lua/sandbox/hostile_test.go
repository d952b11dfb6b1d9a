package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile is a script of testdata/hostile with what its header says.
type hostile struct {
	name, limit string
	input       []byte
	program     *Program
}

// causes are the limits that a header may name.
var causes = map[string]error{"instructions": ErrInstructions, "memory": ErrMemory, "deadline": ErrDeadline, "panic": ErrPanic, "runtime": nil, "none": nil}

func readHostile(t *testing.T, file string) hostile {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h := hostile{name: strings.TrimSuffix(filepath.Base(file), ".lua")}
	for sc := bufio.NewScanner(bytes.NewReader(source)); sc.Scan(); {
		if limit, ok := strings.CutPrefix(sc.Text(), "-- limit: "); ok {
			h.limit = limit
		}
		if input, ok := strings.CutPrefix(sc.Text(), "-- input: "); ok {
			h.input = makeInput(t, input)
		}
	}
	if _, ok := causes[h.limit]; !ok {
		t.Fatalf("%s: the header names no limit that is known: %q", file, h.limit)
	}
	if h.program, err = Compile(h.name+".lua", source, Options{}); err != nil {
		t.Fatal(err)
	}
	return h
}

// makeInput makes the payload of a header: a kind and a length.
func makeInput(t *testing.T, spec string) []byte {
	t.Helper()
	kind, count, _ := strings.Cut(spec, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string]string{"a": "a", "comma": ",", "space": " ", "paren": "(", "stars": "a*", "deep": "["}[kind]
	if unit == "" {
		t.Fatalf("unknown input %q", spec)
	}
	return bytes.Repeat([]byte(unit), n)
}

// run runs a script to its end with a wall limit and returns its error.
func (h hostile) run(wall time.Duration) error {
	b := Budget{Wall: wall}
	vm, err := NewVM(h.program, Host{Setup: hooked, Load: b.or(defaultBudget)})
	if err != nil || h.input == nil {
		return err
	}
	_, err = vm.Call(vm.Ext.(Value), b, Bytes(h.input))
	return err
}

// allocated is how many bytes the process has allocated in its life.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// most is what one call may allocate, whatever it does.
const most = 64 << 20

// TestHostile runs each script of the corpus twice: without a clock, which the
// limit of its header must end, and with the default one, which must be in
// time. No script may allocate more than 64 MB, and the VM after it works.
func TestHostile(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*.lua")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		h := readHostile(t, file)
		t.Run(h.name, func(t *testing.T) {
			if h.limit != "deadline" {
				h.check(t, h.measured(t, time.Minute, time.Minute))
			}
			err := h.measured(t, 0, 10*150*time.Millisecond) // the machine may be busy
			if h.limit == "deadline" || !errors.Is(err, ErrDeadline) {
				h.check(t, err)
			}
			healthy(t)
		})
	}
}

// measured runs a script, which may not allocate nor last more than it may.
func (h hostile) measured(t *testing.T, wall, longest time.Duration) error {
	t.Helper()
	before, start := allocated(), time.Now()
	err := h.run(wall)
	took, got := time.Since(start), allocated()-before
	t.Logf("%v, %d kB: %v", took, got>>10, err)
	if got > most {
		t.Errorf("allocated %d MB", got>>20)
	}
	if took > longest {
		t.Errorf("took %v", took)
	}
	return err
}

func (h hostile) check(t *testing.T, err error) {
	t.Helper()
	var e *Error
	switch {
	case h.limit == "none":
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	case !errors.As(err, &e):
		t.Fatalf("got %v, want an error of the script", err)
	case e.Cause != causes[h.limit]:
		t.Errorf("got %v because of %v, want %v", e, e.Cause, h.limit)
	}
	if len(e.Message) > maxMessage+len("…") || strings.Contains(e.Message, "\n") || len(e.Traceback) > maxTrace {
		t.Errorf("message of %d and traceback of %d bytes: %q", len(e.Message), len(e.Traceback), e.Message)
	}
}

// healthy runs a script that uses a bit of everything.
func healthy(t *testing.T) {
	t.Helper()
	vm, f := load(t, `local n = 0
		hook(function(s)
			local t = {}
			for w in s:gmatch("%a+") do t[#t + 1] = w:upper() end
			table.sort(t)
			return table.concat(t, ",") .. "/" .. tostring(pcall(error))
		end)`)
	got, err := vm.Call(f, patient, String("b a c"))
	if s, _ := got.Text(); err != nil || s != "A,B,C/false" {
		t.Errorf("the next VM: got %q, %v", s, err)
	}
}

// deep are sources that nest: a head, what repeats, a middle and what closes.
var deep = map[string][4]string{
	"braces":       {"return ", "{", "", "}"},
	"parentheses":  {"return ", "(", "1", ")"},
	"brackets":     {"return ", "a[", "1", "]"},
	"calls":        {"return ", "f(", "", ")"},
	"functions":    {"return ", "function() return ", "1", " end"},
	"blocks":       {"", "do ", "", " end"},
	"whiles":       {"", "while 1 do ", "", " end"},
	"fors":         {"", "for i=1,2 do ", "", " end"},
	"ins":          {"", "for i in f do ", "", " end"},
	"ifs":          {"", "if 1 then ", "", " end"},
	"repeats":      {"", "repeat ", "", " until 1"},
	"elseifs":      {"if 1 then ", "elseif 1 then ", " end", ""},
	"elses":        {"", "if 1 then else ", "", " end"},
	"nots":         {"return ", "not ", "1", ""},
	"minuses":      {"return ", "- ", "1", ""},
	"hashes":       {"return ", "#", "a", ""},
	"powers":       {"return ", "1^", "1", ""},
	"concats":      {"return ", "a..", "a", ""},
	"sums":         {"return ", "1+", "1", ""},
	"ands":         {"return ", "a and ", "a", ""},
	"ors":          {"return ", "a or ", "a", ""},
	"comparisons":  {"return ", "1<", "1", ""},
	"fields":       {"return a", ".b", "", ""},
	"indexes":      {"return a", "[1]", "", ""},
	"methods":      {"return a", ":b()", "", ""},
	"chains":       {"return f", "()", "", ""},
	"strings":      {"return f", "''", "", ""},
	"tables":       {"return f", "{}", "", ""},
	"names":        {"function a", ".b", "() end", ""},
	"assignments":  {"a", ".b", " = 1", ""},
	"field values": {"return ", "{a=", "1", "}"},
	"field keys":   {"return ", "{[", "1", "]=1}"},
	"commented":    {"return ", "--[[)]]{--)\n", "", "}"},
	"quoted":       {"return ", "{'}',[[}]],\"\\\"}\",", "", "}"},
	"statements":   {"", "f() g.h = {} ;", "", ""},
	"locals":       {"", "local a = 1 ", "", ""},
	"arguments":    {"f(", "1,", "1)", ""},
	"elements":     {"return {", "1,", "}", ""},
	"entries":      {"return {", "a=1;", "}", ""},
	"closings":     {"", "}", "", ""},
	"ends":         {"", "end ", "", ""},
	"labels":       {"", "do ::a:: goto a end ", "", ""},
	"definitions":  {"", "function f() end ", "", ""},
	"numbered":     {"return {", "0x0,", "}", ""},
	"newlines":     {"", "\n", "", ""},
	"long strings": {"return [[", "x", "]]", ""},
	"long numbers": {"return ", "1", "", ""},
	"long names":   {"return ", "x", "", ""},
	"long comment": {"--[==[", "]]", "]==]", ""},
	"open string":  {"return '", "x", "", ""},
}

// TestDeepSources compiles sources as large as they may be that nest as deep
// as they can: an error or a program, in bounded time and memory.
func TestDeepSources(t *testing.T) {
	for name, d := range deep {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{10, 300, (MaxSource - 100) / (len(d[1]) + len(d[3]))} {
				source := d[0] + strings.Repeat(d[1], n) + d[2] + strings.Repeat(d[3], n)
				start := time.Now()
				p, err := Compile("deep.lua", []byte(source), Options{})
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("%d: took %v", n, took)
				}
				t.Logf("%d: %v: %v", n, time.Since(start), err)
				if err == nil {
					_, err = NewVM(p, Host{Load: Budget{Instructions: 1e5, Wall: time.Hour}})
				}
				if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.File != "deep.lua" || e.Line < 1) {
					t.Errorf("%d: got %v, want a line", n, err)
				}
			}
		})
	}
}

// TestConstants: the compiler looks for each constant in a list.
func TestConstants(t *testing.T) {
	var b strings.Builder
	b.WriteString("return {")
	for i := range 100_000 {
		b.WriteString(strconv.Itoa(i))
		b.WriteByte(',')
	}
	b.WriteString("}")
	_, err := Compile("constants.lua", []byte(b.String()), Options{})
	if err == nil || !strings.Contains(err.Error(), "16384 different") {
		t.Errorf("got %v", err)
	}
}

func TestSourceTooLong(t *testing.T) {
	t.Parallel()
	_, err := Compile("long.lua", bytes.Repeat([]byte(" "), MaxSource+1), Options{})
	if err == nil || err.Error() != "long.lua:1: the source is longer than 1 MiB; split it into modules" {
		t.Errorf("got %v", err)
	}
}
