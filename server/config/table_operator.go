package config

import (
	"math"
	"strings"
)

func operatorTable() []setting {
	return []setting{
		{
			key: "operator", aliases: []string{"operators", "root", "roots", "root_operator", "root_operators"},
			kind: list, fields: []string{"Operators"}, secret: true, defText: "none", section: sectionOperator,
			doc:  "JWTs of operators, or files that hold them: clients authenticate with JWTs then",
			elem: &setting{kind: text},
		},
		{
			key: "trusted_keys", aliases: []string{"trusted"}, kind: list, fields: []string{"TrustedKeys"},
			defText: "none", section: sectionOperator,
			doc: "Public nkeys of operators, in place of their JWTs",
			elem: &setting{
				kind: text, check: isOperatorKey, allowed: `the public nkey of an operator, which begins with "O"`,
			},
		},
		{
			key: "resolver", aliases: []string{"account_resolver", "accounts_resolver"}, kind: block,
			fields: []string{"Resolver"}, shape: resolver, section: sectionOperator,
			doc: "Where the JWTs of accounts come from: MEMORY, URL(…), or a block",
			block: []setting{
				{
					key: "type", kind: text, fields: []string{"Type"}, defText: "none", fold: resolverType, required: true,
					choices: []string{resolverMemory, resolverFromURL, resolverFull, resolverCache},
					doc:     "Kind of resolver",
				},
				{
					key: "url", kind: text, fields: []string{"URL"}, defText: "none", secret: true,
					check: isWebAddress, allowed: "an address with http or https",
					doc: "Where url asks, with the account's key behind it",
				},
				{
					key: "dir", kind: text, fields: []string{"Dir"}, defText: "none",
					doc: "Folder of full and cache",
				},
				{
					key: "allow_delete", kind: boolean, fields: []string{"AllowDelete"},
					doc: "Let an operator delete accounts from full",
				},
				{
					key: "hard_delete", kind: boolean, fields: []string{"HardDelete"},
					doc: "Remove the files of deleted accounts, in place of renaming them",
				},
				{
					key: "interval", kind: duration, fields: []string{"Interval"}, defText: "1m", min: 1, max: maxDuration,
					doc: "Time between two comparisons of full with other servers",
				},
				{
					key: "ttl", kind: duration, fields: []string{"TTL"}, defText: "until the JWT expires",
					min: 1, max: maxDuration,
					doc: "Time for which cache keeps an account",
				},
				{
					key: "limit", kind: integer, fields: []string{"Limit"}, defText: "unlimited; 1000 for cache",
					max: math.MaxInt64,
					doc: "Accounts that the folder holds",
				},
				{
					key: "timeout", kind: duration, fields: []string{"Timeout"}, defText: "1.9s", min: 1, max: maxDuration,
					doc: "Time for a request to url, or to other servers",
				},
			},
		},
		{
			key: "resolver_tls", kind: block, section: sectionOperator,
			doc: "How the resolver asks a URL", fields: []string{"Resolver" + delimiter + "TLS"},
			block: tlsSettings(),
		},
		{
			key: "resolver_preload", kind: list, fields: []string{"ResolverPreload"}, shape: byName("account", "jwt"),
			defText: "none", section: sectionOperator,
			doc: "JWTs of accounts that are known from the start, by the accounts' nkeys",
			elem: &setting{kind: block, block: []setting{
				{
					key: "account", kind: text, fields: []string{"Account"}, required: true, check: isAccountKey,
					allowed: `the public nkey of an account, which begins with "A"`,
					doc:     "Public nkey of the account",
				},
				{
					key: "jwt", kind: text, fields: []string{"JWT"}, required: true, secret: true,
					check: isJWT, allowed: "a JWT",
					doc: "JWT of the account",
				},
			}},
		},
		{
			key: "default_sentinel", kind: text, fields: []string{"DefaultSentinel"}, defText: "none",
			secret: true, section: sectionOperator,
			doc: "Bearer JWT of a client without credentials",
		},
	}
}

// The kinds of resolvers.
const (
	resolverMemory  = "memory"
	resolverFromURL = "url"
	resolverFull    = "full"
	resolverCache   = "cache"
)

func resolverType(s string) string {
	if s = strings.ToLower(s); s == "mem" {
		return resolverMemory
	}
	return s
}
