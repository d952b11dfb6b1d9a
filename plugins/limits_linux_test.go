package plugins

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLimitedFromTheStart: limits hold before a program serves, and so for what it
// has started by then, as a script that starts the program proper does.
func TestLimitedFromTheStart(t *testing.T) {
	t.Parallel()
	p, _ := open(t, func(o *Options) {
		o.Env, o.Files, o.StartTimeout = map[string]string{enemyKey: "limited"}, limitedFiles, 10*time.Second
	}, nil)
	if err := ask(t, p, 0, call(t, bob(), "p.x"), patience); err != nil {
		t.Error(err)
	}
}

// TestLimitsAreNotRaised: a program that may do less already keeps it that way,
// which is no error.
func TestLimitsAreNotRaised(t *testing.T) {
	t.Parallel()
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 50, Max: 100}, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		most int64
		want uint64
	}{{1000, 100}, {70, 70}} {
		var got unix.Rlimit
		err := limit(c.Process.Pid, &Options{Files: tt.most})
		if err == nil {
			err = unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, nil, &got)
		}
		if want := (unix.Rlimit{Cur: tt.want, Max: tt.want}); err != nil || got != want {
			t.Errorf("%d: got %+v, %v, want %+v", tt.most, got, err, want)
		}
	}
}
