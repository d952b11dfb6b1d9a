package hooks

import "fmt"

// Point is a place in the broker where hooks are asked. The names begin with
// At, so that Event is free for what is told there.
type Point uint8

const (
	AtConnect   Point = iota // CONNECT was parsed: who is it, may it come in
	AtRewrite                // a message's subject, before permissions
	AtPublish                // a publish that permissions allow
	AtSubscribe              // a subscription that permissions allow
	AtInspect                // a publish that is accepted, before it is matched
	AtEvent                  // something happened; nothing is asked
	numPoints   = iota
)

// Points is how many points there are: they are 0 to Points-1.
const Points = numPoints

var pointNames = [numPoints]string{"connect", "rewrite", "publish", "subscribe", "inspect", "event"}

// String returns the name in configuration and metrics: "connect" and so on.
func (p Point) String() string { return nameOf(pointNames[:], p) }

// ParsePoint returns the point with a name.
func ParsePoint(name string) (Point, error) { return parse[Point]("hook point", name, pointNames[:]) }

// PerPoint is a setting for each point.
type PerPoint[T any] [numPoints]T

// All sets v for all points, and returns the result.
func (PerPoint[T]) All(v T) (all PerPoint[T]) {
	for p := range all {
		all[p] = v
	}
	return all
}

// Verdict is what a hook answers.
type Verdict uint8

const (
	// Pass has no opinion: the chain goes on. It may stand at each point.
	Pass Verdict = iota
	// Allow is a yes, at connect, publish and subscribe. The chain goes on, as
	// others may still deny, unless the hook is final.
	Allow
	// Deny is a no that the client is told of. It ends the chain.
	Deny
	// Drop, at inspect, takes the message away without a word to the client. It
	// ends the chain.
	Drop
	// Replace, at rewrite and inspect, puts what Result holds in the place of
	// what the call had. The chain goes on with that.
	Replace
	numVerdicts = iota
)

// Verdicts is how many verdicts there are: they are 0 to Verdicts-1.
const Verdicts = numVerdicts

var verdictNames = [numVerdicts]string{"pass", "allow", "deny", "drop", "replace"}

// String returns the name in metrics: "pass" and so on.
func (v Verdict) String() string { return nameOf(verdictNames[:], v) }

// Refuses reports whether v ends the chain with a no.
func (v Verdict) Refuses() bool { return v == Deny || v == Drop }

// may says which verdicts a point takes. What is not named here is a bad answer.
var may = [numPoints][numVerdicts]bool{
	AtConnect:   {Pass: true, Allow: true, Deny: true},
	AtRewrite:   {Pass: true, Deny: true, Replace: true},
	AtPublish:   {Pass: true, Allow: true, Deny: true},
	AtSubscribe: {Pass: true, Allow: true, Deny: true},
	AtInspect:   {Pass: true, Deny: true, Drop: true, Replace: true},
}

// Mode is what becomes of a hook's answers.
type Mode uint8

const (
	// Enforce does as the hook says.
	Enforce Mode = iota
	// Shadow asks the hook off the connection's way, and only counts and logs what
	// it would have done.
	Shadow
	// Off does not ask it.
	Off
	numModes = iota
)

var modeNames = [numModes]string{"enforce", "shadow", "off"}

// String returns the name in configuration: "enforce" and so on.
func (m Mode) String() string { return nameOf(modeNames[:], m) }

// ParseMode returns the mode with a name.
func ParseMode(name string) (Mode, error) { return parse[Mode]("hook mode", name, modeNames[:]) }

// nameOf returns the name of v, or its number when it has none.
func nameOf[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("unknown(%d)", v)
}

func parse[T ~uint8](what, name string, names []string) (T, error) {
	for i, n := range names {
		if n == name {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q: want one of %q", what, name, names)
}
