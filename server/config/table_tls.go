package config

import (
	"crypto/tls"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"time"
)

func tlsTable() []setting {
	return []setting{
		{
			key: "tls", kind: block, fields: []string{"TLS"}, reloadable: true, section: sectionTLS,
			doc: "TLS of the client listener, and of monitoring over HTTPS",
			block: withFlags(tlsSettings(), map[string][]string{
				"cert_file": {"tlscert"}, "key_file": {"tlskey"}, "ca_file": {"tlscacert"}, "verify": {"tlsverify"},
			}),
		},
		{
			flags: []string{"tls"}, kind: presence, fields: []string{"TLS"}, section: sectionTLS,
			doc: "Speak TLS; =false leaves the tls block of the file out",
		},
		{
			key: "allow_non_tls", kind: boolean, fields: []string{"AllowNonTLS"}, section: sectionTLS,
			doc: "Let clients choose whether to speak TLS",
		},
	}
}

// withFlags gives some settings flags.
func withFlags(settings []setting, flags map[string][]string) []setting {
	for i := range settings {
		settings[i].flags = flags[settings[i].key]
	}
	return settings
}

// tlsSettings is what stands in a tls block.
func tlsSettings() []setting {
	return []setting{
		{
			key: "cert_file", arg: "file", kind: text, fields: []string{"CertFile"}, defText: "none",
			doc: "Certificate, in PEM",
		},
		{
			key: "key_file", arg: "file", kind: text, fields: []string{"KeyFile"}, defText: "none",
			doc: "Key of the certificate, in PEM",
		},
		{
			key: "certs", aliases: []string{"certificates"}, kind: list, fields: []string{"Certs"}, defText: "none",
			doc: "Several certificates in place of one, from which the client's wish chooses",
			elem: &setting{kind: block, block: []setting{
				{
					key: "cert_file", kind: text, fields: []string{"CertFile"}, required: true,
					doc: "Certificate, in PEM",
				},
				{
					key: "key_file", kind: text, fields: []string{"KeyFile"}, required: true,
					doc: "Key of the certificate, in PEM",
				},
			}},
		},
		{
			key: "ca_file", arg: "file", kind: text, fields: []string{"CAFile"}, defText: "what the system trusts",
			doc: "Certificates that those of peers are verified with, in PEM",
		},
		{
			key: "verify", kind: boolean, fields: []string{"Verify"},
			doc: "Ask for a client certificate and verify it",
		},
		{
			key: "verify_and_map", kind: boolean, fields: []string{"VerifyAndMap"},
			doc: "Besides, take the user from it",
		},
		{
			key: "cipher_suites", kind: list, fields: []string{"CipherSuites"}, defText: "those of Go",
			doc:  "Cipher suites up to TLS 1.2, by their names in Go",
			elem: &setting{kind: text, choices: cipherSuites(), allowed: "the name of a cipher suite in Go"},
		},
		{
			key: "allow_insecure_cipher_suites", kind: boolean, fields: []string{"AllowInsecureCipherSuites"},
			doc: "Let cipher_suites name those that Go calls insecure",
		},
		{
			key: "curve_preferences", kind: list, fields: []string{"CurvePreferences"}, defText: "those of Go",
			doc:  "Curves for the exchange of keys, by their names in Go",
			elem: &setting{kind: text, choices: curves()},
		},
		{
			key: "min_version", kind: text, fields: []string{"MinVersion"}, def: "1.2",
			choices: []string{"1.2", "1.3"},
			doc:     "Lowest version of TLS",
		},
		{
			key: "timeout", kind: duration, fields: []string{"Timeout"}, seconds: true,
			def: 2 * time.Second, min: 1, max: maxDuration,
			doc: "Time a handshake may take",
		},
		{
			key: "handshake_first", aliases: []string{"first", "immediate"}, kind: handshake,
			fields: []string{"HandshakeFirst", "HandshakeFallback"}, defText: "false",
			doc: "Begin with the handshake, before INFO; with a duration, a client that is silent for as long gets INFO in clear; auto is 50ms",
		},
		{
			key: "connection_rate_limit", kind: integer, fields: []string{"ConnectionRateLimit"}, defText: "unlimited",
			max: math.MaxInt32,
			doc: "Handshakes a second at most",
		},
		{
			key: "pinned_certs", kind: list, fields: []string{"PinnedCerts"}, defText: "all",
			doc: "Public keys of the client certificates that are let in",
			elem: &setting{
				kind: text, fold: strings.ToLower, check: isSHA256,
				allowed: "the SHA-256 of a public key (SPKI in DER), in 64 hexadecimal digits",
			},
		},
		{
			key: "insecure", kind: boolean, fields: []string{"Insecure"},
			doc: "Leave the certificate of a peer that we connect to unverified",
		},
		missing("cert_store", "the certificate store of Windows"),
		missing("cert_match_by", "the certificate store of Windows"),
		missing("cert_match", "the certificate store of Windows"),
		missing("cert_match_skip_invalid", "the certificate store of Windows"),
		missing("ca_certs_match", "the certificate store of Windows"),
		guarding("ocsp_peer", "client certificates that are revoked would be let in"),
		missing("verify_cert_and_check_known_urls", "a check for gateways and routes"),
	}
}

