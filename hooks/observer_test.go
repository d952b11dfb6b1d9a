package hooks

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDecisions: the decision log has what sampling says, and why.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sampling Sampling
		want     []string
	}{
		"none":   {Sampling{}, nil},
		"denied": {Sampling{Denied: 1}, []string{"denied deny no <nil> false", "failed allow  timeout: slow false"}},
		"all": {Sampling{Sample: 1, Denied: 1}, []string{
			"passed pass  <nil> false", "denied deny no <nil> false", "failed allow  timeout: slow false", "passed pass  <nil> true",
		}},
		"the others": {Sampling{Sample: 1}, []string{"passed pass  <nil> false", "passed pass  <nil> true"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			o := Options{Sampling: tt.sampling, Observer: Observer{Decision: func(d Decision) {
				if d.Hook != "h" || d.Point != AtPublish || d.Client != alice {
					t.Errorf("got %+v", d)
				}
				reason := d.Reason
				if d.Err != nil {
					reason = ""
				}
				got = append(got, fmt.Sprintf("%s %v %s %v %v", d.Subject, d.Verdict, reason, d.Err, d.Cached))
			}}}
			r := Registration{Point: AtPublish, Cache: &CachePolicy{By: Fields{Set: FieldSubject}, TTL: time.Hour}}
			set := must(t, o, Hook{Name: "h", OnError: PerPoint[OnError]{}.All(OnErrorAllow), Engine: at(r, func(c *Call) {
				switch string(c.Subject) {
				case "denied":
					c.Out = Result{Verdict: Deny, Reason: "no"}
				case "failed":
					c.Err = &Error{KindTimeout, errors.New("slow")}
				}
			})})
			for _, s := range []string{"passed", "denied", "failed", "passed"} {
				one(set.Table("A"), AtPublish, s)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestSampling: a part of the decisions is about that part.
func TestSampling(t *testing.T) {
	t.Parallel()
	n := 0
	set := must(t, Options{Sampling: Sampling{Sample: 0.1}, Observer: Observer{Decision: func(Decision) { n++ }}},
		Hook{Name: "h", Engine: on(AtPublish, verdict(Pass))})
	for range 10_000 {
		one(set.Table("A"), AtPublish, "a")
	}
	if n < 700 || n > 1300 { // ten standard deviations
		t.Errorf("%d of 10000, want about 1000", n)
	}
}

// TestFailuresAreTold: once a second, with how many were left out.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var omitted []uint64
		set := must(t, Options{Breaker: BreakerOptions{MinCalls: 1000}, Observer: Observer{Failure: func(f Failure) {
			omitted = append(omitted, f.Omitted)
		}}}, Hook{Name: "h", Engine: on(AtPublish, func(*Call) { panic("x") })})
		for range 3 {
			for range 10 {
				one(set.Table("A"), AtPublish, "a")
			}
			time.Sleep(time.Second)
		}
		if diff := cmp.Diff([]uint64{0, 9, 9}, omitted); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestStats: what a batch did is counted once and in the right place.
func TestStats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := must(t, Options{}, Hook{Name: "h", Engine: versioned{on(AtPublish, func(c *Call) {
			time.Sleep(time.Millisecond)
			switch string(c.Subject) {
			case "allow":
				c.Out.Verdict = Allow
			case "deny":
				c.Out.Verdict = Deny
			case "fail":
				c.Err = errors.New("x")
			}
		})}})
		var s Session
		for range 16 {
			var calls []*Call
			for _, subj := range []string{"allow", "deny", "fail", "pass", "pass"} {
				calls = append(calls, &Call{Client: alice, Subject: []byte(subj)})
			}
			set.Table("A").Do(t.Context(), &s, AtPublish, calls)
		}
		st := set.Stats()[0]
		at := st.Points[AtPublish]
		if want := ([numVerdicts]uint64{Allow: 16, Deny: 32, Pass: 32}); at.Calls != want {
			t.Errorf("calls %v, want %v", at.Calls, want)
		}
		if want := ([numKinds]uint64{KindRuntime: 16}); at.Errors != want {
			t.Errorf("errors %v, want %v", at.Errors, want)
		}
		if st.BatchSize.Count != 16 || st.BatchSize.Sum != 80 || st.BatchSize.Counts[2] != 16 {
			t.Errorf("batches %+v", st.BatchSize)
		}
		// The eighth is the first that is timed; then the hook is known as slow.
		d := at.Duration
		if d.Count != 9 || d.Sum != uint64(9*5*time.Millisecond) || d.Counts[11] != 9 || HistogramBounds[11] != 5000 {
			t.Errorf("durations %+v", d)
		}
		if st.InFlight != 0 || st.Breaker != BreakerClosed || st.Version != "1.2" || st.SHA256 != "abc" {
			t.Errorf("got %+v", st)
		}
	})
}

type versioned struct{ *fake }

func (versioned) Version() (version, sha256 string) { return "1.2", "abc" }
