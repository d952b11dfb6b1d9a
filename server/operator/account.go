package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"

	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/subject"
)

// account is an account as its JWT describes it. It is immutable; a new JWT
// makes a new one.
type account struct {
	key, text string
	claims    *jwt.AccountClaims
	expires   time.Time // zero for never
	strict    bool      // the account's own key may not sign users
	// defaults are what users without permissions may do.
	defaults *permission.Set
}

// newAccount reads the JWT of the account key and checks it at the time now.
func newAccount(key, text string, t *trust, now time.Time) (*account, error) {
	c, err := jwt.DecodeAccountClaims(text)
	if err != nil {
		return nil, fmt.Errorf("account %s: its JWT is of no use: %w", key, faultOf(err))
	}
	// Nothing is looked at before the issuer is known to be trusted.
	strict, ok := t.keys[c.Issuer]
	switch {
	case !ok:
		return nil, fmt.Errorf("account %s: no trusted operator signed its JWT, but %s", key, c.Issuer)
	case c.Subject != key:
		return nil, fmt.Errorf("account %s: its JWT is of another account, %s", key, shorten(c.Subject))
	case slices.Contains(c.Exports, nil) || slices.Contains(c.Imports, nil):
		return nil, fmt.Errorf("account %s: an export or import of its JWT is null", key)
	}
	if err := validity(c); err != nil {
		return nil, fmt.Errorf("account %s: %w", key, err)
	}
	if err := checkMappings(c.Mappings); err != nil {
		return nil, fmt.Errorf("account %s: %w", key, err)
	}
	a := &account{key: key, text: text, claims: c, strict: strict}
	if c.Expires > 0 {
		a.expires = time.Unix(c.Expires, 0)
	}
	switch {
	case a.expired(now):
		return nil, fmt.Errorf("account %s: %w at %s", key, ErrAccountExpired, stamp(c.Expires))
	case c.NotBefore > now.Unix():
		return nil, fmt.Errorf("account %s: its JWT is not valid before %s", key, stamp(c.NotBefore))
	}
	if a.defaults, err = permission.Compile(permissionsOf(c.DefaultPermissions)); err != nil {
		return nil, fmt.Errorf("account %s: its default permissions: %w", key, err)
	}
	return a, nil
}

// stamp shows the seconds of a claim.
func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

func (a *account) expired(now time.Time) bool {
	return !a.expires.IsZero() && !now.Before(a.expires)
}

// signer returns the scope of a key that may sign users, nil for one without,
// and whether it may.
func (a *account) signer(key string) (*jwt.UserScope, bool) {
	scope, ok := a.claims.SigningKeys[key]
	if key == a.key && !a.strict {
		return nil, true
	}
	if scope == nil {
		return nil, ok
	}
	s, ok := scope.(*jwt.UserScope) // what a scope of another kind asks for is not known
	return s, ok
}

// revoked reports whether r revokes what was issued to key, in seconds.
func revoked(r jwt.RevocationList, key string, issued int64) bool {
	return r.IsRevoked(key, time.Unix(issued, 0))
}

// config returns the account as settings, without its imports: whether these
// hold is for their exporters to say.
func (a *account) config() *config.Account {
	c := a.claims
	return &config.Account{
		Name:               a.key,
		Nkey:               a.key,
		DefaultPermissions: permissionsOf(c.DefaultPermissions),
		Exports:            exportsOf(c.Exports),
		Mappings:           mappingsOf(c.Mappings),
		Limits: config.AccountLimits{
			MaxConnections:   int(c.Limits.Conn),
			MaxLeafnodes:     int(c.Limits.LeafNodeConn),
			MaxSubscriptions: int(c.Limits.Subs),
			MaxPayload:       int(c.Limits.Payload),
		},
	}
}

// permissionsOf returns nil for permissions that say nothing.
func permissionsOf(p jwt.Permissions) *config.Permissions {
	if p.Pub.Empty() && p.Sub.Empty() && p.Resp == nil {
		return nil
	}
	out := &config.Permissions{
		Publish:   rulesOf(p.Pub, false),
		Subscribe: rulesOf(p.Sub, true),
	}
	if p.Resp != nil {
		out.Responses = &config.Responses{Max: p.Resp.MaxMsgs, Expires: p.Resp.Expires}
	}
	return out
}

// rulesOf leaves out what cannot mean anything: it must neither widen what the
// rest of the list allows nor spoil it. Where a list of what is allowed is left
// empty that way, nothing is.
func rulesOf(p jwt.Permission, queues bool) config.Rules {
	r := config.Rules{Allow: usable(p.Allow, queues), Deny: usable(p.Deny, queues)}
	if len(p.Allow) > 0 && len(r.Allow) == 0 {
		r.Deny = []string{">"}
	}
	return r
}

func usable(list jwt.StringList, queues bool) (out []string) {
	for _, entry := range list {
		fields := strings.Fields(entry)
		ok := len(fields) == 1 || queues && len(fields) == 2
		for _, f := range fields {
			ok = ok && subject.ValidPattern(f)
		}
		if ok {
			out = append(out, entry)
		}
	}
	return out
}

func exportsOf(list jwt.Exports) (out []config.Export) {
	for _, e := range list {
		x := config.Export{
			Service:           e.IsService(),
			Subject:           string(e.Subject),
			TokenPosition:     int(e.AccountTokenPosition),
			ResponseType:      strings.ToLower(string(e.ResponseType)),
			ResponseThreshold: e.ResponseThreshold,
			AllowTrace:        e.AllowTrace,
		}
		if e.Latency != nil {
			x.Latency = &config.Latency{Sampling: int(e.Latency.Sampling), Subject: string(e.Latency.Results)}
		}
		out = append(out, x)
	}
	return out
}

// checkMappings returns what is wrong of mappings, an [invalid], or nil. The
// library looks at less.
func checkMappings(m jwt.Mapping) error {
	var rules []subject.MapRule
	for _, x := range mappingsOf(m) {
		r := subject.MapRule{Source: x.Source}
		for _, d := range x.Destinations {
			r.Destinations = append(r.Destinations, subject.MapDestination(d))
		}
		rules = append(rules, r)
	}
	if _, err := subject.NewMappings(rules, ""); err != nil {
		return invalid{strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return nil
}

func mappingsOf(m jwt.Mapping) (out []config.Mapping) {
	for source, list := range m {
		x := config.Mapping{Source: string(source)}
		for _, d := range list {
			x.Destinations = append(x.Destinations, config.Destination{
				Subject: string(d.Subject), Weight: int(d.GetWeight()), Cluster: d.Cluster,
			})
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b config.Mapping) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// importOf returns i as a setting. Its deprecated field To means a prefix for a
// stream, and the subject at the exporter for a service.
func importOf(i *jwt.Import) config.Import {
	x := config.Import{
		Service:    i.IsService(),
		Account:    i.Account,
		Subject:    string(i.Subject),
		To:         string(i.LocalSubject),
		Share:      i.Share,
		AllowTrace: i.AllowTrace,
	}
	switch old := i.GetTo(); {
	case x.To != "" || old == "":
	case x.Service:
		x.Subject, x.To = old, x.Subject
	default:
		x.Prefix = old
	}
	return x
}
