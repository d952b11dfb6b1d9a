package auth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDN(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       dn // nil if it is none
	}{
		{"one part", "CN=a", dn{`cn="a"`}},
		{"several", "CN=a,OU=b,O=c", dn{`cn="a"`, `ou="b"`, `o="c"`}},
		{"blanks around", " CN = a b , O= c ", dn{`cn="a b"`, `o="c"`}},
		{"case of the type", "cn=A", dn{`cn="A"`}},
		{"several in one part", "OU=b+CN=a,O=c", dn{`cn="a"+ou="b"`, `o="c"`}},
		{"escaped", `CN=a\,b\+c\\d\",O=c`, dn{`cn="a,b+c\\d\""`, `o="c"`}},
		{"bytes", `CN=\c3\A9`, dn{`cn="é"`}},
		{"a blank that counts", `CN=a\ `, dn{`cn="a "`}},
		{"and one before", `CN=\ a`, dn{`cn=" a"`}},
		{"equal sign in the value", "CN=a=b", dn{`cn="a=b"`}},
		{"empty value", "CN=,O=c", dn{`cn=""`, `o="c"`}},
		{"empty", "", nil},
		{"a name", "alice", nil},
		{"no type", "=a", nil},
		{"part without a type", "CN=a,b", nil},
		{"comma in the type", "a,CN=b", nil},
		{"comma at the end", "CN=a,", nil},
		{"BER", "CN=#0401", nil},
		{"backslash at the end", `CN=a\`, nil},
		{"half a byte", `CN=a\4`, nil},
		{"no byte", `CN=a\zz`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := parseDN(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
				t.Errorf("%v, -want +got:\n%s", ok, diff)
			}
		})
	}
}

// FuzzParseDN: whatever a name is, reading it does not fail, and what is read of
// a name that is none is nothing.
func FuzzParseDN(f *testing.F) {
	for _, s := range []string{"", "CN=a,OU=b+O=c", `CN=\c3\a9\,`, "alice", "CN=#04", `\=`, "=,=+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseDN(s)
		if ok != (len(d) > 0) {
			t.Errorf("%q: got %q, %v", s, d, ok)
		}
	})
}

func TestSubjectDN(t *testing.T) {
	t.Parallel()
	cn, o := asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 10}
	for _, tt := range []struct {
		name string
		give pkix.RDNSequence
		want dn
	}{
		{"the last part first", pkix.RDNSequence{{{Type: o, Value: "c"}}, {{Type: cn, Value: "a"}}}, dn{`cn="a"`, `o="c"`}},
		{"several in one part", pkix.RDNSequence{{{Type: o, Value: "c"}, {Type: cn, Value: "a"}}}, dn{`cn="a"+o="c"`}},
		{"an empty part", pkix.RDNSequence{{}, {{Type: cn, Value: "a"}}}, dn{`cn="a"`}},
		{"empty", nil, nil},
		{"an attribute without a short name", pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{1, 2}, Value: "c"}}}, nil},
		{"a value that is no text", pkix.RDNSequence{{{Type: cn, Value: 1}}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := subjectDN(tt.give)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
				t.Errorf("%v, -want +got:\n%s", ok, diff)
			}
		})
	}
}
