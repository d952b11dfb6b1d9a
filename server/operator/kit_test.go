package operator

import (
	"context"
	"encoding/base64"
	"net/netip"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a key with its public side.
type pair struct {
	nkeys.KeyPair
	pub string
}

func newPair(t testing.TB, make func() (nkeys.KeyPair, error)) pair {
	t.Helper()
	k, err := make()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pair{k, pub}
}

func operatorKey(t testing.TB) pair { t.Helper(); return newPair(t, nkeys.CreateOperator) }
func accountKey(t testing.TB) pair  { t.Helper(); return newPair(t, nkeys.CreateAccount) }
func userKey(t testing.TB) pair     { t.Helper(); return newPair(t, nkeys.CreateUser) }

// encode signs claims with k.
func encode(t testing.TB, c jwt.Claims, k pair) string {
	t.Helper()
	text, err := c.Encode(k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// kit has an operator, an account with a signing key and one with a scope, and a
// user. A test changes the claims before it encodes them.
type kit struct {
	op, opSign           pair
	acct, sign, scoped   pair
	usr                  pair
	opClaims             *jwt.OperatorClaims
	acctClaims           *jwt.AccountClaims
	scope                *jwt.UserScope
	usrClaims            *jwt.UserClaims
	opBy, acctBy, userBy pair // who signs
	// How the connection is.
	request auth.Request
	sig     func(nonce []byte) string
}

var nonce = []byte("the nonce of the INFO")

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{
		op: operatorKey(t), opSign: operatorKey(t),
		acct: accountKey(t), sign: accountKey(t), scoped: accountKey(t), usr: userKey(t),
	}
	k.opClaims = jwt.NewOperatorClaims(k.op.pub)
	k.opClaims.SigningKeys.Add(k.opSign.pub)
	k.acctClaims = jwt.NewAccountClaims(k.acct.pub)
	k.acctClaims.Name = "acme"
	k.acctClaims.Tags.Add("region:eu", "region:us")
	k.acctClaims.SigningKeys.Add(k.sign.pub)
	k.scope = jwt.NewUserScope()
	k.scope.Key = k.scoped.pub
	k.acctClaims.SigningKeys.AddScopedSigner(k.scope)
	k.usrClaims = jwt.NewUserClaims(k.usr.pub)
	k.usrClaims.Name = "ann"
	k.usrClaims.Tags.Add("team:blue")
	k.opBy, k.acctBy, k.userBy = k.op, k.op, k.acct
	k.request = auth.Request{
		Connect: &wire.Connect{}, Nonce: nonce, Type: jwt.ConnectionTypeStandard,
		Addr: netip.MustParseAddr("127.0.0.1"), Time: time.Now(),
	}
	k.sig = func(nonce []byte) string { return signature(t, k.usr, nonce) }
	return k
}

// by has the user signed by a signing key of the account.
func (k *kit) by(key pair) {
	k.userBy = key
	k.usrClaims.IssuerAccount = k.acct.pub
	if key == k.scoped {
		k.usrClaims.SetScoped(true)
	}
}

func signature(t testing.TB, k pair, nonce []byte) string {
	t.Helper()
	sig, err := k.Sign(nonce)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sig)
}

// options are those of an authenticator that knows the account.
func (k *kit) options(t testing.TB) *config.Options {
	t.Helper()
	return &config.Options{
		Operators:       []string{encode(t, k.opClaims, k.opBy)},
		Resolver:        config.Resolver{Type: "memory"},
		ResolverPreload: []config.AccountJWT{{Account: k.acct.pub, JWT: encode(t, k.acctClaims, k.acctBy)}},
	}
}

// connect returns the request of the user.
func (k *kit) connect(t testing.TB) *auth.Request {
	t.Helper()
	r := k.request
	c := *r.Connect
	if c.JWT == "" {
		c.JWT = encode(t, k.usrClaims, k.userBy)
	}
	if c.Sig == "" {
		c.Sig = k.sig(r.Nonce)
	}
	r.Connect = &c
	return &r
}

// open returns an authenticator that is closed at the end of the test, and what
// it logs.
func open(t testing.TB, o *config.Options) (*Authenticator, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	a, err := New(o, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, logs
}

// authenticate asks an authenticator that is made for it.
func (k *kit) authenticate(t testing.TB) (*auth.Identity, error) {
	t.Helper()
	a, _ := open(t, k.options(t))
	return a.Authenticate(k.connect(t))
}

// streamFrom imports a stream of another account.
func streamFrom(key string) *jwt.Import {
	return &jwt.Import{Account: key, Subject: "orders", Type: jwt.Stream}
}

func streamOf() *jwt.Export { return &jwt.Export{Subject: "orders", Type: jwt.Stream} }

// sign makes a JWT of claims that no library would write.
func sign(t testing.TB, k pair, claims string) string {
	t.Helper()
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ed25519-nkey"}`)) + "." + b64.EncodeToString([]byte(claims))
	return text + "." + signature(t, k, []byte(text))
}

// old sets the field that LocalSubject replaces.
func old(i *jwt.Import, to jwt.Subject) {
	//lint:ignore SA1019 there are JWTs that have it
	i.To = to
}

// put stores the JWT of an account, whether somebody wants to know it or not.
func put(a *Authenticator, key, text string) error {
	acct, err := newAccount(key, text, a.trust, time.Now())
	if err != nil {
		return err
	}
	return a.store(acct)
}

// ask returns what is known of an account once it was looked up.
func ask(ctx context.Context, a *Authenticator, key string) (*config.Account, error) {
	if _, err := a.Look(ctx, key); err != nil {
		return nil, err
	}
	return a.Account(key)
}
