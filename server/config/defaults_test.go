package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNestedDefaults(t *testing.T) {
	t.Parallel()
	answer := func() *Permissions { return &Permissions{Responses: &Responses{}} }
	o := Options{
		TLS:                &TLS{VerifyAndMap: true},
		DefaultPermissions: &Permissions{Publish: Rules{Allow: []string{"a"}}, Responses: &Responses{Max: -1}},
		Users:              []User{{Username: "u", Permissions: answer()}},
		Accounts: []Account{{
			Name: "A", Users: []User{{Username: "v", Permissions: answer()}}, DefaultPermissions: answer(),
			Exports: []Export{{Service: true, Subject: "s"}, {Subject: "t"}},
		}},
		Operators: []string{"o"},
		Resolver:  Resolver{Type: "cache", Dir: "d"},
	}
	before := reflect.ValueOf(o)
	untouched := clone(before).Interface()
	got := o.WithDefaults()
	if diff := cmp.Diff(untouched, o); diff != "" {
		t.Errorf("the options themselves changed (-want +got):\n%s", diff)
	}
	denied := &Permissions{Publish: Rules{Deny: []string{">"}}, Responses: &Responses{1, 2 * time.Minute}}
	want := Options{}.WithDefaults()
	want.TLS = &TLS{Verify: true, VerifyAndMap: true, MinVersion: "1.2", Timeout: 2 * time.Second}
	want.AuthTimeout = 3 * time.Second
	want.DefaultPermissions = &Permissions{Publish: Rules{Allow: []string{"a"}}, Responses: &Responses{-1, 2 * time.Minute}}
	want.Users = []User{{Username: "u", Permissions: denied}}
	want.Accounts = []Account{{
		Name: "A", Users: []User{{Username: "v", Permissions: denied}}, DefaultPermissions: denied,
		Exports: []Export{
			{Service: true, Subject: "s", ResponseType: "singleton", ResponseThreshold: 2 * time.Minute}, {Subject: "t"},
		},
	}}
	want.Operators, want.SystemAccount = []string{"o"}, ""
	want.Resolver = Resolver{Type: "cache", Dir: "d", Limit: 1000, Timeout: 1900 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, got.WithDefaults()); diff != "" {
		t.Errorf("defaults of defaults (-want +got):\n%s", diff)
	}
	got.Accounts[0].Users[0].Username = "changed"
	got.TLS.CertFile = "changed"
	if diff := cmp.Diff(untouched, o); diff != "" {
		t.Errorf("the copy shares something (-want +got):\n%s", diff)
	}
}

// TestValidateIdentity is about what no file can say, and no file checks.
func TestValidateIdentity(t *testing.T) {
	t.Parallel()
	o := Options{
		Users: []User{
			{Username: "a", ConnectionTypes: []string{"standard"}, Permissions: &Permissions{Publish: Rules{Allow: []string{"a..b"}}}},
			{Username: "b", Account: "Z"},
			{Username: "c", Account: "A"},
			{},
		},
		Accounts: []Account{
			{Name: "A", Imports: []Import{{Service: true, Account: "A", Subject: "x y"}, {}}, Exports: []Export{{Service: true, Subject: "a..b"}, {}}},
			{Name: "$G"},
			{},
		},
		Mappings:  []Mapping{{}, {Source: "a", Destinations: []Destination{{Subject: "b", Weight: 101}}}},
		TLS:       &TLS{MinVersion: "1.0", PinnedCerts: []string{"x"}, Certs: []CertPair{{CertFile: "c"}}},
		WebSocket: WebSocket{AllowedOrigins: []string{"x"}},
		Resolver:  Resolver{Type: "url"}, ResolverPreload: []AccountJWT{{}},
	}
	want := []string{
		`"tls.min_version": got "1.0"; must be "1.2" or "1.3"`,
		`"tls.pinned_certs": got "x"; must be the SHA-256 of a public key (SPKI in DER), in 64 hexadecimal digits`,
		`"websocket.allowed_origins": got "x"; must be an address such as "https://example.com"`,
		`"authorization.users.permissions.publish.allow": got "a..b"; must be a subject, which may have wildcards`,
		`"authorization.users.allowed_connection_types": got "standard"; must be "STANDARD" or "WEBSOCKET" or "LEAFNODE" or "LEAFNODE_WS" or "MQTT" or "MQTT_WS" or "IN_PROCESS"`,
		`"accounts.exports.service": got "a..b"; must be a subject, which may have wildcards`,
		`"accounts.imports.service.subject": got "x y"; must be a subject, which may have wildcards`,
		`"accounts.name": got "$G"; must be a name without blanks, and not $G`,
		`"mappings.destinations.weight": got 101; must be a whole number from 0 to 100`,
		`"tls.certs": half a pair; must have "cert_file" and "key_file"`,
		`"authorization.users": "b" is of account "Z", which is not there; must be one of the accounts`,
		`"authorization.users": a user without a name; must have "user" or "nkey"`,
		`"accounts.exports": an export of nothing; must have "stream" or "service"`,
		`"accounts.imports.service": account "A" exports no service that covers "x y"`,
		`"accounts.imports": an import of nothing; must have "stream" or "service"`,
		`"accounts": an account without a name; must have one`,
		`"mappings": a mapping of nothing; must have a source`,
		`"mappings": the weights of "a" are above 100 in sum; must be at most that`,
		`"resolver.url": is missing; a resolver of type "url" needs it`,
		`"resolver_preload": half an entry; must have an account and its JWT`,
	}
	err := o.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
