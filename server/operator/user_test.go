package operator

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"

	"moonwire/server/auth"
)

// TestAuthenticate turns one screw of a user that is let in.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(time.Hour).Unix()
	past := time.Now().Add(-time.Hour).Unix()
	utc := func(from, to time.Duration) jwt.TimeRange {
		now := time.Now().UTC()
		return jwt.TimeRange{Start: now.Add(from).Format(time.TimeOnly), End: now.Add(to).Format(time.TimeOnly)}
	}
	tests := []struct {
		name string
		turn func(t *testing.T, k *kit)
		// err is in the error; "" lets it in.
		err  string
		kind error
	}{
		{name: "all is well"},

		{name: "user by a stranger", err: "resolver_preload", kind: ErrNoAccount, turn: func(t *testing.T, k *kit) { k.userBy = accountKey(t) }},
		{name: "user by a stranger who names the account", err: "may not sign users", turn: func(t *testing.T, k *kit) { k.by(accountKey(t)) }},
		{name: "user by a signing key", turn: func(_ *testing.T, k *kit) { k.by(k.sign) }},
		{name: "user by a signing key that does not name the account", kind: ErrNoAccount, turn: func(_ *testing.T, k *kit) { k.userBy = k.sign }},
		{name: "user by a scoped key", turn: func(_ *testing.T, k *kit) { k.by(k.scoped) }},
		{name: "user by a scoped key with permissions of its own", err: "has a scope", turn: func(_ *testing.T, k *kit) {
			k.by(k.scoped)
			k.usrClaims.Pub.Allow.Add("foo")
		}},
		{name: "user changed after it was signed", err: "signature", turn: func(t *testing.T, k *kit) {
			parts := strings.Split(encode(t, k.usrClaims, k.userBy), ".")
			other := jwt.NewUserClaims(k.usr.pub)
			other.Name = "root"
			parts[1] = strings.Split(encode(t, other, k.userBy), ".")[1]
			k.request.Connect.JWT = strings.Join(parts, ".")
		}},
		{name: "JWT of the account", err: "another kind", turn: func(t *testing.T, k *kit) { k.request.Connect.JWT = encode(t, k.acctClaims, k.acctBy) }},
		{name: "garbage", err: "malformed", turn: func(_ *testing.T, k *kit) { k.request.Connect.JWT = "a.b.c" }},

		{name: "account by a stranger", err: "no trusted operator", turn: func(t *testing.T, k *kit) { k.acctBy = operatorKey(t) }},
		{name: "account by itself", err: "no trusted operator", turn: func(_ *testing.T, k *kit) { k.acctBy = k.acct }},
		{name: "account by a signing key of the operator", turn: func(_ *testing.T, k *kit) { k.acctBy = k.opSign }},
		{name: "strict: account by the operator", err: "no trusted operator", turn: func(_ *testing.T, k *kit) { k.opClaims.StrictSigningKeyUsage = true }},
		{name: "strict: user by the account", err: "may not sign users", turn: func(_ *testing.T, k *kit) { k.opClaims.StrictSigningKeyUsage, k.acctBy = true, k.opSign }},
		{name: "strict: user by a signing key", turn: func(_ *testing.T, k *kit) {
			k.opClaims.StrictSigningKeyUsage, k.acctBy = true, k.opSign
			k.by(k.sign)
		}},
		{name: "account whose JWT breaks its limits", err: "more exports", turn: func(_ *testing.T, k *kit) {
			k.acctClaims.Limits.Exports = 0
			k.acctClaims.Exports.Add(&jwt.Export{Subject: "a", Type: jwt.Stream})
		}},

		{name: "user expired", kind: ErrExpired, turn: func(_ *testing.T, k *kit) { k.usrClaims.Expires = past }},
		{name: "user expires", turn: func(_ *testing.T, k *kit) { k.usrClaims.Expires = hour }},
		{name: "user not yet valid", err: "before", turn: func(_ *testing.T, k *kit) { k.usrClaims.NotBefore = hour }},
		{name: "user valid", turn: func(_ *testing.T, k *kit) { k.usrClaims.NotBefore = past }},
		{name: "account expired", kind: ErrAccountExpired, turn: func(_ *testing.T, k *kit) { k.acctClaims.Expires = past }},
		{name: "account expires", turn: func(_ *testing.T, k *kit) { k.acctClaims.Expires = hour }},
		{name: "account not yet valid", err: "before", turn: func(_ *testing.T, k *kit) { k.acctClaims.NotBefore = hour }},

		{name: "user revoked", kind: ErrRevoked, turn: func(_ *testing.T, k *kit) { k.acctClaims.RevokeAt(k.usr.pub, time.Unix(hour, 0)) }},
		{name: "user revoked before it was issued", turn: func(_ *testing.T, k *kit) { k.acctClaims.RevokeAt(k.usr.pub, time.Unix(past, 0)) }},
		{name: "all revoked", kind: ErrRevoked, turn: func(_ *testing.T, k *kit) { k.acctClaims.RevokeAt(jwt.All, time.Unix(hour, 0)) }},
		{name: "all revoked that were issued before", turn: func(_ *testing.T, k *kit) { k.acctClaims.RevokeAt(jwt.All, time.Unix(past, 0)) }},
		{name: "another revoked", turn: func(t *testing.T, k *kit) { k.acctClaims.RevokeAt(userKey(t).pub, time.Unix(hour, 0)) }},

		{name: "no signature", err: "did not sign", turn: func(_ *testing.T, k *kit) { k.sig = func([]byte) string { return "" } }},
		{name: "signature by another", err: "does not verify", turn: func(t *testing.T, k *kit) {
			other := userKey(t)
			k.sig = func(n []byte) string { return signature(t, other, n) }
		}},
		{name: "signature of another nonce", err: "does not verify", turn: func(t *testing.T, k *kit) {
			k.sig = func([]byte) string { return signature(t, k.usr, []byte("another")) }
		}},
		{name: "signature in standard base64", turn: func(t *testing.T, k *kit) {
			k.sig = func(n []byte) string {
				raw, err := base64.RawURLEncoding.DecodeString(signature(t, k.usr, n))
				if err != nil {
					t.Fatal(err)
				}
				return base64.StdEncoding.EncodeToString(raw)
			}
		}},
		{name: "signature that is no base64", err: "base64", turn: func(_ *testing.T, k *kit) { k.sig = func([]byte) string { return "!" } }},
		{name: "no nonce", err: "no nonce", turn: func(_ *testing.T, k *kit) { k.request.Nonce = nil }},
		{name: "bearer", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.BearerToken = true
			k.sig = func([]byte) string { return "" }
		}},
		{name: "bearer that the account refuses", err: "bearer", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.BearerToken = true
			k.acctClaims.Limits.DisallowBearer = true
		}},
		{name: "bearer by a scope", turn: func(_ *testing.T, k *kit) {
			k.by(k.scoped)
			k.scope.Template.BearerToken = true
			k.sig = func([]byte) string { return "" }
		}},
		{name: "proxy", err: "proxy", turn: func(_ *testing.T, k *kit) { k.usrClaims.ProxyRequired = true }},
		{name: "outside service", err: "outside", turn: func(t *testing.T, k *kit) { k.acctClaims.EnableExternalAuthorization(userKey(t).pub) }},
		{name: "user of the outside service", turn: func(_ *testing.T, k *kit) { k.acctClaims.EnableExternalAuthorization(k.usr.pub) }},

		{name: "another way", err: "as STANDARD", turn: func(_ *testing.T, k *kit) { k.usrClaims.AllowedConnectionTypes.Add("WEBSOCKET") }},
		{name: "this way, in lower case", turn: func(_ *testing.T, k *kit) { k.usrClaims.AllowedConnectionTypes.Add("standard") }},
		{name: "this way and an unknown one", turn: func(_ *testing.T, k *kit) { k.usrClaims.AllowedConnectionTypes.Add("PIGEON", "STANDARD") }},
		{name: "an unknown way", err: "as STANDARD", turn: func(_ *testing.T, k *kit) { k.usrClaims.AllowedConnectionTypes.Add("PIGEON") }},
		{name: "as a leaf where none are", err: "no connection as LEAFNODE", turn: func(_ *testing.T, k *kit) {
			k.acctClaims.Limits.LeafNodeConn = 0
			k.request.Type = jwt.ConnectionTypeLeafnode
		}},
		{name: "as a client where no leafs are", turn: func(_ *testing.T, k *kit) { k.acctClaims.Limits.LeafNodeConn = 0 }},
		{name: "account without connections", err: "no connection", turn: func(_ *testing.T, k *kit) { k.acctClaims.Limits.Conn = 0 }},

		{name: "user without subscriptions", err: "0 subscriptions", turn: func(_ *testing.T, k *kit) { k.usrClaims.Limits.Subs = 0 }},
		{name: "account without subscriptions", err: "0 subscriptions", turn: func(_ *testing.T, k *kit) { k.acctClaims.Limits.Subs = 0 }},

		{name: "from a network", turn: func(_ *testing.T, k *kit) { k.usrClaims.Src.Set("10.0.0.0/8,127.0.0.0/8") }},
		{name: "from another network", err: "from 127.0.0.1", turn: func(_ *testing.T, k *kit) { k.usrClaims.Src.Set("10.0.0.0/8") }},
		{name: "from a network, mapped into IPv6", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.Src.Set("127.0.0.0/8")
			k.request.Addr = netip.MustParseAddr("::ffff:127.0.0.1")
		}},
		{name: "from nowhere", err: "from", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.Src.Set("0.0.0.0/0")
			k.request.Addr = netip.Addr{}
		}},
		{name: "network that is none", err: "invalid cidr", turn: func(_ *testing.T, k *kit) { k.usrClaims.Src.Set("localhost") }},
		{name: "network of a scope that is none", err: "not a network", turn: func(_ *testing.T, k *kit) {
			k.by(k.scoped)
			k.scope.Template.Src.Set("localhost")
		}},

		{name: "at this time", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.Locale, k.usrClaims.Times = "UTC", []jwt.TimeRange{utc(-time.Hour, time.Hour)}
		}},
		{name: "at another time", err: "time of the day", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.Locale, k.usrClaims.Times = "UTC", []jwt.TimeRange{utc(time.Hour, 2*time.Hour)}
		}},
		{name: "at one of two times", turn: func(_ *testing.T, k *kit) {
			k.usrClaims.Locale, k.usrClaims.Times = "UTC", []jwt.TimeRange{utc(time.Hour, 2*time.Hour), utc(-2*time.Hour, time.Hour)}
		}},
		{name: "zone that does not exist", err: "time zone", turn: func(_ *testing.T, k *kit) { k.usrClaims.Locale = "Mars/Olympus" }},

		{name: "subjects that are none", err: "not valid", turn: func(_ *testing.T, k *kit) { k.usrClaims.Pub.Allow.Add("foo..bar") }},
		{name: "template that does not exist", err: "does not exist", turn: func(_ *testing.T, k *kit) {
			k.by(k.scoped)
			k.scope.Template.Pub.Allow.Add("foo.{{shoe-size()}}")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			if tt.turn != nil {
				tt.turn(t, k)
			}
			id, err := k.authenticate(t)
			switch {
			case tt.err == "" && tt.kind == nil:
				if err != nil || id.User != k.usr.pub || id.Account != k.acct.pub {
					t.Errorf("got %+v, %v; want it in", id, err)
				}
			case err == nil:
				t.Errorf("let in; want %q, %v", tt.err, tt.kind)
			case !strings.Contains(err.Error(), tt.err) || tt.kind != nil && !errors.Is(err, tt.kind):
				t.Errorf("got %v; want %q, %v", err, tt.err, tt.kind)
			}
		})
	}
}

