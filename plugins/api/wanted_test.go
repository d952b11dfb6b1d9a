package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	hookv1 "moonwire/plugins/api/v1"
)

func all(hookv1.Field) bool { return true }

func none(hookv1.Field) bool { return false }

// just wants one field.
func just(f hookv1.Field) func(hookv1.Field) bool {
	return func(g hookv1.Field) bool { return f == g }
}

// whole fails the test if a message has a field that is not set, as one that was added
// and that nobody has thought of here.
func whole(t *testing.T, m proto.Message) {
	t.Helper()
	r := m.ProtoReflect()
	for i := range r.Descriptor().Fields().Len() {
		if f := r.Descriptor().Fields().Get(i); !r.Has(f) {
			t.Errorf("%s is not set", f.FullName())
		}
	}
}

// TestClient: nobody is told more of a client than it wants, and who wants all gets
// all.
func TestClient(t *testing.T) {
	t.Parallel()
	c := &hookv1.Client{
		Ref: 9, Id: 1, User: "u\xff", Account: "a", Name: "n", Host: "h", Kind: "k", Lang: "l", Version: "v",
		Tags: map[string]string{"x": "1", "y": "2\xff"},
	}
	whole(t, c)
	for _, tt := range []struct {
		name  string
		wants func(hookv1.Field) bool
		tags  []string
		want  *hookv1.Client
	}{
		{"all", all, nil, &hookv1.Client{
			Ref: 9, Id: 1, User: "u\uFFFD", Account: "a", Name: "n", Host: "h", Kind: "k", Lang: "l", Version: "v",
			Tags: map[string]string{"x": "1", "y": "2\uFFFD"},
		}},
		{"nothing", none, nil, &hookv1.Client{Ref: 9}},
		{"a tag", none, []string{"x", "z"}, &hookv1.Client{Ref: 9, Tags: map[string]string{"x": "1"}}},
		{"the number", just(hookv1.Field_FIELD_CLIENT), nil, &hookv1.Client{Ref: 9, Id: 1}},
		{"the user", just(hookv1.Field_FIELD_USER), nil, &hookv1.Client{Ref: 9, User: "u\uFFFD"}},
		{"the library", just(hookv1.Field_FIELD_CONNECT), nil, &hookv1.Client{Ref: 9, Lang: "l", Version: "v"}},
		{"secrets", just(hookv1.Field_FIELD_SECRETS), nil, &hookv1.Client{Ref: 9}},
	} {
		if diff := cmp.Diff(tt.want, Client(c, tt.wants, tt.tags), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestConnect: secrets are for those who name them.
func TestConnect(t *testing.T) {
	t.Parallel()
	secrets := &hookv1.Connect{Password: "p", Token: "t", Jwt: "j", Signature: "s"}
	rest := &hookv1.Connect{User: "u", Nkey: "k", Nonce: "n", Tls: &hookv1.TLS{
		Version: "1.3", CommonName: "cn", DnsNames: []string{"d"}, Uris: []string{"u"}, Fingerprint: "f",
	}}
	c := proto.CloneOf(rest)
	proto.Merge(c, secrets)
	whole(t, c)
	whole(t, c.GetTls())
	for _, tt := range []struct {
		name  string
		wants func(hookv1.Field) bool
		want  *hookv1.Connect
	}{
		{"all", all, c},
		{"nothing", none, &hookv1.Connect{}},
		{"secrets", just(hookv1.Field_FIELD_SECRETS), secrets},
		{"the rest", just(hookv1.Field_FIELD_CONNECT), rest},
	} {
		if diff := cmp.Diff(tt.want, Connect(c, tt.wants), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
