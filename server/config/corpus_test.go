package config

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// corpus is every *.conf below testdata/corpus: files as operators write them.
func corpus(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files to compare", len(files))
	}
	return files
}

// setCorpusEnvironment sets the variables that the corpus uses.
func setCorpusEnvironment(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key)
	operator, account := writeJWTs(t, filepath.Join(dir, "operator.jwt"))
	for name, value := range map[string]string{
		"CONFIG_TEST_CERT": cert, "CONFIG_TEST_KEY": key, "CONFIG_TEST_DIR": filepath.Join(dir, "store"),
		"CONFIG_TEST_OPERATOR": operator, "CONFIG_TEST_ACCOUNT": account, "CONFIG_TEST_PASSWORD": "from the environment",
	} {
		t.Setenv(name, `"`+value+`"`)
	}
}

func writeCertificate(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writeJWTs writes the JWT of an operator, and returns the file and the JWT of
// an account.
func writeJWTs(t *testing.T, file string) (operator, account string) {
	t.Helper()
	seed := bytes.Repeat([]byte{1}, 32)
	key, err := nkeys.FromRawSeed(nkeys.PrefixByteOperator, seed)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewOperatorClaims(operatorKey).Encode(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if account, err = jwt.NewAccountClaims(accountKey).Encode(key); err != nil {
		t.Fatal(err)
	}
	return file, account
}

// peek returns a field that may not be exported, through pointers.
func peek(v reflect.Value, names ...string) reflect.Value {
	for _, name := range names {
		v = reflect.Indirect(v).FieldByName(name)
	}
	if v.CanAddr() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	return v
}

// identityOf puts what nats-server understood of users, accounts, TLS and so on
// into our fields.
func identityOf(o *server.Options) Options {
	v := reflect.ValueOf(o).Elem()
	got := Options{
		NoAuthUser: o.NoAuthUser, SystemAccount: o.SystemAccount, AllowNonTLS: o.AllowNonTLS, HTTPSPort: o.HTTPSPort,
		TrustedKeys: o.TrustedKeys, DefaultSentinel: o.DefaultSentinel,
		TLS: tlsOf(peek(v, "tlsConfigOpts")),
	}
	for _, a := range o.Accounts {
		if a.Name == globalAccount {
			got.Mappings = mappingsOf(a)
			continue
		}
		got.Accounts = append(got.Accounts, accountOf(a))
	}
	for _, u := range o.Users {
		addUser(&got, u.Account, User{
			Username: u.Username, Password: u.Password, Permissions: permissionsOf(u.Permissions),
			ConnectionTypes: slices.Collect(maps.Keys(u.AllowedConnectionTypes)),
		})
	}
	for _, u := range o.Nkeys {
		addUser(&got, u.Account, User{
			Nkey: u.Nkey, Permissions: permissionsOf(u.Permissions),
			ConnectionTypes: slices.Collect(maps.Keys(u.AllowedConnectionTypes)),
		})
	}
	w := &o.Websocket
	got.WebSocket = WebSocket{
		Host: w.Host, Port: w.Port, Advertise: w.Advertise, NoTLS: w.NoTLS, SameOrigin: w.SameOrigin, AllowedOrigins: w.AllowedOrigins,
		Compression: w.Compression, HandshakeTimeout: w.HandshakeTimeout, Headers: w.Headers, JWTCookie: w.JWTCookie,
		UsernameCookie: w.UsernameCookie, PasswordCookie: w.PasswordCookie, TokenCookie: w.TokenCookie, NoAuthUser: w.NoAuthUser,
		Username: w.Username, Password: w.Password, Token: w.Token, PingInterval: w.PingInterval,
		AuthTimeout: time.Duration(w.AuthTimeout * float64(time.Second)), TLS: tlsOf(peek(v, "Websocket", "tlsConfigOpts")),
	}
	for account, token := range peek(v, "resolverPreloads").Seq2() {
		got.ResolverPreload = append(got.ResolverPreload, AccountJWT{account.String(), token.String()})
	}
	got.Resolver = resolverOf(o)
	if n := len(o.TrustedOperators); n > 0 {
		got.Operators = slices.Repeat([]string{os.Getenv("CONFIG_TEST_OPERATOR")[1:]}, n)
		got.Operators[0] = strings.Trim(os.Getenv("CONFIG_TEST_OPERATOR"), `"`)
	}
	return got
}

func addUser(o *Options, a *server.Account, u User) {
	if a == nil {
		o.Users = append(o.Users, u)
		return
	}
	of := o.account(a.Name)
	of.Users = append(of.Users, u)
}

func permissionsOf(p *server.Permissions) *Permissions {
	if p == nil {
		return nil
	}
	out := new(Permissions)
	if p.Publish != nil {
		out.Publish = Rules{p.Publish.Allow, p.Publish.Deny}
	}
	if p.Subscribe != nil {
		out.Subscribe = Rules{p.Subscribe.Allow, p.Subscribe.Deny}
	}
	if p.Response != nil {
		out.Responses = &Responses{p.Response.MaxMsgs, p.Response.Expires}
	}
	return out
}

func accountOf(a *server.Account) Account {
	v := reflect.ValueOf(a).Elem()
	limit := func(name string) int { return max(0, int(peek(v, name).Int())) }
	out := Account{
		Name: a.Name, Nkey: a.Nkey, Mappings: mappingsOf(a),
		Limits: AccountLimits{limit("mconns"), limit("mleafs"), limit("msubs"), limit("mpay")},
	}
	authOf := func(e *Export, ea reflect.Value) {
		if ea.IsNil() {
			return
		}
		e.TokenPosition = int(peek(ea, "accountPos").Uint())
		for name := range peek(ea, "approved").Seq() {
			e.Accounts = append(e.Accounts, name.String())
		}
	}
	exports := peek(v, "exports")
	for subject, e := range peek(exports, "streams").Seq2() {
		export := Export{Subject: subject.String()}
		authOf(&export, e)
		out.Exports = append(out.Exports, export)
	}
	for subject, e := range peek(exports, "services").Seq2() {
		export := Export{
			Service: true, Subject: subject.String(), ResponseThreshold: time.Duration(peek(e, "respThresh").Int()),
			ResponseType: []string{"singleton", "stream", "chunked"}[peek(e, "respType").Uint()], AllowTrace: peek(e, "atrc").Bool(),
		}
		authOf(&export, e)
		if l := peek(e, "latency"); !l.IsNil() {
			export.Latency = &Latency{int(peek(l, "sampling").Int()), peek(l, "subject").String()}
		}
		out.Exports = append(out.Exports, export)
	}
	imports := peek(v, "imports")
	for _, i := range peek(imports, "streams").Seq2() {
		out.Imports = append(out.Imports, Import{
			Account: peek(i, "acc", "Name").String(), Subject: peek(i, "from").String(), To: peek(i, "to").String(),
			AllowTrace: peek(i, "atrc").Bool(),
		})
	}
	for _, all := range peek(imports, "services").Seq2() {
		for _, i := range all.Seq2() {
			out.Imports = append(out.Imports, Import{
				Service: true, Account: peek(i, "acc", "Name").String(), Subject: peek(i, "to").String(), To: peek(i, "from").String(),
				Share: peek(i, "share").Bool(),
			})
		}
	}
	return out
}

// mappingsOf returns the mappings of an account. Nats-server adds up the weights
// in their order, and adds the source for what is left.
func mappingsOf(a *server.Account) []Mapping {
	var out []Mapping
	for _, m := range peek(reflect.ValueOf(a), "mappings").Seq2() {
		mapping := Mapping{Source: peek(m, "src").String()}
		add := func(cluster string, list reflect.Value) {
			before := 0
			for _, d := range list.Seq2() {
				weight := int(peek(d, "weight").Uint())
				mapping.Destinations = append(mapping.Destinations, Destination{peek(d, "tr", "dest").String(), weight - before, cluster})
				before = weight
			}
		}
		add("", peek(m, "dests"))
		for cluster, list := range peek(m, "cdests").Seq2() {
			add(cluster.String(), list)
		}
		out = append(out, mapping)
	}
	return out
}

func tlsOf(v reflect.Value) *TLS {
	c := v.Interface().(*server.TLSConfigOpts)
	if c == nil {
		return nil
	}
	out := &TLS{
		CertFile: c.CertFile, KeyFile: c.KeyFile, CAFile: c.CaFile, Verify: c.Verify, VerifyAndMap: c.Map,
		AllowInsecureCipherSuites: c.AllowInsecureCiphers, Timeout: time.Duration(c.Timeout * float64(time.Second)),
		HandshakeFirst: c.HandshakeFirst, HandshakeFallback: c.FallbackDelay, ConnectionRateLimit: c.RateLimit, Insecure: c.Insecure,
		PinnedCerts: slices.Collect(maps.Keys(c.PinnedCerts)),
	}
	for _, pair := range c.Certificates {
		out.Certs = append(out.Certs, CertPair{pair.CertFile, pair.KeyFile})
	}
	if len(c.Ciphers) != len(tls.CipherSuites()) { // otherwise they are its defaults
		for _, id := range c.Ciphers {
			out.CipherSuites = append(out.CipherSuites, tls.CipherSuiteName(id))
		}
	}
	if len(c.CurvePreferences) != len(curves()) {
		for _, id := range c.CurvePreferences {
			out.CurvePreferences = append(out.CurvePreferences, id.String())
		}
	}
	if c.MinVersion == tls.VersionTLS13 {
		out.MinVersion = "1.3"
	}
	return out
}

func resolverOf(o *server.Options) Resolver {
	out := Resolver{}
	if c := o.AccountResolverTLSConfig; c != nil {
		out.TLS = &TLS{}
	}
	switch r := o.AccountResolver.(type) {
	case *server.MemAccResolver:
		out.Type = resolverMemory
	case *server.URLAccResolver:
		out.Type, out.URL = resolverFromURL, peek(reflect.ValueOf(r), "url").String()
	case *server.DirAccResolver:
		fromStore(&out, reflect.ValueOf(r))
		out.Type, out.AllowDelete = resolverFull, peek(reflect.ValueOf(r), "DirJWTStore", "deleteType").Int() != 0
		out.HardDelete = peek(reflect.ValueOf(r), "DirJWTStore", "deleteType").Int() == 2
		r.Close()
	case *server.CacheDirAccResolver:
		fromStore(&out, peek(reflect.ValueOf(r), "DirAccResolver").Addr())
		out.Type = resolverCache
		r.Close()
	}
	return out
}

func fromStore(out *Resolver, v reflect.Value) {
	out.Dir = peek(v, "DirJWTStore", "directory").String()
	out.Interval = time.Duration(peek(v, "syncInterval").Int())
	out.Timeout = time.Duration(peek(v, "fetchTimeout").Int())
	out.TTL = time.Duration(peek(v, "DirJWTStore", "expiration", "ttl").Int())
	out.Limit = peek(v, "DirJWTStore", "expiration", "limit").Int()
}

// effective brings options into the form in which nats-server has them: the
// default permissions are those of the users, imports have a subject of their
// own, and what has no order is sorted.
func effective(o Options) Options {
	o = o.WithDefaults()
	give := func(us []User, p *Permissions) {
		for i := range us {
			if us[i].Permissions == nil {
				us[i].Permissions = p
			}
			slices.Sort(us[i].ConnectionTypes)
		}
		slices.SortFunc(us, func(a, b User) int { return cmp.Compare(a.Username+a.Nkey, b.Username+b.Nkey) })
	}
	give(o.Users, o.DefaultPermissions)
	o.DefaultPermissions = nil
	o.Mappings = complete(o.Mappings)
	for i := range o.Accounts {
		a := &o.Accounts[i]
		give(a.Users, a.DefaultPermissions)
		a.DefaultPermissions, a.Mappings = nil, complete(a.Mappings)
		a.Limits.MaxConnections = max(0, a.Limits.MaxConnections)
		for j := range a.Exports {
			slices.Sort(a.Exports[j].Accounts)
		}
		slices.SortFunc(a.Exports, func(a, b Export) int { return cmp.Compare(a.Subject, b.Subject) })
		for j := range a.Imports {
			im := &a.Imports[j]
			if im.Prefix != "" {
				im.To = im.Prefix + "." + im.Subject
			}
			im.To, im.Prefix = regexp.MustCompile(`\$\d`).ReplaceAllString(im.local(), "*"), ""
		}
		slices.SortFunc(a.Imports, func(a, b Import) int { return cmp.Compare(a.To, b.To) })
	}
	slices.SortFunc(o.Accounts, func(a, b Account) int { return cmp.Compare(a.Name, b.Name) })
	if o.TLS != nil {
		slices.Sort(o.TLS.PinnedCerts)
	}
	if o.Resolver.TLS != nil {
		o.Resolver.TLS = &TLS{} // nats-server keeps only what it has made of it
	}
	if o.Resolver.Type == resolverFromURL {
		o.Resolver.URL = strings.TrimSuffix(o.Resolver.URL, "/") + "/"
	}
	return o
}

// complete adds to each mapping the source itself for what is left to 100.
func complete(ms []Mapping) []Mapping {
	for i := range ms {
		m := &ms[i]
		left := make(map[string]int)
		for _, d := range m.Destinations {
			if _, ok := left[d.Cluster]; !ok {
				left[d.Cluster] = 100
			}
			left[d.Cluster] -= d.Weight
		}
		named := slices.ContainsFunc(m.Destinations, func(d Destination) bool { return d.Subject == m.Source })
		if len(left) > 0 && !hasKey(left, "") {
			left[""] = 100
		}
		for cluster, weight := range left {
			if weight > 0 && !named {
				m.Destinations = append(m.Destinations, Destination{m.Source, weight, cluster})
			}
		}
		slices.SortFunc(m.Destinations, func(a, b Destination) int {
			return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Subject, b.Subject))
		})
	}
	slices.SortFunc(ms, func(a, b Mapping) int { return cmp.Compare(a.Source, b.Source) })
	return ms
}

func hasKey(m map[string]int, key string) bool { _, ok := m[key]; return ok }

// TestCorpusAsNATSServer compares what each file of the corpus means with
// nats-server, field by field.
func TestCorpusAsNATSServer(t *testing.T) {
	setCorpusEnvironment(t)
	for _, file := range corpus(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			reference, err := server.ProcessConfigFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, other := fromNATS(reference, false), identityOf(reference)
			plain, identity := reflect.ValueOf(&want).Elem(), reflect.ValueOf(other)
			for i := range identity.NumField() {
				if !identity.Field(i).IsZero() {
					plain.Field(i).Set(identity.Field(i))
				}
			}
			if want.TLS != nil && reference.AuthTimeout == 0 {
				want.AuthTimeout = 0
			}
			if len(want.Operators) > 0 {
				want.SystemAccount = reference.SystemAccount
			}
			got, _, err := LoadFile(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(effective(want), effective(got), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("options (-nats-server +got):\n%s", diff)
			}
			if gocmp.Equal(got, Options{ConfigFile: file}.WithDefaults(), cmpopts.EquateEmpty()) {
				t.Error("the file sets nothing")
			}
		})
	}
}