func webTable() []setting {
	return []setting{{
		key: "websocket", aliases: []string{"ws"}, kind: block, fields: []string{"WebSocket"}, section: sectionWeb,
		doc: "Listener for clients that speak WebSocket",
		block: []setting{
			{
				key: "listen", kind: address, fields: []string{"Host", "Port"}, defText: "off",
				doc: "Address as host:port, or a port alone. Sets host and port",
			},
			{
				key: "host", aliases: []string{"net"}, kind: text, fields: []string{"Host"}, def: "0.0.0.0",
				doc: "Address to connect to",
			},
			{
				key: "port", kind: integer, fields: []string{"Port"}, defText: "off", min: -1, max: math.MaxUint16,
				doc: "Port; -1 takes a free one",
			},
			{
				key: "advertise", kind: text, fields: []string{"Advertise"}, defText: "none",
				check: isHostPort, allowed: `"host" or "host:port"`,
				doc: "Address that the other servers of a cluster, of which there are none yet, tell their clients; shown in /varz",
			},
			{
				key: "no_tls", kind: boolean, fields: []string{"NoTLS"},
				doc: "Do without TLS, which is asked for otherwise",
			},
			{
				key: "tls", kind: block, fields: []string{"TLS"}, reloadable: true, block: tlsSettings(),
				doc: "TLS of this listener",
			},
			{
				key: "same_origin", kind: boolean, fields: []string{"SameOrigin"},
				doc: "Take only browsers whose page came from this host and port",
			},
			{
				key: "allowed_origins", kind: list, fields: []string{"AllowedOrigins"}, defText: "all",
				aliases: []string{"allowed_origin", "allow_origins", "allow_origin", "origins", "origin"},
				doc:     "Take only browsers whose page came from there",
				elem:    &setting{kind: text, check: isOrigin, allowed: `an address such as "https://example.com"`},
			},
			{
				key: "compression", aliases: []string{"compress"}, kind: boolean, fields: []string{"Compression"},
				doc: "Offer permessage-deflate",
			},
			{
				key: "handshake_timeout", kind: duration, fields: []string{"HandshakeTimeout"}, seconds: true,
				def: 2 * time.Second, min: 1, max: maxDuration,
				doc: "Time the upgrade may take",
			},
			{
				key: "headers", kind: dict, fields: []string{"Headers"}, defText: "none",
				doc: "Headers added to the answer to the upgrade, by their names",
			},
			cookie("jwt_cookie", "JWTCookie", "JWT"),
			cookie("user_cookie", "UsernameCookie", "user"),
			cookie("pass_cookie", "PasswordCookie", "password"),
			cookie("token_cookie", "TokenCookie", "token"),
			{
				key: "no_auth_user", kind: text, fields: []string{"NoAuthUser"}, defText: "no_auth_user",
				doc: "User that a client without credentials is here",
			},
			{
				key: "authorization", aliases: []string{"authentication"}, kind: block,
				doc: "Who may connect here, in place of the user or token of the client listener",
				block: []setting{
					{
						key: "user", aliases: []string{"username"}, kind: text, fields: []string{"Username"},
						doc: "User that clients must present",
					},
					{
						key: "password", aliases: []string{"pass"}, kind: text, fields: []string{"Password"}, secret: true,
						doc: "Password of the user, plain or as a bcrypt hash",
					},
					{
						key: "token", kind: text, fields: []string{"Token"}, secret: true,
						doc: "Token that clients must present, plain or as a bcrypt hash",
					},
					{
						key: "timeout", kind: duration, fields: []string{"AuthTimeout"}, seconds: true,
						defText: "authorization.timeout", min: 1, max: maxDuration,
						doc: "Time a client has to authenticate",
					},
				},
			},
			{
				key: "ping_interval", kind: duration, fields: []string{"PingInterval"}, defText: "ping_interval",
				min: 1, max: maxDuration,
				doc: "Time between two PINGs to a silent client",
			},
		},
	}}
}

func cookie(key, field, what string) setting {
	return setting{
		key: key, kind: text, fields: []string{field}, defText: "none",
		doc: "Cookie whose value stands for the " + what + " that a CONNECT does not name",
	}
}

// cipherSuites are the names of all that Go has.
func cipherSuites() []string {
	var names []string
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		names = append(names, s.Name)
	}
	return names
}

// isInsecureSuite reports whether Go calls a cipher suite insecure.
func isInsecureSuite(name string) bool {
	return slices.ContainsFunc(tls.InsecureCipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
}

// curves are the names of those that Go has and nats-server takes.
func curves() []string {
	ids := []tls.CurveID{
		tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
		tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return names
}

func isSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}
