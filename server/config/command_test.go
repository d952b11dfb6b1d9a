package config

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update makes the golden tests write what they would compare:
// go test ./server/config -run 'TestUsage|TestReference' -update.
var update = flag.Bool("update", false, "write the golden files")

// golden compares text with a file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale, run this test with -update (-file +now):\n%s", path, diff)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("testdata", "usage.txt"), Usage("moonwire"))
}

func TestAction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want Action
	}{
		{"nothing", nil, Run},
		{"-h", []string{"-h"}, Help},
		{"--help", []string{"--help"}, Help},
		{"help", []string{"help"}, Help},
		{"HELP behind a flag", []string{"-p", "1", "HELP"}, Help},
		{"-v", []string{"-v"}, Version},
		{"-version", []string{"-version"}, Version},
		{"version", []string{"version"}, Version},
		{"both flags", []string{"-h", "-v"}, Version},
		{"both flags, other order", []string{"-v", "-h"}, Version},
		{"flag before word", []string{"-h", "version"}, Help},
		{"--help_tls", []string{"--help_tls"}, Help},
		{"-sl", []string{"-sl", "stop"}, Signal},
		{"signal before help", []string{"--signal=stop", "help"}, Signal},
		{"help before signal", []string{"--signal=stop", "-h"}, Help},
		{"switched off", []string{"-h=false"}, Run},
		{"nothing else is looked at", []string{"-c", "no-such-file", "-p", "x", "-h"}, Help},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd, err := Parse(tt.args, nil)
			if err != nil {
				t.Fatal(err)
			}
			if cmd.Action != tt.want {
				t.Errorf("got action %d, want %d", cmd.Action, tt.want)
			}
		})
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	cmd, err := Parse([]string{"--signal", "stop=x.pid"}, []string{"MOONWIRE_PORT=x"})
	if err != nil || cmd.Signal != "stop=x.pid" {
		t.Errorf("got %+v, %v", cmd, err)
	}
}

func TestTestConfig(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "a.conf", "port: 5000, jetstream: true")
	cmd, err := Parse([]string{"-t", "-c", file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Action != TestConfig || cmd.Options.Port != 5000 || len(cmd.Warnings) != 1 {
		t.Errorf("got %+v", cmd)
	}
	if cmd, err := Parse([]string{"-t", "-c", writeFile(t, "a.conf", "prot: 1")}, nil); err == nil {
		t.Errorf("no error, got %v", cmd)
	}
}

func TestBadCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-frobnicate"}, `unknown flag --frobnicate`},
		{"short unknown flag", []string{"-x"}, `unknown flag -x`},
		{"misspelled flag", []string{"--confg", "x"}, `unknown flag --confg; did you mean --config?`},
		{"no value", []string{"-p"}, `flag needs an argument: -p`},
		{"bad syntax", []string{"---p=1"}, `bad flag syntax: ---p`},
		{"nothing to test", []string{"-t"}, `flag -t: no configuration to check; name one with -c`},
		{"value of a presence", []string{"--tls=x"}, `flag --tls: "tls": got "x"; must be true or false`},
		{"argument", []string{"start"}, `unexpected argument "start"; only help and version may stand there`},
		{"value behind a boolean", []string{"-D", "false"}, `unexpected argument "false"; only help and version may stand there`},
		{"value of an action", []string{"-v=x"}, `flag -v: must be given without a value`},
		{"bad value", []string{"--port=x"}, `flag --port: "port": got "x"; must be a whole number from -1 to 65535`},
		{"bad value without a key", []string{"-DV=x"}, `flag -DV: "DV": got "x"; must be true or false`},
		{
			"several bad values",
			[]string{"-p", "70000", "-D=x", "-m", "1.5"},
			`flag -D: "debug": got "x"; must be true or false
flag -m: "http_port": got "1.5"; must be a whole number from -1 to 65535
flag -p: "port": got "70000"; must be a whole number from -1 to 65535`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd, err := Parse(tt.args, nil)
			if err == nil {
				t.Fatalf("no error, got %v", cmd)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
