package library

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"moonwire/hooks/lua/sandbox"
)

func TestJSONDecode(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	for _, tt := range []struct{ name, text, want string }{
		{"null", "null", "<null>"},
		{"true", " true\n", "<true>"},
		{"false", "false", "<false>"},
		{"a string", `"a b"`, "a b"},
		{"an empty string", `""`, ""},
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{"unicode", `"\u00e9\u20AC\ud83d\ude00é€😀"`, "é€😀é€😀"},
		{"a zero byte", `"a\u0000b"`, "a\x00b"},
		{"an integer", "12345", "<12345>"},
		{"a fraction", "-0.5e+3", "<-500>"},
		{"fifteen digits", "-123456789012345", "<-123456789012345>"},
		{"2^53+1 loses its last digit", "9007199254740993", "<9007199254740992>"},
		{"nothing", "", "<nil> a value is missing at byte 1: the text ends there"},
		{"only space", " \t", "<nil> a value is missing at byte 3: the text ends there"},
		{"two values", "1 2", "<nil> the end is expected at byte 3, not '2'"},
		{"a comma too many", "[1,]", "<nil> a value is expected at byte 4, not ']'"},
		{"no comma", "[1 2]", "<nil> ',' or ']' is expected at byte 4, not '2'"},
		{"a comma behind a field", `{"a":1,}`, "<nil> a key in quotes is expected at byte 8, not '}'"},
		{"no colon", `{"a" 1}`, "<nil> ':' is expected at byte 6, not '1'"},
		{"an open object", `{"a":1`, "<nil> ',' or '}' is missing at byte 7: the text ends there"},
		{"an open list", `[`, "<nil> a value is missing at byte 2: the text ends there"},
		{"an open string", `"abc`, `<nil> '"' is missing at byte 5: the text ends there`},
		{"an open escape", `"abc\`, `<nil> one of "\/bfnrtu is missing at byte 6: the text ends there`},
		{"an open string with an escape", `"\n`, `<nil> '"' is missing at byte 4: the text ends there`},
		{"an unknown escape", `"\x41"`, `<nil> one of "\/bfnrtu is expected at byte 3, not 'x'`},
		{"a short \\u", `"\u12"`, "<nil> a hexadecimal digit is expected at byte 6, not '\"'"},
		{"a control character", "\"a\nb\"", "<nil> byte 0x0a at byte 3 must be escaped in a string"},
		{"a control character behind an escape", "\"\\n\x01\"", "<nil> byte 0x01 at byte 4 must be escaped in a string"},
		{"a high surrogate", `"\ud83d"`, "<nil> half of a surrogate pair at byte 2"},
		{"a low surrogate", `"x\ude00"`, "<nil> half of a surrogate pair at byte 3"},
		{"two high surrogates", `"\ud83d\ud83d"`, "<nil> half of a surrogate pair at byte 2"},
		{"no UTF-8", "[\"a\xff\"]", "<nil> the string at byte 2 is not UTF-8"},
		{"no UTF-8 behind an escape", "\"\\n\xc3\"", "<nil> the string at byte 1 is not UTF-8"},
		{"a surrogate as bytes", "\"\xed\xa0\x80\"", "<nil> the string at byte 1 is not UTF-8"},
		{"a byte order mark", "\xef\xbb\xbf1", "<nil> a value is expected at byte 1, not byte 0xef"},
		{"a leading zero", "01", "<nil> the end is expected at byte 2, not '1'"},
		{"a plus", "+1", "<nil> a value is expected at byte 1, not '+'"},
		{"only a minus", "-", "<nil> a digit is missing at byte 2: the text ends there"},
		{"no fraction", "1.", "<nil> a digit is missing at byte 3: the text ends there"},
		{"no exponent", "1e+", "<nil> a digit is missing at byte 4: the text ends there"},
		{"NaN", "NaN", "<nil> a value is expected at byte 1, not 'N'"},
		{"too large", "[1e999]", "<nil> the number at byte 2 is too large"},
		{"half a word", "tru", "<nil> true is missing at byte 4: the text ends there"},
		{"two keys", `[{"a":1,"\u0061":2}]`, `<nil> the key "a" is twice in the object at byte 2`},
		{"two long keys", `{"` + strings.Repeat("k", 50) + `":1,"` + strings.Repeat("k", 50) + `":null}`, `<nil> the key "` + strings.Repeat("k", 40) + `…" is twice in the object at byte 1`},
		{"65 deep", "[" + deep + "]", "<nil> values lie more than 64 deep in each other at byte 65"},
		{"65 deep in objects", strings.Repeat(`{"a":`, 65), "<nil> values lie more than 64 deep in each other at byte 321"},
		{"too many elements", "[" + strings.Repeat("1,", 65535) + "1]", "<nil> a list has more than 65535 elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, "json.decode(s)", tt.text); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestJSONOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, text, want string }{
		{"digits", `json.encode(json.decode(s, { numbers = "string" }))`, "[9007199254740993, -0.10e2]", `["9007199254740993","-0.10e2"]`},
		{"digits are checked", `json.decode(s, { numbers = "string" })`, "[1.]", "<nil> a digit is expected at byte 4, not ']'"},
		{"the last of two keys", `json.encode(json.decode(s, { duplicates = "last" }))`, `{"a":1,"a":null}`, `{"a":null}`},
		{"none", `json.decode(s, {})`, `{"a":1,"a":2}`, `<nil> the key "a" is twice in the object at byte 1`},
		{"indented", `json.encode(json.decode(s), { indent = 2 })`, `{"b":[1,{}],"a":[]}`, "{\n  \"a\": [],\n  \"b\": [\n    1,\n    {}\n  ]\n}"},
		{"a number for a text", `json.decode(12)`, "", "<12>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, tt.expression, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for expression, want := range map[string]string{
		`json.decode()`:                              "bad argument #1 (string expected, got no value)",
		`json.decode({})`:                            "bad argument #1 (string expected, got table)",
		`json.decode("1", 1)`:                        "bad argument #2 (table expected, got number)",
		`json.decode("1", { number = "string" })`:    `bad argument #2: unknown key "number"; did you mean "numbers"?`,
		`json.decode("1", { numbers = "float" })`:    `bad argument #2 (numbers can only be "string")`,
		`json.decode("1", { duplicates = "first" })`: `bad argument #2 (duplicates can only be "last")`,
		`json.encode()`:                              "bad argument #1 (value expected, got no value)",
		`json.encode(1, { indent = 9 })`:             "bad argument #2 (indent is a whole number from 1 to 8)",
		`json.encode(1, { indent = "a" })`:           "bad argument #2 (indent is a whole number from 1 to 8)",
		`json.array("a")`:                            "bad argument #1 (table expected, got string)",
		`json.array(setmetatable({}, {}))`:           "bad argument #1 (a table that is read-only or has a metatable cannot be marked)",
		`json.array(json)`:                           "bad argument #1 (a table that is read-only or has a metatable cannot be marked)",
		`json.null.x`:                                "attempt to index a non-table object(userdata) with key 'x'",
	} {
		if got := pureError(t, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

func TestJSONEncode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, want string }{
		{"nil", `json.encode(nil)`, "null"},
		{"null", `json.encode(json.null)`, "null"},
		{"bools", `json.encode{ true, false }`, "[true,false]"},
		{
			"numbers", `json.encode{ 0, -1, 0.5, 1e15, 123456789012, 1e20, 1e21, 1e-7, -0.000001 }`,
			"[0,-1,0.5,1000000000000000,123456789012,100000000000000000000,1e+21,1e-07,-0.000001]",
		},
		{"minus zero", `json.encode(json.decode("-0"))`, "-0"},
		{"strings", `json.encode("a\"\\/\n\r\t\1\127é\226\128\168")`, `"a\"\\/\n\r\t\u0001` + "\x7fé\u2028\""},
		{"a list", `json.encode{ "a", json.null, {} }`, `["a",null,{}]`},
		{"an object", `json.encode{ b = 1, a = 2, ["1"] = 3, [""] = 4 }`, `{"":4,"1":3,"a":2,"b":1}`},
		{"empty", `json.encode{ {}, json.array(), json.array{} , json.decode("[]"), json.decode("{}") }`, "[{},[],[],[],{}]"},
		{"an emptied list", `(function() local l = json.decode("[1]") table.remove(l) return json.encode(l) end)()`, "[]"},
		{"a table twice", `(function() local t = { 1 } return json.encode{ t, t } end)()`, "[[1],[1]]"},
		{"a read-only table", `json.encode(json.decode("{}"))`, "{}"},
		{"a function", `json.encode(print or tostring)`, "<nil> a function has no JSON"},
		{"a function inside", `json.encode{ a = { ["b c"] = { 1, tostring } } }`, `<nil> at .a."b c"[2]: a function has no JSON`},
		{"not a number", `json.encode{ 0/0 }`, "<nil> at [1]: a number that is infinite or none has no JSON"},
		{"infinite", `json.encode(-1/0)`, "<nil> a number that is infinite or none has no JSON"},
		{"no UTF-8", `json.encode{ a = "\255" }`, "<nil> at .a: a string that is not UTF-8 has no JSON; encode it, as by crypto.base64.encode"},
		{"a key without UTF-8", `json.encode{ ["\255"] = 1 }`, `<nil> at ."\xff": a string that is not UTF-8 has no JSON; encode it, as by crypto.base64.encode`},
		{"a surrogate", `json.encode("\237\160\128")`, "<nil> a string that is not UTF-8 has no JSON; encode it, as by crypto.base64.encode"},
		{"a hole", `json.encode{ 1, nil, 3 }`, "<nil> a list whose element 2 is nil has no JSON; put json.null there"},
		{"mixed", `json.encode{ 1, a = 2 }`, `<nil> a list with the key "a" has no JSON`},
		{"a marked table with names", `json.encode(json.array{ a = 2 })`, `<nil> a list with the key "a" has no JSON`},
		{"a fraction as key", `json.encode{ x = { [1.5] = 1 } }`, "<nil> at .x: a table with the key 1.5 has no JSON: keys are names, or 1 to n without a gap"},
		{"true as key", `json.encode{ [true] = 1 }`, "<nil> a table with the key that is a boolean has no JSON: keys are names, or 1 to n without a gap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, tt.expression, ""); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
	cycle := pureText(t, `(function() local t = {} t.a = { t } return json.encode(t) end)()`, "")
	if !strings.HasSuffix(cycle, ".a[1]: tables lie more than 64 deep in each other") {
		t.Errorf("a table in itself: got %q", cycle)
	}
}

// TestJSONBuffers: what a call left behind does not show in the next.
func TestJSONBuffers(t *testing.T) {
	t.Parallel()
	s := newPure(t, `hook(function(s) local v = json.decode(s) return json.encode(v) end)`)
	large := `{"a":[` + strings.Repeat(`{"b":"`+strings.Repeat(`x\n`, 3000)+`"},`, 20) + `1]}`
	for range 3 {
		for _, text := range []string{`{"a":1,"b":[1,2]}`, large, `[`, `{"x":[1,{"y":`, `"\n"`, `[[],{}]`} {
			got, _ := s.call(t, sandbox.String(text)).Text()
			want := text
			if !json.Valid([]byte(text)) {
				want = "null"
			}
			if got != want {
				t.Errorf("got %.80s, want %.80s", got, want)
			}
		}
	}
}

// TestJSONHostile gives the library what takes long and much.
func TestJSONHostile(t *testing.T) {
	const mega = 1 << 20
	for _, tt := range []struct{ name, source, input string }{
		{"brackets", "return json.decode(s)", strings.Repeat("[", mega)},
		{"objects", "return json.decode(s)", strings.Repeat(`{"":`, mega/4)},
		{"numbers", "return json.decode(s)", "[" + strings.Repeat("1,", mega/2) + "1]"},
		{"lists of numbers", "return json.decode(s)", "[[" + strings.Repeat(strings.Repeat("1,", 1000)+"1],[", mega/2000) + "1]]"},
		{"empty lists", "return json.decode(s)", "[[" + strings.Repeat("[],", 60000) + "1]," + strings.Repeat("[],", mega/3-60100) + "1]"},
		{"small objects", "return json.decode(s)", "[" + strings.Repeat(`{"":0},`, 60000) + "1]"},
		{"keys", "return json.decode(s)", manyKeys(mega)},
		{"equal keys", `return json.decode(s, { duplicates = "last" })`, "{" + strings.Repeat(`"":0,`, mega/5) + `"":0}`},
		{"a long string", "return json.decode(s)", `"` + strings.Repeat("x", mega) + `"`},
		{"escapes", "return json.decode(s)", `"` + strings.Repeat(`\n`, mega/2) + `"`},
		{"space", "return json.decode(s)", strings.Repeat(" ", mega)},
		{"a long number", "return json.decode(s)", strings.Repeat("1", mega)},
		{"decoding again", "while true do json.decode(s) end", `{"a":[1,2,3]}`},
		{"refusing again", "while true do json.decode(s) end", "["},
		{"encoding again", "while true do json.encode(s) end", "["},
		{"a long string out", "while true do json.encode(s) end", strings.Repeat("\x00", mega)},
		{"doubling", "local t = { s } for i = 1, 60 do t = { t, t } end return json.encode(t)", "x"},
		{"doubling nothing", "local t = {} for i = 1, 60 do t = { t, t } end return json.encode(t, { indent = 8 })", "x"},
		{"elements out", "local t = {} for i = 1, 60000 do t[i] = i end while true do json.encode(t) end", ""},
		{"keys out", "local t = {} for i = 1, 20000 do t[s .. i] = i end while true do json.encode(t) end", "key"},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, tt.input) })
	}
}

// manyKeys is an object of some size with different keys.
func manyKeys(size int) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for n := i; n > 0; n /= 64 {
			b.WriteByte('0' + byte(n%64)/2)
			b.WriteByte('a' + byte(n%64)%2)
		}
		b.WriteString(`":0`)
	}
	b.WriteByte('}')
	return b.String()
}

// FuzzJSON compares with encoding/json, and what was decoded with what comes of
// encoding and decoding it again.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,false,null,{}],"b":{"c":[]}}`, `[]`, ` 0 `, `-0`, `1e400`, `"\ud800"`, `{"a":1,"a":2}`,
		"\"\xff\"", `[1,]`, `{"a"}`, `nul`, `"\`, "\"\x1f\"", "[[[[[[", `{"":{"":0}}`, "9007199254740993", `1.0E-2`,
	} {
		f.Add(s)
	}
	s := newPure(f, `hook(function(s, how)
		local v, err = json.decode(s, how and { duplicates = "last" } or nil)
		if v == nil then return "! " .. err end
		local out = json.encode(v)
		assert(json.encode(json.decode(out)) == out)
		assert(json.encode(json.decode(json.encode(v, { indent = 1 }))) == out)
		return out
	end)`)
	budget := sandbox.Budget{Instructions: math.MaxInt64, Memory: math.MaxInt64, Wall: 1 << 40}
	f.Fuzz(func(t *testing.T, text string) {
		var want any
		err := json.Unmarshal([]byte(text), &want)
		for _, last := range []bool{true, false} {
			v, callErr := s.vm.Call(s.fn, budget, sandbox.String(text), sandbox.Bool(last))
			if callErr != nil {
				t.Fatal(callErr)
			}
			got, _ := v.Text()
			why, refused := strings.CutPrefix(got, "! ")
			switch {
			case refused && err == nil && !documented(why, last):
				t.Errorf("%q is refused: %s", text, why)
			case refused:
			case err != nil:
				t.Errorf("%q is %s, encoding/json says %v", text, got, err)
			default:
				var again any
				if err := json.Unmarshal([]byte(got), &again); err != nil || !reflect.DeepEqual(again, want) {
					t.Errorf("%q became %s: %v", text, got, err)
				}
			}
		}
	})
}

// documented reports whether JSON that encoding/json takes is refused for a
// reason that the documentation names.
func documented(why string, last bool) bool {
	return strings.Contains(why, "not UTF-8") || strings.Contains(why, "surrogate") || strings.Contains(why, "64 deep") ||
		strings.Contains(why, "65535 elements") || !last && strings.Contains(why, "is twice")
}

var benchDocument = `{"id":"4711","amount":12.5,"currency":"NOK","card":"1234567890123456","items":[1,2,3],"paid":true,"note":"` + strings.Repeat("x", 20) + `"}`

func BenchmarkJSON(b *testing.B) {
	for name, source := range map[string]string{
		"decode":       "hook(function(s) return json.decode(s) end)",
		"decodeEncode": "hook(function(s) return json.encode(json.decode(s)) end)",
	} {
		b.Run(name, func(b *testing.B) {
			s := newPure(b, source)
			args := []sandbox.Value{sandbox.String(benchDocument)}
			b.ReportAllocs()
			b.SetBytes(int64(len(benchDocument)))
			for b.Loop() {
				if _, err := s.vm.Call(s.fn, sandbox.Budget{}, args...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encodingJSON", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal([]byte(benchDocument), &v); err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestJSONNullInGo: values that pass through Go keep null and empty lists.
func TestJSONNullInGo(t *testing.T) {
	t.Parallel()
	s := newPure(t, `hook(function(v) return json.encode(v) end)`)
	value := map[string]any{"list": []any{nil, "a", []any{}}, "strings": []string{}, "gone": nil, "empty": map[string]any{}}
	v, err := ToLua(s.vm, value)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"empty":{},"list":[null,"a",[]],"strings":[]}`
	if got, _ := s.call(t, v).Text(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s = newPure(t, `hook(out)`)
	s.call(t, v)
	if got, err := json.Marshal(s.out); err != nil || string(got) != "["+want+"]" {
		t.Errorf("back in Go: got %s, %v; want [%s]", got, err, want)
	}
}

// TestFromLuaHostile: tables that lie in each other many times over are small in Lua
// alone.
func TestFromLuaHostile(t *testing.T) {
	for _, tt := range []struct{ name, source string }{
		{"twice in each other", "local t = {} for i = 1, 60 do t = { t, t } end out(t)"},
		{"by names", "local t = {} for i = 1, 60 do t = { a = t, b = t } end out(t)"},
		{"within itself", "local t = {} t[1], t[2] = t, t out(t)"},
		{"a long list many times", "local e, t = {}, {} for i = 1, 60000 do e[i] = i end for i = 1, 1000 do t[i] = e end out(t)"},
		{"many names again and again", "local t = {} for i = 1, 20000 do t['a' .. i] = i end while true do out(t) end"},
		{"a list that becomes none", "local t = {} for i = 1, 60000 do t[i] = i end t.a = 1 while true do out(t) end"},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, "") })
	}
}
