package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		older, newer     Options
		changed, refused []string
	}{
		{name: "nothing"},
		{name: "defaults", newer: Options{}.WithDefaults()},
		{name: "empty lists", newer: Options{Users: []User{}, TLS: nil, TrustedKeys: []string{}}},
		{
			name:  "limits and logging",
			older: Options{MaxPayload: 1, Debug: true, LogFile: "a"}, newer: Options{MaxPayload: 2, LogFile: "b", MaxConnections: 5},
			changed: []string{"max_payload", "max_connections", "debug", "log_file"},
		},
		{
			name:  "what takes a restart",
			older: Options{Port: 1}, newer: Options{Host: "h", Port: 2, UnixSocket: "s", HTTPPort: 3, MaxPending: 1 << 30},
			refused: []string{"host", "port", "unix_socket", "max_pending", "http_port"},
		},
		{
			name: "both", newer: Options{NoAuthUser: "u", Users: []User{{Username: "u"}}, WebSocket: WebSocket{Port: 1}},
			changed: []string{"authorization.users", "no_auth_user"}, refused: []string{"websocket.port"},
		},
		{
			name: "TLS begins", newer: Options{TLS: &TLS{CertFile: "c", KeyFile: "k", HandshakeFallback: time.Second, HandshakeFirst: true}},
			changed: []string{"tls.cert_file", "tls.key_file", "tls.min_version", "tls.timeout", "tls.handshake_first", "authorization.timeout"},
		},
		{
			name:    "TLS of WebSocket",
			older:   Options{WebSocket: WebSocket{TLS: &TLS{CertFile: "c"}}},
			newer:   Options{WebSocket: WebSocket{TLS: &TLS{CertFile: "d"}}},
			changed: []string{"websocket.tls.cert_file"},
		},
		{
			name:    "accounts and permissions",
			older:   Options{Accounts: []Account{{Name: "A", Users: []User{{Username: "u"}}}}, DefaultPermissions: &Permissions{}},
			newer:   Options{Accounts: []Account{{Name: "A", Users: []User{{Username: "v"}}}}, DefaultPermissions: &Permissions{Responses: &Responses{}}},
			changed: []string{"authorization.default_permissions.publish.deny", "authorization.default_permissions.allow_responses.max", "authorization.default_permissions.allow_responses.expires", "accounts"},
		},
		{
			name: "mappings, operators and preloaded accounts",
			newer: Options{
				Mappings: []Mapping{{Source: "a"}}, Operators: []string{"o"},
				ResolverPreload: []AccountJWT{{accountKey, "j"}}, SystemAccount: "$SYS",
			},
			changed: []string{"mappings"}, refused: []string{"operator", "resolver_preload"},
		},
		{
			name: "address of monitoring", older: Options{HTTPPort: 1}, newer: Options{HTTPPort: 1, HTTPHost: "h"},
			refused: []string{"http"},
		},
		{name: "an empty authorization block", newer: Options{AuthorizationBlock: true}, changed: []string{"authorization"}},
		{
			name: "an authorization block", newer: Options{AuthorizationBlock: true, Username: "u"},
			changed: []string{"authorization.user"},
		},
		{name: "another file", newer: Options{ConfigFile: "f"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changed, refused := tt.older.Diff(&tt.newer)
			if diff := cmp.Diff([][]string{tt.changed, tt.refused}, [][]string{changed, refused}); diff != "" {
				t.Errorf("changed and refused keys (-want +got):\n%s", diff)
			}
			back, backRefused := tt.newer.Diff(&tt.older)
			if !reflect.DeepEqual(back, changed) || !reflect.DeepEqual(backRefused, refused) {
				t.Errorf("back: got %v and %v", back, backRefused)
			}
		})
	}
}

// TestDiffSeesEveryField changes each field of a key alone.
func TestDiffSeesEveryField(t *testing.T) {
	t.Parallel()
	for _, it := range known().settled() {
		if it.kind == address || it.commandOnly || it.key == "trace_verbose" { // it is trace by another name
			continue
		}
		var older, newer Options
		filled(reflect.ValueOf(&older).Elem(), false)
		filled(reflect.ValueOf(&newer).Elem(), false)
		filled(fieldAt(reflect.ValueOf(&newer).Elem(), it.paths()[0]), true)
		if it.key == "verify_and_map" { // it brings verify with it
			verify := strings.TrimSuffix(it.paths()[0], "AndMap")
			fieldAt(reflect.ValueOf(&older).Elem(), verify).SetBool(true)
			fieldAt(reflect.ValueOf(&newer).Elem(), verify).SetBool(true)
		}
		changed, refused := older.Diff(&newer)
		want := [][]string{{it.path}, nil}
		if !it.reloadable {
			want = [][]string{nil, {it.path}}
		}
		if diff := cmp.Diff(want, [][]string{changed, refused}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", it.path, diff)
		}
	}
}

// filled gives a value, and all in it, one of two contents.
func filled(v reflect.Value, other bool) {
	n := 1
	if other {
		n = 2
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(other)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.String:
		v.SetString("xyz"[:n])
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i), other)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), other)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0), other)
	case reflect.Float64:
		v.SetFloat(float64(n) / 2)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("xyz"[:n]), reflect.ValueOf("v"))
	}
}
