package library

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTime(t *testing.T) {
	t.Parallel()
	const now = 1767323045.678 // of the clock of tests
	for _, tt := range []struct {
		script
		outside bool
	}{
		{script{"now", `out(time.now()) sleep(1) out(time.now())`, []any{now, now + 1}}, true},
		{script{"since", `local t = time.now() sleep(2) out(time.since(t), time.since(t + 3))`, []any{2.0, -1.0}}, true},
		{script{"format now", `out(time.format())`, []any{"2026-01-02T03:04:05.678Z"}}, true},
		{
			script{
				"format", `out(time.format(0), time.format(-1), time.format(1.5), time.format(1700000000.0004), time.format(253402300799), time.format(-62167219200))`,
				[]any{"1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:01.5Z", "2023-11-14T22:13:20Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"},
			}, false,
		},
		{
			script{
				"parse", `out(time.parse("2026-01-02T03:04:05.678Z"), time.parse("2026-01-02T05:04:05+02:00"), (time.parse("1969-12-31T23:59:59.5Z")))`,
				[]any{now, 1767323045.0, -0.5},
			}, false,
		},
		{
			script{
				"parse what is no time", `out(time.parse("yesterday")) out((time.parse(("9"):rep(70))))`,
				[]any{nil, `"yesterday" is not a time such as 2026-01-02T03:04:05Z`, nil},
			}, false,
		},
		{
			script{
				"there and back", `for _, t in ipairs{ 0, 1.25, -1.25, 1e9, 4e9 } do out((time.parse(time.format(t))) == t) end`,
				[]any{true, true, true, true, true},
			}, false,
		},
		{
			script{
				"date now", `out(time.date())`,
				[]any{map[string]any{"year": 2026.0, "month": 1.0, "day": 2.0, "hour": 3.0, "min": 4.0, "sec": 5.0, "wday": 6.0, "yday": 2.0}},
			}, true,
		},
		{
			script{
				"date", `local d = time.date(1709164800) out(d.month, d.day, d.wday, d.yday, d.hour)`,
				[]any{2.0, 29.0, 5.0, 60.0, 0.0},
			}, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if c := tt.check(t, Options{}); c.outside > 0 != tt.outside {
				t.Errorf("the answer depends on what is outside: got %v", c.outside > 0)
			}
		})
	}
}

func TestTimeWrong(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct{ name, lines, want string }{
		{"since nothing", `time.since()`, "bad argument #1 (number expected, got no value)"},
		{"a far time", `time.format(253402300800)`, "bad argument #1 (253402300800 is not a time in the years 0 to 9999)"},
		{"no time", `time.date(0/0)`, "bad argument #1 (NaN is not a time in the years 0 to 9999)"},
		{"a text", `time.format("2026")`, "bad argument #1 (number expected, got string)"},
		{"no text", `time.parse()`, "bad argument #1 (string expected, got no value)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkError(t, new(fakeCaller).run(t, s, tt.lines), tt.want)
		})
	}
}

// TestTimeIsThatOfTheMachine: without a clock of its own, a Shared has the real
// one.
func TestTimeIsThatOfTheMachine(t *testing.T) {
	t.Parallel()
	before := unixSeconds(time.Now())
	c := new(fakeCaller)
	if err := c.run(t, newShared(t, Options{}), `out(time.now())`); err != nil {
		t.Fatal(err)
	}
	if got := c.out[0].(float64); got < before || got > unixSeconds(time.Now()) {
		t.Errorf("got %v, which is not between %v and now", got, before)
	}
	if got := unixTime(before); !cmp.Equal(unixSeconds(got), before) {
		t.Errorf("got %v, want %v", unixSeconds(got), before)
	}
}