// oddScope is a scope of a kind that is not known.
type oddScope struct{ jwt.UserScope }

// TestScopeOfAnotherKind: a key whose scope is not known signs nobody.
func TestScopeOfAnotherKind(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.by(k.scoped)
	k.acctClaims.SigningKeys[k.scoped.pub] = &oddScope{}
	acct := &account{key: k.acct.pub, claims: k.acctClaims}
	c, err := jwt.DecodeUserClaims(encode(t, k.usrClaims, k.userBy))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newUser(c, acct); err == nil || !strings.Contains(err.Error(), "may not sign users") {
		t.Errorf("got %v", err)
	}
}

// TestIdentity: who is let in has what the JWTs say.
func TestIdentity(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.by(k.sign)
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	k.usrClaims.Expires = end.Unix()
	k.usrClaims.Limits.Subs, k.usrClaims.Limits.Payload = 7, 2048
	k.acctClaims.Limits.Subs, k.acctClaims.Limits.Payload = 100, 1024
	id, err := k.authenticate(t)
	if err != nil {
		t.Fatal(err)
	}
	got := *id
	got.Proof = nil
	want := auth.Identity{
		User: k.usr.pub, Account: k.acct.pub, Name: "ann", Issuer: k.sign.pub,
		Issued: time.Unix(k.usrClaims.IssuedAt, 0), Expires: end,
		Limits: auth.Limits{MaxSubscriptions: 7, MaxPayload: 1024},
		Tags:   []string{"team:blue"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestPermissions: a user has its own permissions, else those of its account,
// else none, which allows everything.
func TestPermissions(t *testing.T) {
	t.Parallel()
	permit := jwt.Permissions{Pub: jwt.Permission{Allow: jwt.StringList{"foo"}}}
	for _, tt := range []struct {
		name                    string
		own, account, wantFirst bool
		wantNil                 bool
	}{
		{name: "nobody has some", wantNil: true},
		{name: "the account has some", account: true, wantFirst: true},
		{name: "the user has some", own: true},
		{name: "both have some", own: true, account: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			if tt.account {
				k.acctClaims.DefaultPermissions = permit
			}
			if tt.own {
				k.usrClaims.Permissions = permit
			}
			id, err := k.authenticate(t)
			if err != nil {
				t.Fatal(err)
			}
			ofAccount := id.Permissions == id.Proof.(*user).acct.defaults
			if (id.Permissions == nil) != tt.wantNil || !tt.wantNil && ofAccount != tt.wantFirst {
				t.Errorf("got %v, those of the account: %v", id.Permissions, ofAccount)
			}
		})
	}
}

// TestUntil: the end of a time of the day is when the connection ends, unless the
// JWT ends before.
func TestUntil(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 7, day, hour, minute, 0, 0, zone) }
	for _, tt := range []struct {
		name    string
		now     time.Time
		times   []jwt.TimeRange
		expires time.Time
		want    time.Time
		in      bool
	}{
		{name: "no times", now: at(1, 12, 0), in: true},
		{name: "within", now: at(1, 12, 0), times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}}, want: at(1, 17, 0), in: true},
		{name: "before", now: at(1, 8, 59), times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}}},
		{name: "at the start", now: at(1, 9, 0), times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}}},
		{name: "at the end", now: at(1, 17, 0), times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}}},
		{name: "before midnight", now: at(1, 23, 0), times: []jwt.TimeRange{{Start: "22:00:00", End: "06:00:00"}}, want: at(2, 6, 0), in: true},
		{name: "after midnight", now: at(2, 5, 0), times: []jwt.TimeRange{{Start: "22:00:00", End: "06:00:00"}}, want: at(2, 6, 0), in: true},
		{name: "neither", now: at(2, 12, 0), times: []jwt.TimeRange{{Start: "22:00:00", End: "06:00:00"}}},
		{
			name: "the longest counts", now: at(1, 12, 0), want: at(1, 14, 0), in: true,
			times: []jwt.TimeRange{{Start: "11:00:00", End: "13:00:00"}, {Start: "11:30:00", End: "14:00:00"}, {Start: "09:00:00", End: "10:00:00"}},
		},
		{
			name: "the JWT ends before", now: at(1, 12, 0), expires: at(1, 13, 0), want: at(1, 13, 0), in: true,
			times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}},
		},
		{
			name: "the JWT ends after", now: at(1, 12, 0), expires: at(1, 18, 0), want: at(1, 17, 0), in: true,
			times: []jwt.TimeRange{{Start: "09:00:00", End: "17:00:00"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			k.usrClaims.Times, k.usrClaims.Locale = tt.times, zone.String()
			if !tt.expires.IsZero() {
				k.usrClaims.Expires = tt.expires.Unix()
			}
			k.request.Time = tt.now.UTC() // the zone of the JWT counts
			id, err := k.authenticate(t)
			if (err == nil) != tt.in {
				t.Fatalf("got %v; want in: %v", err, tt.in)
			}
			if err == nil && !id.Expires.Equal(tt.want) {
				t.Errorf("expires at %v; want %v", id.Expires, tt.want)
			}
		})
	}
}

// TestSentinel: who has no JWT is the user of the default sentinel.
func TestSentinel(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.usrClaims.BearerToken = true
	o := k.options(t)
	o.DefaultSentinel = encode(t, k.usrClaims, k.userBy)
	a, _ := open(t, o)
	for _, text := range []string{"", "garbage", encode(t, k.acctClaims, k.acctBy)} {
		r := k.request
		c := *r.Connect
		c.JWT = text
		r.Connect = &c
		if id, err := a.Authenticate(&r); err != nil || id.User != k.usr.pub {
			t.Errorf("%.10s: got %v, %v", text, id, err)
		}
	}
	stranger := newKit(t)
	if _, err := a.Authenticate(stranger.connect(t)); err == nil {
		t.Error("a user of another operator is the default sentinel")
	}
}

// TestNobody: without a default sentinel a JWT is required.
func TestNobody(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.options(t))
	r := k.request
	if _, err := a.Authenticate(&r); err == nil || !strings.Contains(err.Error(), "required") {
		t.Errorf("got %v", err)
	}
	if !a.Required() || !a.NeedsNonce() || a.Anonymous() != nil {
		t.Error("it does not ask for a signature of everybody")
	}
}
