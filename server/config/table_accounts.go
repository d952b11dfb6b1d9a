package config

import (
	"math"
	"strings"
	"time"
)

const twoMinutes = 2 * time.Minute

func accountsTable() []setting {
	return []setting{
		{
			key: "accounts", kind: list, fields: []string{"Accounts"}, shape: names("name"), defText: "none",
			reloadable: true, section: sectionAccounts,
			doc: "Isolated spaces of subjects, by their names",
			elem: &setting{kind: block, block: []setting{
				{
					key: "name", kind: text, fields: []string{"Name"}, required: true, check: isAccountName,
					allowed: "a name without blanks, and not $G",
					doc:     "Name, where accounts are a list",
				},
				{
					key: "nkey", kind: text, fields: []string{"Nkey"}, check: isAccountKey,
					allowed: `the public nkey of an account, which begins with "A"`,
					doc:     "Public nkey, for monitoring",
				},
				usersSetting(),
				permissionsSetting("default_permissions").
					saying("DefaultPermissions", "What its users without their own permissions may do; default: everything"),
				exportsSetting(),
				importsSetting(),
				mappingsSetting().saying("Mappings", "Subjects that messages get in place of others"),
				{
					key: "limits", kind: block, fields: []string{"Limits"},
					doc: "What its connections may do",
					block: []setting{
						limit("max_connections", "MaxConnections", "Connections at one time", "max_conn"),
						limit("max_subscriptions", "MaxSubscriptions", "Subscriptions of one connection", "max_subs"),
						limit("max_payload", "MaxPayload", "Bytes of one message", "max_pay"),
						{
							key: "max_leafnodes", aliases: []string{"max_leafs"}, kind: integer, fields: []string{"MaxLeafnodes"},
							defText: "unlimited", min: -1, max: math.MaxInt32,
							doc: "Leaf nodes at one time, of which there are none yet",
						},
					},
				},
				missing("jetstream", "streams"),
				missing("msg_trace", "traces of messages that carry a traceparent", "trace_dest"),
			}},
		},
		{
			key: "system_account", aliases: []string{"system"}, kind: text, fields: []string{"SystemAccount"},
			defText: "$SYS; in operator mode that of the operator", section: sectionAccounts,
			doc: "Account for the server's own messages",
		},
		mappingsSetting().saying("Mappings", "Subjects that messages of users without an account get in place of others").
			inSection(sectionAccounts),
	}
}

func (st setting) inSection(s section) setting {
	st.section, st.reloadable = s, true
	return st
}

// limit declares a limit of an account.
func limit(key, field, doc string, aliases ...string) setting {
	return setting{
		key: key, aliases: aliases, kind: integer, fields: []string{field}, defText: "unlimited",
		min: -1, max: math.MaxInt32, nonzero: true, doc: doc + "; -1 is unlimited",
	}
}

// What exports and imports take and do not do.
const (
	lacksLatency = "has no effect yet: nothing is measured or published"
	lacksTrace   = "has no effect yet: messages are not traced"
)

