package auth

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// dn is a distinguished name, in the order of RFC 4514: the most specific part
// first. A part is the text of its attributes, in one order whatever order they
// came in; equal texts are equal parts.
type dn []string

// key is equal for names with the same parts in the same order.
func (d dn) key() string { return strings.Join(d, ",") }

// unordered is equal for names with the same parts in any order.
func (d dn) unordered() string { return strings.Join(slices.Sorted(slices.Values(d)), ",") }

// attribute makes the text of one attribute. The case of the type does not
// matter, that of the value does. The quotes keep one text from meaning two
// things.
func attribute(kind, value string) string {
	return strings.ToLower(kind) + "=" + strconv.Quote(value)
}

// part makes a part of its attributes.
func part(attributes []string) string {
	slices.Sort(attributes)
	return strings.Join(attributes, "+")
}

// shortNames are the attribute types that a user may be named by.
var shortNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.5":                    "SERIALNUMBER",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.17":                   "POSTALCODE",
	"0.9.2342.19200300.100.1.25": domainComponent,
}

const domainComponent = "DC"

// rawSubject reads the subject of a certificate as it stands there; pkix.Name
// knows the order of its parts no longer.
func rawSubject(der []byte) (pkix.RDNSequence, bool) {
	var s pkix.RDNSequence
	rest, err := asn1.Unmarshal(der, &s)
	return s, err == nil && len(rest) == 0
}

// subjectDN returns the name in a subject. It is not ok if the subject is empty
// or has an attribute without a short name.
func subjectDN(s pkix.RDNSequence) (d dn, ok bool) {
	for _, set := range slices.Backward(s) {
		var attributes []string
		for _, a := range set {
			kind, value := shortNames[a.Type.String()], ""
			if value, ok = a.Value.(string); !ok || kind == "" {
				return nil, false
			}
			attributes = append(attributes, attribute(kind, value))
		}
		if len(attributes) > 0 {
			d = append(d, part(attributes))
		}
	}
	return d, len(d) > 0
}

// domain returns the domain components of a subject as DC=a,DC=b, in the order
// in which they stand there.
func domain(s pkix.RDNSequence) string {
	var dcs []string
	for _, set := range s {
		for _, a := range set {
			value, ok := a.Value.(string)
			if ok && shortNames[a.Type.String()] == domainComponent {
				dcs = append(dcs, domainComponent+"="+value)
			}
		}
	}
	return strings.Join(dcs, ",")
}

// parseDN reads a name as RFC 4514 writes it, but for values in BER (#04…).
func parseDN(s string) (d dn, ok bool) {
	var attributes []string
	for {
		kind, rest, ok := strings.Cut(s, "=")
		if kind = strings.Trim(kind, " "); !ok || kind == "" || strings.ContainsAny(kind, `,+\`) {
			return nil, false
		}
		value, end, rest, ok := parseValue(rest)
		if !ok {
			return nil, false
		}
		attributes = append(attributes, attribute(kind, value))
		if end != '+' {
			d, attributes = append(d, part(attributes)), nil
		}
		if end == 0 {
			return d, true
		}
		s = rest
	}
}

// parseValue reads a value up to the comma or plus that ends it, which is end;
// 0 is the end of s.
func parseValue(s string) (value string, end byte, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "#") {
		return "", 0, "", false
	}
	var b []byte
	keep := 0 // what is before is no blank at the end
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',', '+':
			return string(b[:keep]), c, s[i+1:], true
		case '\\':
			c, n, ok := unescape(s[i+1:])
			if !ok {
				return "", 0, "", false
			}
			b, i = append(b, c), i+n
			keep = len(b)
		case ' ':
			b = append(b, c)
		default:
			b = append(b, c)
			keep = len(b)
		}
	}
	return string(b[:keep]), 0, "", true
}

// unescape reads what stands behind a backslash: a special character, or a byte
// in two hexadecimal digits. n is its length.
func unescape(s string) (c byte, n int, ok bool) {
	if s != "" && strings.IndexByte(` "#+,;<=>\`, s[0]) >= 0 {
		return s[0], 1, true
	}
	if len(s) < 2 {
		return 0, 0, false
	}
	raw, err := hex.DecodeString(s[:2])
	if err != nil {
		return 0, 0, false
	}
	return raw[0], 2, true
}
