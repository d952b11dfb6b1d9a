package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIdentityProblems is about users, accounts, TLS and operators: each
// mistake is told in its place.
func TestIdentityProblems(t *testing.T) {
	t.Parallel()
	const (
		wantSubject = `must be a subject, which may have wildcards`
		pair        = "cert_file: c, key_file: k"
	)
	tests := []struct {
		name string
		file string
		want []string
	}{
		{
			name: "users and one user",
			file: "authorization {\n  user: a\n  users: [ {user: b} ]\n}",
			want: []string{`2:3: "authorization.user": is set together with users; must be either one user or users`},
		},
		{
			name: "users of an account and a token",
			file: "authorization { token: t }\naccounts { A { users: [ {user: b} ] } }",
			want: []string{`1:17: "authorization.token": is set together with users; must be either a token or users`},
		},
		{
			name: "users that are none",
			file: "authorization { users: [\n  { password: p }\n  bob\n  { user: a, nkey: " + userKey + " }\n" +
				"  { nkey: UABC }\n  { usr: c }\n  { user: [ x ] }\n] }",
			want: []string{
				`2:5: "authorization.users": a user without a name; must have "user" or "nkey"`,
				`3:3: "authorization.users": got "bob"; must be a block { … }`,
				`4:14: "authorization.users": "` + userKey + `" has a name or password besides the nkey; must be either`,
				`5:5: "authorization.users.nkey": got "UABC"; must be the public nkey of a user, which begins with "U"`,
				`6:5: unknown key "authorization.users.usr"; did you mean "authorization.users.user"?`,
				`7:5: "authorization.users.user": got a list; must be ` + anyText,
			},
		},
		{
			name: "a user twice",
			file: "authorization { users: [ {user: a} ] }\naccounts {\n  A { users: [ { nkey: " + userKey + " }, { user: a } ] }\n" +
				"  B { users: [ {nkey: " + userKey + "} ] }\n}",
			want: []string{
				`3:86: "accounts.users": "a" is given twice; must be one user`,
				`4:17: "accounts.users": "` + userKey + `" is given twice; must be one user`,
			},
		},
		{
			name: "no such user",
			file: "no_auth_user: x\nwebsocket { port: 1, no_tls: true\n  no_auth_user: y\n}\nauthorization { users: [ {user: a} ] }",
			want: []string{
				`1:1: "no_auth_user": there is no user "x"; must be the name or nkey of one of the users`,
				`3:3: "websocket.no_auth_user": there is no user "y"; must be the name or nkey of one of the users`,
			},
		},
		{
			name: "permissions",
			file: "authorization { users: [ { user: a, permissions: {\n  publish: \"a..b\"\n  subscribe: [ ok, \"a b c\", \">.a\" ]\n" +
				"  allow_responses: { mx: 1, expires: x }\n} }\n{ user: b, permissions: { publish: { allow: \"a b\", dney: x }, publsh: y } }\n" +
				"{ user: c, permissions: all }\n{ user: d, permissions { allow_responses: sometimes, publish: 5 } } ] }",
			want: []string{
				`2:3: "authorization.users.permissions.publish.allow": got "a..b"; ` + wantSubject,
				`3:21: "authorization.users.permissions.subscribe.allow": got "a b c"; ` + wantSubject + `, or such a subject, a blank and a queue`,
				`3:30: "authorization.users.permissions.subscribe.allow": got ">.a"; ` + wantSubject + `, or such a subject, a blank and a queue`,
				`4:22: unknown key "authorization.users.permissions.allow_responses.mx"; did you mean "authorization.users.permissions.allow_responses.max"?`,
				`4:29: "authorization.users.permissions.allow_responses.expires": got "x"; must be a duration such as "2m"`,
				`6:38: "authorization.users.permissions.publish.allow": got "a b"; ` + wantSubject,
				`6:52: unknown key "authorization.users.permissions.publish.dney"; did you mean "authorization.users.permissions.publish.deny"?`,
				`6:63: unknown key "authorization.users.permissions.publsh"; did you mean "authorization.users.permissions.publish"?`,
				`7:12: "authorization.users.permissions": got "all"; must be a block { … }`,
				`8:26: "authorization.users.permissions.allow_responses": got "sometimes"; must be true, a number of messages, or a block { … }`,
				`8:54: "authorization.users.permissions.publish.allow": got 5; must be ` + anyText,
			},
		},
		{
			name: "connection types",
			file: "authorization { users: [ { user: a, clients: [ STANDARD, smoke ] } ] }",
			want: []string{`1:58: "authorization.users.allowed_connection_types": got "smoke"; must be "STANDARD" or "WEBSOCKET" or ` +
				`"LEAFNODE" or "LEAFNODE_WS" or "MQTT" or "MQTT_WS" or "IN_PROCESS"`},
		},
		{
			name: "accounts that are none",
			file: "accounts {\n  $G { }\n  A: x\n  B { usres: [] }\n  C { nkey: A1 }\n}\nsystem_account: Z",
			want: []string{
				`2:3: "accounts.name": got "$G"; must be a name without blanks, and not $G`,
				`3:3: "accounts": got "x"; must be a block { … }`,
				`4:7: unknown key "accounts.usres"; did you mean "accounts.users"?`,
				`5:7: "accounts.nkey": got "A1"; must be the public nkey of an account, which begins with "A"`,
				`7:1: "system_account": there is no account "Z"; must be one of "accounts"`,
			},
		},
		{
			name: "limits",
			file: "accounts { A { limits { max_conn: 0, max_subs: -2, max_payload: 5GB, max_leafs: 0 } } }",
			want: []string{
				`1:25: "accounts.limits.max_connections": got 0; must be a whole number from 1 to 2147483647, or -1 for no limit`,
				`1:38: "accounts.limits.max_subscriptions": got -2; must be a whole number from 1 to 2147483647, or -1 for no limit`,
				`1:52: "accounts.limits.max_payload": got 5368709120; must be a whole number from 1 to 2147483647, or -1 for no limit`,
			},
		},
		{
			name: "an account twice",
			file: "accounts: [ A, A ]",
			want: []string{`1:16: "accounts": "A" is given twice; must be one account`},
		},
		{
			name: "exports",
			file: "accounts { A { exports: [\n  { accounts: [A] }\n  { stream: a, service: b }\n  { stream: \"a..b\" }\n" +
				"  { stream: c, accounts: [ B ], response: stream, threshold: \"1s\", latency: l, allow_trace: true }\n" +
				"  { service: \"d.*\", account_token_position: 1, response: many }\n" +
				"  { service: e, response: stream, latency: { sampling: 101, subject: \"x.*\" } }\n" +
				"  { service: f, latency: { sampling: 5 } }\n  { service: g, response: chunked, latency: ok }\n  { service: h, latency: \"d.x\" }\n" +
				"  { service: i, latency: { sampling: 0, subject: ok } }\n  { service: j, latency: { sampling: \"0%\", subject: ok } }\n] } }",
			want: []string{
				`2:5: "accounts.exports": an export of nothing; must have "stream" or "service"`,
				`3:16: "accounts.exports.service" contradicts "accounts.exports.stream" at a.conf:3:5; must be given once`,
				`4:5: "accounts.exports.stream": got "a..b"; ` + wantSubject,
				`5:28: "accounts.exports.accounts": there is no account "B"; must be one of "accounts"`,
				`5:33: "accounts.exports.response_type": is of services; must be left out of a stream`,
				`5:51: "accounts.exports.response_threshold": is of services; must be left out of a stream`,
				`5:68: "accounts.exports.latency": is of services; must be left out of a stream`,
				`5:80: "accounts.exports.allow_trace": is of services; must be left out of a stream`,
				`6:21: "accounts.exports.account_token_position": token 1 of "d.*" is not "*"; must be`,
				`6:48: "accounts.exports.response_type": got "many"; must be "singleton" or "stream" or "chunked"`,
				`7:35: "accounts.exports.latency": is measured of a "singleton" service only`,
				`7:46: "accounts.exports.latency.sampling": got 101; must be a whole number from 1 to 100`,
				`7:61: "accounts.exports.latency.subject": got "x.*"; must be a subject without wildcards`,
				`8:17: "accounts.exports.latency.subject" is missing`,
				`9:36: "accounts.exports.latency": is measured of a "singleton" service only`,
				`10:17: "accounts.exports.latency.subject": "d.x" is exported as a service; must be another`,
				`11:28: "accounts.exports.latency.sampling": got "0"; must be a whole number from 1 to 100`,
				`12:28: "accounts.exports.latency.sampling": got "0"; must be a whole number from 1 to 100`,
			},
		},
		{
			name: "imports",
			file: "accounts {\nA { exports: [ { stream: \"a.>\" }, { service: \"q.*\", accounts: [C] }, { stream: \"t.*\", account_token_position: 2 } ] }\n" +
				"B { imports: [\n  { stream: { account: A, subject: \"b\" } }\n  { service: { account: A, subject: \"q.x\" } }\n" +
				"  { stream: { account: Z, subject: \"a\" } }\n  { stream: { subject: \"a.b\" } }\n  { to: x }\n" +
				"  { stream: { account: A, subject: \"a.b\" }, to: x, prefix: y }\n  { stream: { account: A, subject: \"a.b\" } }\n" +
				"  { stream: { account: A, subject: \"a.c\" }, prefix: \"y.*\" }\n  { stream: { account: A, subject: \"t.C\" } }\n" +
				"  { stream: { account: A, subject: \"a.*\" }, service: { account: A, subject: \"a.*\" } }\n] }\n" +
				"C { imports: [ { service: { account: A, subject: \"q.1\" }, to: x, allow_trace: true }\n { service: { account: A, subject: \"q.2\" }, to: x } ] }\n}",
			want: []string{
				`4:27: "accounts.imports.stream": account "A" exports no stream that covers "b"`,
				`5:28: "accounts.imports.service": account "A" does not export "q.x" to "B"`,
				`6:15: "accounts.imports.stream.account": there is no account "Z"; must be one of "accounts"`,
				`7:5: "accounts.imports.stream.account" is missing`,
				`8:5: "accounts.imports": an import of nothing; must have "stream" or "service"`,
				`9:45: "accounts.imports.to": is set together with "prefix"; must be one of them`,
				`10:27: "accounts.imports.stream": "a.b" of account "A" is imported twice`,
				`11:45: "accounts.imports.prefix": got "y.*"; must be tokens without wildcards`,
				`12:27: "accounts.imports.stream": account "A" does not export "t.C" to "B"`,
				`13:45: "accounts.imports.service" contradicts "accounts.imports.stream" at a.conf:13:5; must be given once`,
				`15:66: "accounts.imports.allow_trace": is of streams; must be left out of a service`,
				`16:27: "accounts.imports.service": "q.2" of account "A" is imported twice`,
			},
		},
		{
			name: "mappings",
			file: "mappings {\n  \"a..b\": x\n  c: [ { destination: d, weight: 60 }, { dest: e, weight: \"50%\" } ]\n" +
				"  f: [ { destination: g, weight: 60, cluster: x }, { dest: h, weight: 60%, cluster: y } ]\n  i: { dest: j }\n" +
				"  k: { weight: 5 }\n  l: [ { dest: m, weight: 101 }, { dest: n, weight: half } ]\n  o: [ { dest: p, weight: 1 }, { dest: p, weight: 2 } ]\n  q: \"r..s\"\n  t: 5\n}",
			want: []string{
				`2:4: "mappings.source": got "a..b"; ` + wantSubject,
				`3:51: "mappings": the weights of "c" are above 100 in sum; must be at most that`,
				`5:3: "mappings.destinations.weight" is missing`,
				`6:3: "mappings.destinations.destination" is missing`,
				`7:19: "mappings.destinations.weight": got 101; must be a whole number from 0 to 100`,
				`7:45: "mappings.destinations.weight": got "half"; must be a whole number from 0 to 100`,
				`8:34: "mappings": "o" is given "p" twice; must be once`,
				`9:3: "mappings": "r..s" is no destination of "q": transform of "q" to "r..s": the destination has an empty token or a > that is not its last token`,
				`10:3: "mappings.destinations": got 5; must be a list [ … ]`,
			},
		},
		{
			name: "TLS",
			file: "tls {\n  key_file: k\n  cipher_suites: [ TLS_RSA_WITH_RC4_128_SHA ]\n  curve_preferences: CurveP192\n  min_version: \"1.1\"\n" +
				"  pinned_certs: [ abc ]\n  timeout: \"x\"\n  handshake_first: maybe\n}",
			want: []string{
				`2:3: "tls.key_file": is set without a certificate; must come with "cert_file"`,
				`3:20: "tls.cipher_suites": TLS_RSA_WITH_RC4_128_SHA is insecure; must come with "allow_insecure_cipher_suites"`,
				`4:3: "tls.curve_preferences": got "CurveP192"; must be "` + strings.Join(curves(), `" or "`) + `"`,
				`5:3: "tls.min_version": got "1.1"; must be "1.2" or "1.3"`,
				`6:19: "tls.pinned_certs": got "abc"; must be the SHA-256 of a public key (SPKI in DER), in 64 hexadecimal digits`,
				`7:3: "tls.timeout": got "x"; must be a duration such as "2m", above 0`,
				`8:3: "tls.handshake_first": got "maybe"; must be true, false, "auto" or a duration such as "50ms"`,
			},
		},
		{
			name: "unknown cipher suite",
			file: "tls { " + pair + ", cipher_suites: [ TLS_X ] }",
			want: []string{`1:51: "tls.cipher_suites": got "TLS_X"; must be "` + strings.Join(cipherSuites(), `" or "`) + `"`},
		},
		{
			name: "certificates",
			file: "tls { cert_file: c, key_file: k, certs: [ { cert_file: x } ] }\nwebsocket {\n  port: 1, tls { cert_file: c }\n}\n",
			want: []string{
				`1:7: "tls.cert_file": is set together with "certs"; must be one of them`,
				`1:45: "tls.certs.key_file" is missing`,
				`3:18: "websocket.tls.cert_file": is set without a key; must come with "key_file"`,
			},
		},
		{
			name: "no certificate, and monitoring twice",
			file: "tls { }\nhttp: 1\nhttps: 2",
			want: []string{
				`1:1: "tls": has no certificate; must have "cert_file" and "key_file", or "certs"`,
				`3:1: "https_port": is set together with "http_port"; must be one of them`,
			},
		},
		{
			name: "HTTPS without TLS",
			file: "https_port: 2",
			want: []string{`1:1: "https_port": is set without TLS; must come with a "tls" block`},
		},
		{
			name: "WebSocket",
			file: "websocket {\n  port: 8080\n  allowed_origins: [ \"example.com\" ]\n  jwt_cookie: j\n  headers { Connection: x, Sec-WebSocket-Key: y, n: 5 }\n" +
				"  authorization { user: a, token: t }\n}\nauthorization { users: [ { user: b } ] }",
			want: []string{
				`1:1: "websocket": has no TLS; must have a "tls" block, or "no_tls: true"`,
				`3:23: "websocket.allowed_origins": got "example.com"; must be an address such as "https://example.com"`,
				`4:3: "websocket.jwt_cookie": is set without operators; must come with "operator" or "trusted_keys"`,
				`5:3: "websocket.headers": "Connection" is of the upgrade itself; must be another`,
				`5:3: "websocket.headers": "Sec-WebSocket-Key" is of the upgrade itself; must be another`,
				`5:50: "websocket.headers.n": got 5; must be ` + anyText,
				`6:19: "websocket.authorization": has one user or token while there are users; must be either`,
				`6:28: "websocket.authorization.token": is set together with a user or password; must be either a token or a user with a password`,
			},
		},
		{
			name: "operator mode",
			file: "operator: o.jwt\ntrusted_keys: " + operatorKey + "\nauthorization { users: [ {user: a} ] }\naccounts { A { } }\nno_auth_user: a",
			want: []string{
				`2:1: "trusted_keys": are set together with "operator"; must be one of them`,
				`3:17: "authorization.users": are set in operator mode; must be left to JWTs`,
				`4:1: "accounts": are set in operator mode; must be left to the resolver`,
				`5:1: "no_auth_user": is set in operator mode; must be left out`,
			},
		},
		{
			name: "resolvers",
			file: "resolver: nowhere\ntrusted: [ OABC ]\ndefault_sentinel: eyJ\nresolver_preload {\n  " + accountKey + ": x\n  AB: eyJ.a.b\n}",
			want: []string{
				`1:1: "resolver": got "nowhere"; must be a block { … }`,
				`2:12: "trusted_keys": got "OABC"; must be the public nkey of an operator, which begins with "O"`,
				`3:1: "default_sentinel": is set without operators; must come with "operator"`,
				`5:3: "resolver_preload.jwt": got a text; must be a JWT`,
				`6:3: "resolver_preload.account": got "AB"; must be the public nkey of an account, which begins with "A"`,
			},
		},
		{
			name: "a full resolver",
			file: "resolver { type: full, ttl: \"1m\", hard_delete: true }",
			want: []string{
				`1:12: "resolver.dir": is missing; a resolver of type "full" needs it`,
				`1:24: "resolver.ttl": has no meaning for a resolver of type "full"; must be left out`,
				`1:35: "resolver.hard_delete": has no effect; must come with "allow_delete"`,
			},
		},
		{
			name: "a caching resolver",
			file: "resolver { type: cache, dir: d, interval: \"1m\", allow_delete: true, hard_delete: true }",
			want: []string{
				`1:33: "resolver.interval": has no meaning for a resolver of type "cache"; must be left out`,
				`1:49: "resolver.allow_delete": has no meaning for a resolver of type "cache"; must be left out`,
				`1:69: "resolver.hard_delete": has no meaning for a resolver of type "cache"; must be left out`,
			},
		},
		{
			name: "a resolver with a bad address, one without a type",
			file: "resolver: URL(ftp://x)\n",
			want: []string{`1:1: "resolver.url": got a text; must be an address with http or https`},
		},
		{
			name: "a resolver without a type",
			file: "resolver { dir: d }",
			want: []string{`1:1: "resolver.type" is missing`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := loadIn(t, nil, "a.conf", tt.file)
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "a.conf:")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIdentityWarnings(t *testing.T) {
	t.Parallel()
	problems, got := loadIn(t, nil, "a.conf", `accounts {
  A { exports: [ { stream: s }, { service: q } ] }
  B { imports: [ { stream: { account: A, subject: s }, share: true }
                 { service: { account: A, subject: q }, prefix: p } ] }
  C { exports: [ { service: a, latency: l, allow_trace: false }
                 { service: b, latency { sampling: headers, subject: l }, allow_trace: true }
                 { stream: s } ] }
  D { imports: [ { stream: { account: C, subject: s }, allow_trace: true } ] }
}
trace_verbose: true`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := []string{
		`a.conf:3:56: "accounts.imports.share": has no effect on a stream`,
		`a.conf:4:57: "accounts.imports.prefix": has no effect on a service; use "to"`,
		`a.conf:5:32: "accounts.exports.latency": ` + lacksLatency,
		`a.conf:6:32: "accounts.exports.latency": ` + lacksLatency,
		`a.conf:6:75: "accounts.exports.allow_trace": ` + lacksTrace,
		`a.conf:8:56: "accounts.imports.allow_trace": ` + lacksTrace,
		`a.conf:10:1: "trace_verbose": ` + lacksVerbose,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestOperatorWarnings: what JWTs say, nothing else does.
func TestOperatorWarnings(t *testing.T) {
	t.Parallel()
	const why = ": has no effect in operator mode, where JWTs say who may connect"
	tests := []struct {
		name, file string
		want       []string
	}{
		{
			"a user", "operator: o\nauthorization { user: a, permissions {} }\nwebsocket { authorization { user: b } }",
			[]string{
				`a.conf:2:17: "authorization.user"` + why, `a.conf:2:26: "authorization.default_permissions"` + why,
				`a.conf:3:29: "websocket.authorization.user"` + why,
			},
		},
		{
			"a token", "operator: o\nauthorization { token: a }\nwebsocket { authorization { token: b } }",
			[]string{`a.conf:2:17: "authorization.token"` + why, `a.conf:3:29: "websocket.authorization.token"` + why},
		},
		{
			"users beside keys", "trusted_keys: " + operatorKey + "\nauthorization { users: [ {user: a} ] }\naccounts: [ A ]",
			[]string{`a.conf:2:17: "authorization.users"` + why, `a.conf:3:1: "accounts"` + why},
		},
		{"nothing of the kind", "operator: o\nauthorization { timeout: 3 }", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problems, got := loadIn(t, nil, "a.conf", tt.file)
			if problems != nil {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
