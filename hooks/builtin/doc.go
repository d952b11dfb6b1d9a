// Package builtin holds the hooks that the broker ships itself, so that the
// commonest wishes need no code. They are engines like those of scripts and
// plugins, and an example for whoever writes one in Go.
//
//   - stamp ([Stamp]) overwrites headers of messages with what the broker knows of
//     the sender, so that receivers can trust them.
//   - ratelimit ([RateLimit]) holds back who publishes, subscribes or connects too
//     fast, by token buckets.
//
// [Open] makes an engine of its name and settings, as a configuration has them,
// and takes the state of the one that it replaces. From Go there are [NewStamp]
// and [NewRateLimit]. Settings, with all keys:
//
//	stamp {
//	  fields: [user, account, client, name, host, kind, time, unix_nano]
//	  headers: { user: "Sent-By", time: "Sent-At" }   # instead of Moonwire-User, Moonwire-Time
//	  subjects: ["orders.>"]
//	}
//
//	ratelimit {
//	  rules: [
//	    { by: user, rate: 1000, burst: 2000, bytes: "1MB", bytes_burst: "4MB" }
//	    { by: [account, subject], rate: 10, action: drop, subjects: ["status.>"] }
//	    { by: client, rate: 5000, action: delay, max_delay: "500ms" }
//	    { at: connect, by: host, rate: 0.5, burst: 20 }
//	    { at: subscribe, by: client, rate: 100 }
//	  ]
//	  max_buckets: 100000
//	  admit: false
//	}
//
// What all keys mean, and their defaults, stands with [StampOptions],
// [RateLimitOptions] and [RateRule]. A hook that delays needs more time than the
// 50ms that hooks have: its timeout is set in the hook's own configuration.
//
// Where to find what:
//
//	builtin.go           names, and Open
//	settings.go          settings of a configuration, and what is wrong with them
//	stamp.go, header.go  the hook, and blocks of headers
//	ratelimit.go         the hook; rule.go: one rule; bucket.go: how tokens are
//	                     counted; store.go: the buckets of a rule
//
// Who owns what: options are the caller's and copied; a [Stamp] keeps the lines of
// a client with the client; the buckets of a rule belong to all engines of one hook
// together. Locks are those of the shards of buckets only: of several that one call
// needs, those of the older rule are taken first.
package builtin
