//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain makes this test binary be the broker when it is started under one of
// its names, and their plugin: scripts run the real main in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(leakTest{m}, map[string]func(){"moonwire": main, "nats-server": main, "orders-plugin": ordersPlugin})
}

// leakTest fails a run that leaves goroutines behind.
type leakTest struct{ m *testing.M }

// Run implements testscript.TestingM.
func (l leakTest) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// TestScripts plays testdata/script/*.txtar. On top of testscript's commands
// there are:
//
//	start NAME PROGRAM ARGS…  run in the background; output goes to NAME.out and
//	                          NAME.err, the process id to $NAME
//	await FILE REGEXP         wait until a file is there and matches
//	signal NAME SIGNAL        send INT, TERM, HUP, KILL, USR1 or USR2
//	exited NAME CODE          wait for the end; a signal's is code -1
//	dial PEER PORT            connect to loopback; with "!": it must be refused
//	send PEER LINE…           send lines, each ended by CRLF
//	flood PEER SUBJECT COUNT  publish COUNT messages of 64 KiB
//	expect PEER REGEXP…       the next lines match, whole
//	closed PEER               the other end closes, and says nothing before
//	hangup PEER               close it from our side
//	get PORT PATH STATUS      HTTP GET on loopback; the body becomes stdout
//
// A named group (?P<name>…) of a REGEXP sets $name. Nothing sleeps: all waiting
// is for an event, with a limit.
func TestScripts(t *testing.T) {
	t.Parallel()
	usage, err := filepath.Abs("../../server/config/testdata/usage.txt")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("usage", usage)
			env.Values[stageKey{}] = newStage(env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":  positive(start),
			"await":  positive(await),
			"signal": positive(send),
			"exited": positive(exited),
			"dial":   dial,
			"send":   positive(say),
			"flood":  positive(flood),
			"expect": positive(expect),
			"closed": positive(closed),
			"hangup": positive(hangup),
			"get":    positive(get),
		},
	})
}

// positive is a command that cannot stand behind "!".
func positive(run func(*testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command has no negation")
		}
		run(ts, args)
	}
}
