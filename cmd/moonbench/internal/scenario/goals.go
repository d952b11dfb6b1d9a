package scenario

// Goals are what must hold in a scenario. But for the last two they are ratios
// to the yardstick, the second server of a series: how many times the first one
// is better. 0 is no goal.
type Goals struct {
	Must        float64 `json:"must,omitempty"`         // server CPU for a unit
	Aim         float64 `json:"aim,omitempty"`          // the same, hoped for
	MustRate    float64 `json:"must_rate,omitempty"`    // units in a second
	MustLatency float64 `json:"must_latency,omitempty"` // p50 and p99, each
	AimP50      float64 `json:"aim_p50,omitempty"`      // p50, hoped for
	MustMemory  float64 `json:"must_memory,omitempty"`  // bytes for a unit
	AimMemory   float64 `json:"aim_memory,omitempty"`   // the same, hoped for

	// MostGrowth is how many times the first server's cost may be that of
	// GrowsFrom, a smaller load of the same kind.
	MostGrowth float64 `json:"most_growth,omitempty"`
	GrowsFrom  string  `json:"grows_from,omitempty"`
}

// Goals that follow from the kind of a load.
const (
	mustRate       = 1.5 // at full speed
	mustRateFanOut = 4   // at full speed, to more than largeFanOut subscribers
	largeFanOut    = 10
	mustLatency    = 1
	aimP50         = 1.5 // of a request
)

// stated are the goals that do not follow from the kind of a load.
func stated() map[string]Goals {
	return map[string]Goals{
		"1to1-16":         {Must: 6, Aim: 10},
		"1to1-128":        {Must: 4, Aim: 6},
		"1to1-4k":         {Must: 1.5, Aim: 1.9},
		"4to4-128":        {Must: 3, Aim: 5},
		"1to10-128":       {Must: 6, Aim: 10},
		"1to100-128":      {Must: 9, Aim: 14},
		"1to1000-128":     {Must: 18, Aim: 30},
		"1to1000-4k":      {Must: 4, Aim: 6},
		"queue-4to8":      {Must: 3, Aim: 5},
		"100k-hot":        {Must: 4, Aim: 7},
		"100k-hot-churn":  {Must: 4, Aim: 6},
		"100k-turn":       {Must: 6, Aim: 15},
		"request-1":       {Must: 1.4, Aim: 2},
		"request-64":      {Must: 2, Aim: 3.5},
		"nobody-128":      {Must: 2.5, Aim: 4},
		"headers-200":     {Must: 3.5, Aim: 6},
		"paced-20k":       {Must: 1, Aim: 1.5},
		"paced-1to100":    {Must: 1.2, Aim: 2},
		"idle-1k":         {MustMemory: 5, AimMemory: 7},
		"idle-10k":        {MustMemory: 5, AimMemory: 7},
		"idle-subs-100k":  {MustMemory: 2},
		"churn-wild-100k": {Must: 3},
		"growth-subs-1m":  {MostGrowth: 2, GrowsFrom: "growth-subs-1k"},
	}
}

// besides are the loads that are another load and some trouble: from the
// trouble's name to that of the other.
func besides() map[string]string {
	return map[string]string{
		"slow": "1to10-128", "slow-reader": "1to10-128",
		"slow-paced": "slow-paced-none", "slow-reader-paced": "slow-paced-none",
	}
}

// withGoals fills in Goals and Beside.
func withGoals(t []Scenario) []Scenario {
	all, beside := stated(), besides()
	for i := range t {
		s := &t[i]
		g := all[s.Name]
		switch {
		case s.Kind == Idle || s.Paced():
		case s.Kind == Publish && s.Fan == Broadcast && s.Subscribers > largeFanOut:
			g.MustRate = mustRateFanOut
		default:
			g.MustRate = mustRate
		}
		if s.HasLatency() {
			g.MustLatency = mustLatency
		}
		if s.Kind == Request {
			g.AimP50 = aimP50
		}
		s.Goals, s.Beside = g, beside[s.Name]
	}
	return t
}
