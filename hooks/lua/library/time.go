package library

import (
	"fmt"
	"math"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// The seconds of Unix time that have a date of four digits.
const (
	firstDate = -62167219200 // 0000-01-01T00:00:00Z
	lastDate  = 253402300799 // 9999-12-31T23:59:59Z
)

// timeModule returns the module time, with now for a clock.
func timeModule(now func() time.Time) *Module {
	t := timeLib{now}
	when := Param{"t", "number?", "Seconds since 1970, UTC; the time of the call by default."}
	return &Module{
		Name: "time",
		Doc: "Tells the time, in seconds since 1970, UTC, with fractions. " +
			"Answers that depend on the clock are not cached.",
		Functions: []Function{
			{
				Name:    "now",
				Doc:     "Returns the time.",
				Returns: []Param{{"t", "number", "Seconds since 1970, to the microsecond."}},
				Example: `local t = time.now()`,
				Do: func(a *sandbox.Args) error {
					a.Return(sandbox.Number(t.read(a)))
					return nil
				},
			},
			{
				Name:    "since",
				Doc:     "Returns how long ago something was.",
				Params:  []Param{{"t", "number", "When it was."}},
				Returns: []Param{{"seconds", "number", "Seconds; negative if it is still to come."}},
				Example: `local expired = time.since(1700000000) > 3600`,
				Do: func(a *sandbox.Args) error {
					then, err := number(a, 1)
					if err != nil {
						return err
					}
					a.Return(sandbox.Number(t.read(a) - then))
					return nil
				},
			},
			{
				Name:    "format",
				Doc:     "Writes a time as RFC 3339 has it, in UTC.",
				Params:  []Param{when},
				Returns: []Param{{"text", "string", "Such as 2026-01-02T03:04:05Z, with a fraction where there is one, to the millisecond."}},
				Example: `local text = time.format(1700000000)`,
				Do:      t.format,
			},
			{
				Name:    "parse",
				Doc:     "Reads a time as RFC 3339 has it.",
				Params:  []Param{{"text", "string", "Such as 2026-01-02T03:04:05.678+02:00."}},
				Returns: []Param{{"t", "number?", "Seconds since 1970; nil if it is no time."}, {"err", "string?", "Why not."}},
				Example: `local t, err = time.parse("2026-01-02T03:04:05Z")`,
				Do:      parseTime,
			},
			{
				Name:    "date",
				Doc:     "Returns the parts of a time, in UTC.",
				Params:  []Param{when},
				Returns: []Param{{"date", "time.Date", "Its parts."}},
				Example: `if time.date().hour < 6 then return deny("closed at night") end`,
				Do:      t.date,
			},
		},
		Types: []Type{{
			Name: "time.Date",
			Doc:  "The parts of a time.",
			Fields: []Param{
				{"year", "integer", "The year, as 2026."},
				{"month", "integer", "From 1."},
				{"day", "integer", "Of the month, from 1."},
				{"hour", "integer", "0 to 23."},
				{"min", "integer", "0 to 59."},
				{"sec", "integer", "0 to 59."},
				{"wday", "integer", "The day of the week, from 1 for Sunday, as in os.date."},
				{"yday", "integer", "The day of the year, from 1."},
			},
		}},
	}
}

// timeLib reads a clock.
type timeLib struct{ now func() time.Time }

// read returns the time, and says that the answer depends on it.
func (l timeLib) read(a *sandbox.Args) float64 {
	CallerOf(a).Outside()
	return unixSeconds(l.now())
}

// at returns the time that an argument means, by default that of the call.
func (l timeLib) at(a *sandbox.Args, i int) (time.Time, error) {
	if a.At(i).IsNil() {
		return unixTime(l.read(a)), nil
	}
	f, err := number(a, i)
	if err == nil && !(f >= firstDate && f <= lastDate) {
		err = fmt.Errorf("bad argument #%d (%s is not a time in the years 0 to 9999)", i, formatNumber(f))
	}
	return unixTime(f), err
}

func (l timeLib) format(a *sandbox.Args) error {
	t, err := l.at(a, 1)
	if err != nil {
		return err
	}
	layout := "2006-01-02T15:04:05Z"
	if t = t.Truncate(time.Millisecond); t.Nanosecond() != 0 {
		layout = "2006-01-02T15:04:05.999Z"
	}
	a.Charge(len(layout))
	a.Return(sandbox.String(t.Format(layout)))
	return nil
}

func parseTime(a *sandbox.Args) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	if len(s) > 64 {
		return fail(a, "the text is too long for a time")
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fail(a, fmt.Sprintf("%q is not a time such as 2026-01-02T03:04:05Z", brief(s, 64)))
	}
	a.Return(sandbox.Number(unixSeconds(t)))
	return nil
}

func (l timeLib) date(a *sandbox.Args) error {
	t, err := l.at(a, 1)
	if err != nil {
		return err
	}
	d := a.VM().NewTable(0, 8)
	for _, part := range []struct {
		name  string
		value int
	}{
		{"year", t.Year()},
		{"month", int(t.Month())},
		{"day", t.Day()},
		{"hour", t.Hour()},
		{"min", t.Minute()},
		{"sec", t.Second()},
		{"wday", int(t.Weekday()) + 1},
		{"yday", t.YearDay()},
	} {
		d.Set(part.name, sandbox.Number(float64(part.value)))
	}
	a.Return(d.Value())
	return nil
}

// unixSeconds returns a time as scripts have it. A float64 holds microseconds.
func unixSeconds(t time.Time) float64 {
	return float64(t.Unix()) + float64(t.Nanosecond()/1000)/1e6
}

// unixTime returns the time that a script means, to the microsecond.
func unixTime(f float64) time.Time {
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC()
}
