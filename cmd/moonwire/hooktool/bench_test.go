package hooktool

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// TestBench: a line for each function, of a message that it is for.
func TestBench(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a.lua", `local json = require "json"
hook.connect(function(req) return allow{ user = req.user .. (req.token or "") } end)
hook.publish("a.*.b.>", function(req) if req.client.user ~= "user" then return deny(req.client.user) end end, { cache = { by = { "user" }, ttl = 9, negative_ttl = 9 } })
hook.publish("c", function(req) if req.size > 0 then return allow() end end, { accounts = "A", cache = { by = "user", ttl = 9 }, max_payload = 500 })
hook.subscribe(function(req) return deny(req.subject) end)
hook.inspect("o.*", function(msg) local d = json.decode(msg.payload) if not d then return drop(msg.headers["A"]) end msg.headers["Id"] = d.id end)
hook.rewrite("old", function() return config.to end)
hook.event(function() end)`, "config.json", `{"to":"new"}`, "payload", "not JSON", "fails.lua", script+"hook.rewrite(function() error('oh') end)")
	bench := func(args ...string) (int, []string, string) {
		code, out, errs := d.run(append([]string{"bench", "-runs", "1", "-time", "10us", "-config", "@config.json"}, args...)...)
		figures := regexp.MustCompile(`[0-9]+ (ns|B)`)
		var lines []string
		for line := range strings.Lines(out) {
			line = figures.ReplaceAllString(line, "N $1")
			line = regexp.MustCompile(`N ns +N ns +[0-9.]+ +[0-9]+ +N B`).ReplaceAllString(line, "FIGURES")
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return code, lines, errs
	}
	const head = "FUNCTION POINT SUBJECT MIN MEDIAN ALLOCS INSTRUCTIONS MEMORY KEPT ANSWER"
	expect := func(what string, got, want []string) {
		t.Helper()
		check(t, what, strings.Join(got, "\n"), strings.Join(append([]string{head}, want...), "\n"))
	}
	code, lines, errs := bench("@a.lua")
	if code != 0 || errs != "" {
		t.Errorf("code %d: %s", code, errs)
	}
	expect("by default", lines, []string{
		"a.lua:2 connect - FIGURES - allow",
		"a.lua:3 publish a.one.b.some.more FIGURES N ns pass",
		"a.lua:4 publish c FIGURES not kept: it looked at size allow",
		"a.lua:5 subscribe bench FIGURES - deny: bench",
		"a.lua:6 inspect o.one FIGURES - replace",
		"a.lua:7 rewrite old FIGURES - replace",
	})
	_, lines, errs = bench("@a.lua", "-subject", "o.x", "-payload", "@payload", "-header", "A: b", "-user", "bob", "-account", "B", "-token", "t")
	check(t, "stderr", errs, "")
	expect("by flags", lines, []string{
		"a.lua:2 connect - FIGURES - allow",
		`a.lua:3 publish it is not asked about "o.x"`,
		`a.lua:4 publish it is not asked about "o.x"`,
		"a.lua:5 subscribe o.x FIGURES - deny: o.x",
		"a.lua:6 inspect o.x FIGURES - drop: b",
		`a.lua:7 rewrite it is not asked about "o.x"`,
	})
	_, lines, _ = bench("@a.lua", "-subject", "c", "-account", "B")
	if want := `a.lua:4 publish it is not asked about account "B"`; lines[3] != want {
		t.Errorf("got %q, want %q", lines[3], want)
	}
	_, lines, _ = bench("@a.lua", "-payload", "501")
	if want := "a.lua:4 publish it takes 500 bytes, and the message has 501"; lines[3] != want {
		t.Errorf("got %q, want %q", lines[3], want)
	}
	code, lines, errs = bench("@fails.lua")
	if want := "moonwire hook bench: the function at fails.lua:2 fails: runtime: fails.lua:2: oh\n"; code != 1 || errs != want || len(lines) != 2 {
		t.Errorf("code %d, %q: %s", code, lines, errs)
	}
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"", "say which script is to be measured", 2},
		{"a b", "there is one at a time", 2},
		{"@a.lua -runs 0", "-runs and -time are more than 0", 2},
		{"@a.lua -time -1s", "-runs and -time are more than 0", 2},
		{"@a.lua -subject a.*", `"a.*" is no subject to publish to`, 2},
		{"@a.lua -payload -1", "-payload: from 0 to 1048576 bytes", 2},
		{"@a.lua -payload @none", "-payload: it is neither a number of bytes nor a file", 1},
		{"@none.lua", "no such file or directory", 1},
	} {
		if code, _, errs := d.run(append([]string{"bench"}, strings.Fields(tt.args)...)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d: %s", tt.args, code, errs)
		}
	}
}

// TestBenchFigures are of one call, and of the right size. It runs alone: what
// others allocate meanwhile would be counted.
func TestBenchFigures(t *testing.T) {
	d := newDesktop(t, "a.lua", `hook.publish("short", function() end)
hook.publish("long", function() local s = "" for i = 1, 1000 do s = s .. "x" end end)`)
	_, out, errs := d.run("bench", "-runs", "3", "-time", "1ms", "@a.lua")
	rows := regexp.MustCompile(`(\d+) ns +(\d+) ns +([0-9.]+) +(\d+) +(\d+) B`).FindAllStringSubmatch(out, -1)
	if len(rows) != 2 {
		t.Fatalf("got\n%s%s", out, errs)
	}
	numbers := func(row []string) (min, median, allocs, instructions, memory float64) {
		for i, p := range []*float64{&min, &median, &allocs, &instructions, &memory} {
			if err := json.Unmarshal([]byte(row[i+1]), p); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	min1, median1, allocs1, instructions1, memory1 := numbers(rows[0])
	min2, median2, allocs2, instructions2, memory2 := numbers(rows[1])
	if min1 <= 0 || min1 > median1 || min2 > median2 || min2 < 5*min1 {
		t.Errorf("times are odd:\n%s", out)
	}
	if instructions1 > 20 || instructions2 < 3000 || memory1 > 1000 || memory2 < 500_000 || allocs1 > 10 || allocs2 < 900 {
		t.Errorf("figures are odd:\n%s", out)
	}
}

// TestSamplePayload has the size that is asked for, and is JSON if it can be.
func TestSamplePayload(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		arg  string
		size int
		json bool
	}{{"", 128, true}, {"0", 0, false}, {"5", 5, false}, {"100", 100, true}, {"1048576", 1 << 20, true}} {
		b, err := samplePayload(tt.arg)
		if err != nil || len(b) != tt.size || json.Valid(b) != tt.json {
			t.Errorf("%q: %d bytes, JSON %v, %v", tt.arg, len(b), json.Valid(b), err)
		}
	}
}
