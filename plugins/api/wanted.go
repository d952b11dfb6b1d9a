package api

import (
	"slices"
	"strings"

	hookv1 "moonwire/plugins/api/v1"
)

// Client is what a registration is told of a client: its ref, the fields that the
// registration wants, and single tags where it does not want all; nothing else.
func Client(c *hookv1.Client, wants func(hookv1.Field) bool, tags []string) *hookv1.Client {
	out := &hookv1.Client{Ref: c.GetRef()}
	if wants(hookv1.Field_FIELD_CLIENT) {
		out.Id = c.GetId()
	}
	for _, f := range [...]struct {
		field hookv1.Field
		to    *string
		from  string
	}{
		{hookv1.Field_FIELD_USER, &out.User, c.GetUser()},
		{hookv1.Field_FIELD_ACCOUNT, &out.Account, c.GetAccount()},
		{hookv1.Field_FIELD_NAME, &out.Name, c.GetName()},
		{hookv1.Field_FIELD_HOST, &out.Host, c.GetHost()},
		{hookv1.Field_FIELD_KIND, &out.Kind, c.GetKind()},
		{hookv1.Field_FIELD_CONNECT, &out.Lang, c.GetLang()},
		{hookv1.Field_FIELD_CONNECT, &out.Version, c.GetVersion()},
	} {
		if wants(f.field) {
			*f.to = Valid(f.from)
		}
	}
	all := wants(hookv1.Field_FIELD_TAGS)
	for k, v := range c.GetTags() {
		if all || slices.Contains(tags, k) {
			if out.Tags == nil {
				out.Tags = make(map[string]string)
			}
			out.Tags[Valid(k)] = Valid(v)
		}
	}
	return out
}

// Connect is what a registration is told of what a CONNECT presents: the fields that
// it wants, and nothing else.
func Connect(c *hookv1.Connect, wants func(hookv1.Field) bool) *hookv1.Connect {
	out := &hookv1.Connect{}
	if wants(hookv1.Field_FIELD_CONNECT) {
		out.User, out.Nkey, out.Nonce = Valid(c.GetUser()), Valid(c.GetNkey()), Valid(c.GetNonce())
		if t := c.GetTls(); t != nil {
			out.Tls = &hookv1.TLS{
				Version: Valid(t.GetVersion()), CommonName: Valid(t.GetCommonName()), Fingerprint: Valid(t.GetFingerprint()),
				DnsNames: allValid(t.GetDnsNames()), Uris: allValid(t.GetUris()),
			}
		}
	}
	if wants(hookv1.Field_FIELD_SECRETS) {
		out.Password, out.Token = Valid(c.GetPassword()), Valid(c.GetToken())
		out.Jwt, out.Signature = Valid(c.GetJwt()), Valid(c.GetSignature())
	}
	return out
}

// Valid returns s as the protocol can carry it: strings there are UTF-8.
func Valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func allValid(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Valid(s)
	}
	return out
}
