package log_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/server/log"
)

// told returns what was logged since the last call.
func told(o *observer.ObservedLogs) (list []string) {
	for _, e := range o.TakeAll() {
		list = append(list, e.Message)
	}
	return list
}

// numbered are the lines from to until before.
func numbered(from, before int) (list []string) {
	for i := from; i < before; i++ {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// TestBrake: a second has so many lines, and then one that sums up the rest.
func TestBrake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		b := log.NewBrake(zap.New(core), "bad things")
		check := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, told(logged)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		storm := func(from, before int) {
			for _, line := range numbered(from, before) {
				b.Zap().With(zap.Int("n", 1)).Error(line)
			}
		}
		storm(0, 3)
		check("few", numbered(0, 3)...)
		<-time.After(1500 * time.Millisecond)
		check("nothing was left out")

		storm(0, 1000)
		check("many", numbered(0, log.PerSecond)...)
		<-time.After(999 * time.Millisecond)
		storm(1000, 1001)
		check("the second is not over")
		<-time.After(time.Millisecond)
		check("after a second", fmt.Sprintf("%d more bad things in the last second", 1001-log.PerSecond))

		storm(0, log.PerSecond+1)
		check("the next second", numbered(0, log.PerSecond)...)
		<-time.After(time.Second)
		check("after it", "1 more bad things in the last second")
		<-time.After(time.Minute)
		check("quiet")

		storm(0, log.PerSecond+5)
		b.Close()
		check("closed", append(numbered(0, log.PerSecond), "5 more bad things in the last second")...)
		b.Zap().Info("late")
		check("after the end", "late")
		<-time.After(time.Minute)
		check("nothing is said twice")
	})
}

// TestBrakeLevels: what is not logged does not count, and debug lines are not
// held back.
func TestBrakeLevels(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.DebugLevel)
	b := log.NewBrake(zap.New(core), "bad things")
	defer b.Close()
	for range 2 * log.PerSecond {
		b.Zap().Debug("debug")
	}
	b.Zap().Error("one")
	if got := logged.Len(); got != 2*log.PerSecond+1 {
		t.Errorf("got %d lines, want %d", got, 2*log.PerSecond+1)
	}
	quiet := log.NewBrake(zap.New(core, zap.IncreaseLevel(zapcore.ErrorLevel)), "bad things")
	defer quiet.Close()
	for range 2 * log.PerSecond {
		quiet.Zap().Info("not logged")
	}
	logged.TakeAll()
	quiet.Zap().Error("logged")
	if diff := cmp.Diff([]string{"logged"}, told(logged)); diff != "" {
		t.Error(diff)
	}
}

// TestBrakeSideBySide counts each line once: it was logged, or is in a sum.
func TestBrakeSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		b := log.NewBrake(zap.New(core), "lines")
		const workers, each = 8, 500
		for range workers {
			go func() {
				for range each {
					b.Zap().Error("line")
					<-time.After(7 * time.Millisecond)
				}
			}()
		}
		<-time.After(time.Minute)
		b.Close()
		sum := 0
		for _, line := range told(logged) {
			n := 1
			if _, err := fmt.Sscanf(line, "%d more lines", &n); err != nil && line != "line" {
				t.Errorf("got %q", line)
			}
			sum += n
		}
		if sum != workers*each {
			t.Errorf("%d lines were logged or counted, want %d", sum, workers*each)
		}
	})
}
