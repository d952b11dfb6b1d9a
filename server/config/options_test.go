package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	want := Options{
		Host: "0.0.0.0", Port: 4222, MaxPayload: 1 << 20, MaxPending: 64 << 20, MaxControlLine: 4096,
		MaxConnections: 65536, PingInterval: 2 * time.Minute, PingMax: 2, WriteDeadline: 10 * time.Second,
		LameDuckDuration: 2 * time.Minute, LameDuckGracePeriod: 10 * time.Second,
		HTTPHost: "0.0.0.0", AuthTimeout: 2 * time.Second, LogFormat: "text", SystemAccount: "$SYS",
		WebSocket: WebSocket{Host: "0.0.0.0", HandshakeTimeout: 2 * time.Second},
		Hooks: Hooks{
			Reload:  HooksReload{Probation: 30 * time.Second},
			Breaker: HooksBreaker{Threshold: 0.5, MinCalls: 20, Window: 10 * time.Second, Cooldown: 5 * time.Second},
			Cache:   HooksCache{MaxEntries: 100_000}, DecisionLog: HooksDecisionLog{Sample: 0.001, Denied: 1},
			KV: HooksKV{MaxEntries: 100_000, MaxBytes: 64 << 20},
		},
	}
	got := Options{}.WithDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, got.WithDefaults()); diff != "" {
		t.Errorf("defaults of defaults (-want +got):\n%s", diff)
	}
	loaded, warnings, err := LoadFile("", nil)
	if err != nil || warnings != nil {
		t.Fatal(err, warnings)
	}
	if diff := cmp.Diff(want, loaded); diff != "" {
		t.Errorf("loaded without sources (-want +got):\n%s", diff)
	}
	set := Options{Host: "h", Port: -1, MaxConnections: -1, PingMax: 7}
	got = set.WithDefaults()
	if got.Host != "h" || got.HTTPHost != "h" || got.Port != -1 || got.MaxConnections != -1 || got.PingMax != 7 {
		t.Errorf("a field that is set was changed: %v", got)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := map[string]Options{
		"zero":                   {},
		"defaults":               Options{}.WithDefaults(),
		"short lame duck":        {LameDuckDuration: time.Second, LameDuckGracePeriod: time.Millisecond},
		"lowest":                 {MaxConnections: -1, MaxSubscriptions: -1, Port: -1, HTTPPort: -1, ProfPort: -1},
		"token":                  {Token: "t"},
		"user without password":  {Username: "u"},
		"payload as pending":     {MaxPayload: 100, MaxPending: 100},
		"advertise a host":       {ClientAdvertise: "h.example"},
		"advertise an IPv6 port": {ClientAdvertise: "[::1]:4222"},
	}
	for name, o := range valid {
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := Options{
		Port: 70000, HTTPPort: -2, ProfPort: 65536, MaxPayload: -1, MaxPending: -1, MaxControlLine: -1, MaxConnections: -2,
		MaxSubscriptions: -2, MaxSubTokens: 256, PingInterval: -1, PingMax: -1, WriteDeadline: -1,
		LameDuckDuration: time.Second, LameDuckGracePeriod: time.Second, AuthTimeout: -1, LogFormat: "xml",
		LogSizeLimit: -1, LogMaxNum: -1, ServerName: "a b", ClientAdvertise: "h:x", Password: "hunter2", Token: "hunter2",
	}
	want := []string{
		`"port": got 70000; must be a whole number from -1 to 65535`,
		`"server_name": got "a b"; must be a name without blanks`,
		`"client_advertise": got "h:x"; must be "host" or "host:port"`,
		`"max_payload": got -1; must be a size from 1 to 2147483647, in bytes or with a suffix such as KB or MB, without quotes`,
		`"max_pending": got -1; must be a size of at least 1, in bytes or with a suffix such as KB or MB, without quotes`,
		`"max_control_line": got -1; must be a size from 1 to 2147483647, in bytes or with a suffix such as KB or MB, without quotes`,
		`"max_connections": got -2; must be a whole number from -1 to 2147483647`,
		`"max_subscriptions": got -2; must be a whole number from -1 to 2147483647`,
		`"max_sub_tokens": got 256; must be a whole number from 0 to 255`,
		`"ping_interval": got -1ns; must be a duration such as "2m", above 0`,
		`"ping_max": got -1; must be a whole number from 1 to 2147483647`,
		`"write_deadline": got -1ns; must be a duration such as "2m", above 0`,
		`"http_port": got -2; must be a whole number from -1 to 65535`,
		`"prof_port": got 65536; must be a whole number from -1 to 65535`,
		`"authorization.timeout": got -1ns; must be a duration such as "2m", above 0`,
		`"log_size_limit": got -1; must be a size of at least 0, in bytes or with a suffix such as KB or MB, without quotes`,
		`"log_max_num": got -1; must be a whole number from 0 to 2147483647`,
		`"log_format": got "xml"; must be "text" or "json"`,
		`"lame_duck_grace_period": 1s is not below "lame_duck_duration" (1s); must be less than that`,
		`"authorization.token": is set together with a user or password; must be either a token or a user with a password`,
		`"authorization.password": is set without a user; must come with "authorization.user"`,
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestValidateLeavesOptionsAlone: checking is not filling in.
func TestValidateLeavesOptionsAlone(t *testing.T) {
	t.Parallel()
	var o Options
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(o, Options{}) {
		t.Errorf("Validate changed the options: %v", o)
	}
}

func TestParseNumber(t *testing.T) {
	t.Parallel()
	good := map[string]int64{
		"0": 0, "-1": -1, "4096": 4096, "1k": 1000, "1K": 1000, "2kb": 2048, "2Ki": 2048, "2KiB": 2048,
		"3m": 3e6, "3MB": 3 << 20, "1g": 1e9, "1GB": 1 << 30, "1t": 1e12, "1tib": 1 << 40,
		"1p": 1e15, "1pb": 1 << 50, "1e": 1e18, "7eb": 7 << 60, "-2k": -2000, "-8eb": -8 << 60,
	}
	for s, want := range good {
		if got, ok := parseNumber(s); !ok || got != want {
			t.Errorf("parseNumber(%q) = %d, %t, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "k", "1x", "1kbb", "1bk", "1b", "1i", "+1", "+1k", "1.5", "1 k", "8eb", "10e", "-9eb", "99999999999999999999", "0x10", "1_000"} {
		if got, ok := parseNumber(s); ok {
			t.Errorf("parseNumber(%q) = %d, want a failure", s, got)
		}
	}
}