func exportsSetting() setting {
	return setting{
		key: "exports", kind: list, fields: []string{"Exports"}, defText: "none",
		doc: "What others may import",
		elem: &setting{kind: block, block: []setting{
			{
				key: "stream", kind: text, fields: []string{"Subject"}, sets: map[string]any{"Service": false},
				check: isPattern, allowed: "a subject, which may have wildcards",
				doc: "Messages on this subject",
			},
			{
				key: "service", kind: text, fields: []string{"Subject"}, sets: map[string]any{"Service": true},
				check: isPattern, allowed: "a subject, which may have wildcards",
				doc: "Answers to requests on this subject",
			},
			{
				key: "accounts", kind: list, fields: []string{"Accounts"}, defText: "all", elem: &setting{kind: text},
				doc: "Those that may import it",
			},
			{
				key: "account_token_position", kind: integer, fields: []string{"TokenPosition"}, defText: "none",
				max: math.MaxUint8,
				doc: "Token of the subject, counted from 1, that must be the name of the importing account",
			},
			{
				key: "response_type", aliases: []string{"response"}, kind: text, fields: []string{"ResponseType"},
				fold: responseType, choices: []string{singleton, "stream", "chunked"}, defText: singleton,
				doc: "How a service answers",
			},
			{
				key: "response_threshold", aliases: []string{"threshold", "response_max_time", "response_time"},
				kind: duration, fields: []string{"ResponseThreshold"}, defText: "2m", min: 1, max: maxDuration,
				doc: "Time a service may take",
			},
			{
				key: "latency", kind: block, fields: []string{"Latency"}, shape: latency, lacks: lacksLatency,
				doc: "Where to publish the time that requests took: a subject, or a block. Nothing is measured yet",
				block: []setting{
					{
						key: "sampling", kind: integer, unit: "percent", fields: []string{"Sampling"}, shape: sampling,
						defText: "100", min: 1, max: 100,
						doc: `Requests that are measured; "headers" are those with a header that asks for it`,
					},
					{
						key: "subject", kind: text, fields: []string{"Subject"}, required: true,
						check: isLiteral, allowed: "a subject without wildcards",
						doc: "Where it is published",
					},
				},
			},
			{
				key: "allow_trace", kind: boolean, fields: []string{"AllowTrace"}, lacks: lacksTrace,
				doc: "Let message traces pass to a service. Messages are not traced yet",
			},
		}},
	}
}

// singleton is the response type of a service that answers once.
const singleton = "singleton"

func responseType(s string) string {
	switch s = strings.ToLower(s); s {
	case "single":
		return singleton
	case "chunk":
		return "chunked"
	}
	return s
}

func importsSetting() setting {
	source := []setting{
		{
			key: "account", kind: text, fields: []string{"Account"}, required: true,
			doc: "Account that exports it",
		},
		{
			key: "subject", kind: text, fields: []string{"Subject"}, required: true,
			check: isPattern, allowed: "a subject, which may have wildcards",
			doc: "Subject there",
		},
	}
	return setting{
		key: "imports", kind: list, fields: []string{"Imports"}, defText: "none",
		doc: "What is taken from others",
		elem: &setting{kind: block, block: []setting{
			{
				key: "stream", kind: block, sets: map[string]any{"Service": false}, block: source,
				doc: "Messages come from there",
			},
			{
				key: "service", kind: block, sets: map[string]any{"Service": true}, block: source,
				doc: "Requests go there",
			},
			{
				key: "to", kind: text, fields: []string{"To"}, defText: "the same",
				check: isPattern, allowed: "a subject, which may have wildcards",
				doc: "Subject here",
			},
			{
				key: "prefix", kind: text, fields: []string{"Prefix"}, defText: "none",
				check: isPrefix, allowed: "tokens without wildcards",
				doc: "What stands before the subject of a stream here",
			},
			{
				key: "share", kind: boolean, fields: []string{"Share"},
				doc: "Tell the service who asks",
			},
			{
				key: "allow_trace", kind: boolean, fields: []string{"AllowTrace"}, lacks: lacksTrace,
				doc: "Let message traces pass from a stream. Messages are not traced yet",
			},
		}},
	}
}

func mappingsSetting() setting {
	return setting{
		key: "mappings", aliases: []string{"maps"}, kind: list, shape: byName("source", "destinations"), defText: "none",
		elem: &setting{kind: block, block: []setting{
			{
				key: "source", kind: text, fields: []string{"Source"}, required: true,
				check: isPattern, allowed: "a subject, which may have wildcards",
				doc: "Subject that is published to",
			},
			{
				key: "destinations", kind: list, fields: []string{"Destinations"}, shape: destinations, required: true,
				doc: "Subject that messages get, or several with weights",
				elem: &setting{kind: block, block: []setting{
					{
						key: "destination", aliases: []string{"dest"}, kind: text, fields: []string{"Subject"}, required: true,
						doc: "Subject, with wildcards of the source as $1 or {{wildcard(1)}}",
					},
					{
						key: "weight", kind: integer, unit: "percent", fields: []string{"Weight"}, shape: percent,
						required: true, max: 100,
						doc: "Messages that get it",
					},
					{
						key: "cluster", kind: text, fields: []string{"Cluster"}, defText: "everywhere",
						doc: "Cluster in which it counts",
					},
				}},
			},
		}},
	}
}
