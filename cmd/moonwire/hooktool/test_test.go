package hooktool

import (
	"context"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/server"
	"moonwire/server/config"
)

const (
	passes = "test('good', function() assert_true(true) end)\n"
	fails  = "test('bad', function() assert_true(false, 'so') end)\n"
	script = "hook.publish(function(req) return deny('no') end)\n"
)

// TestTestCommand: which tests are run, what is printed of them, and the exit
// code.
func TestTestCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		files, args []string
		code        int
		out, errs   string
	}{
		{
			name: "a file of tests", files: []string{"a.lua", script, "a_test.lua", passes}, args: []string{"@a_test.lua"},
			out: "ok    a_test.lua  1 test (TIME)\n1 test in 1 file passed\n",
		},
		{
			name: "a script", files: []string{"a.lua", script, "a_test.lua", passes}, args: []string{"@a.lua"},
			out: "ok    a_test.lua  1 test (TIME)\n1 test in 1 file passed\n",
		},
		{
			name: "a folder, in order", args: []string{"-v", "@."},
			files: []string{
				"b/z_test.lua", passes, "b/z.lua", script, "a_test.lua", fails + passes, "a.lua", script,
				"testdata/x_test.lua", fails, ".git/x_test.lua", fails, "b/testdata/m_test.lua", fails,
			},
			code: 1,
			out: "FAIL  a_test.lua:1: bad\n      a_test.lua:1: it should be true: so\npass  a_test.lua:2: good (TIME)\n" +
				"pass  b/z_test.lua:1: good (TIME)\nok    b/z_test.lua  1 test (TIME)\n1 failed, 3 tests in 2 files\n",
		},
		{
			name: "each once", files: []string{"a_test.lua", passes, "a.lua", script}, args: []string{"@a.lua", "@.", "@./a_test.lua"},
			out: "ok    a_test.lua  1 test (TIME)\n1 test in 1 file passed\n",
		},
		{
			name: "some by name", files: []string{"a_test.lua", fails + passes}, args: []string{"@a_test.lua", "-run", "^go+d$"},
			out: "ok    a_test.lua  1 test (TIME)\n1 test in 1 file passed\n",
		},
		{
			name: "none by name", files: []string{"a_test.lua", fails + passes}, args: []string{"@a_test.lua", "-run", "x"}, code: 1,
			out: "0 tests in 1 file passed\n", errs: "moonwire hook test: no test matches -run x\n",
		},
		{
			name: "what the script logs", files: []string{"a.lua", "hook.publish(function() log.info('hi', { a = 1 }) end)", "a_test.lua", "test('t', function() assert_denied(client():publish('a')) end)"},
			args: []string{"@a.lua"}, code: 1,
			out: "FAIL  a_test.lua:1: t\n      a_test.lua:1: publish to \"a\" by a client of account \"$G\" should be denied, but it was allowed\n      log info: hi a=1\n1 failed, 1 test in 1 file\n",
		},
		{
			name: "helpers", files: []string{"a_test.lua", "local function inner()\n  assert_true(false, 'deep')\nend\nlocal function outer()\n  local x = inner()\n  return x\nend\n" +
				"test('t', function()\n  local y = outer()\nend)\n"},
			args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua:8: t\n      a_test.lua:2: it should be true: deep\n      called at a_test.lua:5, in outer\n      called at a_test.lua:9, in the test\n1 failed, 1 test in 1 file\n",
		},
		{
			name: "modules", files: []string{
				"a.lua", script, "lib/check.lua", "return { no = function(o)\n assert_denied(o, 'yes')\nend }",
				"a_test.lua", "local check = require 'lib.check'\nlocal json = require 'json'\ntest('t', function()\n  check.no(client():publish('a'))\nend)\n",
			},
			args: []string{"@a.lua"}, code: 1,
			out: "FAIL  a_test.lua:3: t\n      lib/check.lua:2: publish to \"a\" by a client of account \"$G\" should be denied because of \"yes\", but it was denied by the hook: no\n" +
				"      called at a_test.lua:4, in the test\n1 failed, 1 test in 1 file\n",
		},
		{
			name: "modules from elsewhere", files: []string{"a/a_test.lua", "require '../b'\n", "b.lua", ""}, args: []string{"@a"}, code: 1,
			out: "FAIL  a/a_test.lua\n      a/a_test.lua:1: require \"../b\": a module is named by letters, digits, _ and -, with dots between folders\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "libraries that wait are none", files: []string{"a_test.lua", "require 'http'\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:1: require \"http\": there is no such library, nor http.lua in .\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "no syntax", files: []string{"a_test.lua", "test('t', function(\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:2: syntax error near \"(\": the file ends too early\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "no tests", files: []string{"a_test.lua", "local x = 1\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua: it has no tests: declare them by test(name, function)\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "no name", files: []string{"a_test.lua", "test(function() end)\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:1: bad argument #1 to test (a name expected, got function)\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "no function", files: []string{"a_test.lua", "test('x')\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:1: bad argument #2 to test (a function expected, got nil)\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "one name twice", files: []string{"a_test.lua", passes + passes}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:2: there is a test named \"good\" in line 1 already\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "out of place", files: []string{"a_test.lua", "connect()\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:1: that can be done in a test only: test(name, function)\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "settings out of place", files: []string{"a_test.lua", "settings{}\n"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua\n      a_test.lua:1: settings are given in a test: test(name, function)\n1 failed, 0 tests in 1 file\n",
		},
		{
			name: "a script that cannot be loaded", files: []string{"a.lua", "oops", "a_test.lua", "test('t', function()\nassert_allowed(connect())\nend)"}, args: []string{"@a.lua"}, code: 1,
			out: "FAIL  a_test.lua:1: t\n      a_test.lua:2: the script cannot be loaded: a.lua:1: parse error near \"oops\": the file ends too early\n1 failed, 1 test in 1 file\n",
		},
		{
			name: "no script", files: []string{"a_test.lua", "test('t', function() connect() end)"}, args: []string{"@a_test.lua"}, code: 1,
			out: "FAIL  a_test.lua:1: t\n      a_test.lua:1: the script cannot be loaded: reading the script: stat a.lua: no such file or directory\n1 failed, 1 test in 1 file\n",
		},
		{
			name: "nothing there", files: []string{"sub/a.lua", ""}, args: []string{"@none", "@sub", "@sub/a.lua"}, code: 1,
			errs: "moonwire hook test: stat none: no such file or directory\n" +
				"moonwire hook test: sub: there are no tests: they stand in files whose names end in _test.lua\n" +
				"moonwire hook test: sub/a.lua has no tests: stat sub/a_test.lua: no such file or directory\n",
		},
		{
			name: "no script at all", files: []string{"orders", ""}, args: []string{"@orders"}, code: 1,
			errs: "moonwire hook test: orders has no tests: stat orders_test.lua: no such file or directory; only scripts in Lua are tested so, and plugins by the tools of their language\n",
		},
		{
			name: "no arguments", code: 2,
			errs: "moonwire hook test: say which scripts or folders are to be tested\nusage: moonwire hook test [flags] PATH...\n",
		},
		{
			name: "no regexp", args: []string{"@.", "-run", "("}, code: 2,
			errs: "moonwire hook test: -run: error parsing regexp: missing closing ): `(`\nusage: moonwire hook test [flags] PATH...\n",
		},
		{
			name: "no such flag", args: []string{"@.", "-x"}, code: 2,
			errs: "moonwire hook test: flag provided but not defined: -x\nusage: moonwire hook test [flags] PATH...\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t, tt.files...)
			code, out, errs := d.run(append([]string{"test"}, tt.args...)...)
			out = strings.ReplaceAll(out, "nor http.lua in "+d.dir, "nor http.lua in .")
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			check(t, "stdout", out, tt.out)
			check(t, "stderr", errs, tt.errs)
		})
	}
}

// TestLoopWithoutEnd: a file that never ends loading is given up. Instructions run
// out, or on a slow machine the time.
func TestLoopWithoutEnd(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a_test.lua", "while true do end\n")
	code, out, _ := d.run("test", "@a_test.lua")
	if code != 1 || !strings.HasPrefix(out, "FAIL  a_test.lua\n      a_test.lua:1: the script ") || !strings.HasSuffix(out, "\n1 failed, 0 tests in 1 file\n") {
		t.Errorf("code %d:\n%s", code, out)
	}
}

// TestTestsAreIndependent: what one test does to the script, its kv, its clock and the
// locals of its file is nothing to the next.
func TestTestsAreIndependent(t *testing.T) {
	t.Parallel()
	one := `function()
		count = count + 1
		assert_equal(count, 1)
		assert_equal(#http_requests() + #logs() + #acts(), 0)
		local c = client()
		assert_allowed(c:publish("a"))
		assert_denied(c:publish("a"))
		advance(1000)
	end`
	d := newDesktop(t, "a.lua", `local kv = require "kv" hook.publish(function(req) log.info("x") if kv.incr("n", 1) > 1 then return deny() end end)`,
		"a_test.lua", "local count = 0\ntest('one', "+one+")\ntest('two', "+one+")")
	if code, out, errs := d.run("test", "@a.lua"); code != 0 {
		t.Errorf("%s%s", out, errs)
	}
}

// TestOtherTestsEachTime: a file that declares its tests by chance is found out.
func TestOtherTestsEachTime(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a_test.lua", "test('t' .. tostring({}):gsub('%W', ''), function() assert_true(true) end)\n")
	_, out, _ := d.run("test", "@a_test.lua")
	if want := "a_test.lua:1: the file declares other tests each time it is loaded\n1 failed, 1 test in 1 file\n"; !strings.HasSuffix(out, want) {
		t.Errorf("got\n%s", out)
	}
}

// TestFixturesAreKeptIn: a link does not lead out of the folder, and a pipe does
// not make a test wait.
func TestFixturesAreKeptIn(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "secret", "s", "testdata/in", "inside", "a.lua", script,
		"a_test.lua", "test('in', function() assert_equal(fixture('link'), 'inside') end)\ntest('out', function() fixture('out') end)\ntest('large', function() fixture('large') end)")
	for name, to := range map[string]string{"out": "../secret", "link": "in"} {
		if err := os.Symlink(to, d.path("testdata/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	d.write("testdata/large", "")
	if err := os.Truncate(d.path("testdata/large"), mostFixture+1); err != nil {
		t.Fatal(err)
	}
	_, out, _ := d.run("test", "-v", "@a.lua")
	check(t, "stdout", out, "pass  a_test.lua:1: in (TIME)\n"+
		"FAIL  a_test.lua:2: out\n      a_test.lua:2: fixture: statat out: path escapes from parent\n"+
		"FAIL  a_test.lua:3: large\n      a_test.lua:3: fixture: large has 16777217 bytes: the most is 16777216\n2 failed, 3 tests in 1 file\n")
}

// TestJUnit: the file has the shape that CI systems read, and the counts are
// right.
func TestJUnit(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a.lua", script, "a_test.lua", passes+"test('bad', function()\n local x = client()\n assert_allowed(x:publish('a\\1<>&'))\nend)",
		"b.lua", script, "b_test.lua", "oops")
	if code, _, errs := d.run("test", "-junit", "@out.xml", "@."); code != 1 || errs != "" {
		t.Fatalf("code %d: %s", code, errs)
	}
	b, err := os.ReadFile(d.path("out.xml"))
	if err != nil {
		t.Fatal(err)
	}
	text := took.ReplaceAllString(strings.ReplaceAll(string(b), d.dir+"/", ""), "TIME")
	type element struct {
		XMLName  xml.Name
		Attrs    []xml.Attr `xml:",any,attr"`
		Text     string     `xml:",chardata"`
		Children []element  `xml:",any"`
	}
	var root element
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var lines []string
	var walk func(e *element, indent string)
	walk = func(e *element, indent string) {
		line := indent + e.XMLName.Local
		for _, a := range e.Attrs {
			if a.Name.Local != "time" {
				line += " " + a.Name.Local + "=" + a.Value
			} else if len(strings.Split(a.Value, ".")) != 2 {
				t.Errorf("time %q", a.Value)
			}
		}
		if s := strings.TrimSpace(e.Text); s != "" {
			line += " [" + s + "]"
		}
		lines = append(lines, line)
		for i := range e.Children {
			walk(&e.Children[i], indent+"  ")
		}
	}
	walk(&root, "")
	failure := `a_test.lua:4: publish to "a\x01<>&" by a client of account "$G" should be allowed, but it was denied by the hook: no`
	want := []string{
		"testsuites tests=3 failures=1 errors=1",
		"  testsuite name=a_test.lua file=a_test.lua tests=2 failures=1 errors=0",
		"    testcase name=good classname=a.lua file=a_test.lua line=1",
		"    testcase name=bad classname=a.lua file=a_test.lua line=2",
		"      failure message=" + failure + " [" + failure + "]",
		"  testsuite name=b_test.lua file=b_test.lua tests=1 failures=0 errors=1",
		"    testcase name=b_test.lua classname=b.lua file=b_test.lua",
		`      error message=b_test.lua:1: parse error near "oops": the file ends too early [b_test.lua:1: parse error near "oops": the file ends too early]`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, text)
	}
	if code, _, errs := d.run("test", "-junit", "@none/out.xml", "@a.lua"); code != 1 || !strings.Contains(errs, "no such file or directory") {
		t.Errorf("code %d: %s", code, errs)
	}
}

// TestTester: the tests of a hook run with the limits of the hook.
func TestTester(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a.lua", "hook.publish(function() for i = 1, 1000 do end end)", "none.lua", script,
		"a_test.lua", "test('t', function() assert_allowed(client():publish('a')) end)")
	for _, tt := range []struct {
		script       string
		instructions int64
		want         string
	}{
		{"a.lua", 0, ""},
		{"a.lua", 100, "t: a_test.lua:1: publish to \"a\" by a client of account \"$G\" should be allowed, but the script failed: budget: "},
		{"none.lua", 0, ""},
	} {
		h := config.Hook{Lua: d.path(tt.script), Limits: config.HookLimits{Instructions: tt.instructions}}
		err := Test(context.Background(), server.EngineOptions{Name: "h", Hook: h})
		if got := d.plain(errText(err)); !strings.HasPrefix(got, tt.want) || (err == nil) != (tt.want == "") {
			t.Errorf("%s with %d instructions: got %q, want %q", tt.script, tt.instructions, got, tt.want)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Test(canceled, server.EngineOptions{Name: "h", Hook: config.Hook{Lua: d.path("a.lua")}}); err == nil {
		t.Error("tests ran although nobody waits for them")
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
