package config

import (
	"math"
	"strings"
)

func authTable() []setting {
	return []setting{
		{
			key: authorizationKey, kind: block, reloadable: true, section: sectionAuth,
			doc: "Who may connect: one user with a password, or one token, or users",
			block: []setting{
				{
					key: "user", aliases: []string{"username"}, flags: []string{"user"}, arg: "name", kind: text,
					fields: []string{"Username"},
					doc:    "User that clients must present",
				},
				{
					key: "password", aliases: []string{"pass"}, flags: []string{"pass"}, arg: "password", kind: text,
					fields: []string{"Password"}, secret: true,
					doc: "Password of the user, plain or as a bcrypt hash",
				},
				{
					key: "token", flags: []string{"auth"}, arg: "token", kind: text,
					fields: []string{"Token"}, secret: true,
					doc: "Token that clients must present, plain or as a bcrypt hash",
				},
				{
					key: "timeout", kind: duration, fields: []string{"AuthTimeout"}, seconds: true,
					defText: "2s; with TLS its timeout and 1s", min: 1, max: maxDuration,
					doc: "Time a client has to authenticate",
				},
				usersSetting(),
				permissionsSetting("default_permissions", "default_permission", "permissions").
					saying("DefaultPermissions", "What users without their own permissions may do; default: everything"),
				guarding("auth_callout", "whom the callout refuses could be let in", "auth_hook"),
				guarding("proxy_required", "who does not come through a trusted proxy would be let in"),
			},
		},
		{
			key: "no_auth_user", kind: text, fields: []string{"NoAuthUser"}, defText: "none", reloadable: true,
			section: sectionAuth,
			doc:     "User that a client without credentials is, by name or nkey",
		},
		{
			key: "always_enable_nonce", kind: boolean, fields: []string{"AlwaysEnableNonce"}, section: sectionAuth,
			doc: "Put a nonce into each INFO",
		},
	}
}

// saying names field and documentation of a setting.
func (st setting) saying(field, doc string) setting {
	st.fields, st.doc = []string{field}, doc
	return st
}

func usersSetting() setting {
	return setting{
		key: "users", kind: list, fields: []string{"Users"}, defText: "none",
		doc: "Users, each with a name and password or an nkey",
		elem: &setting{kind: block, block: []setting{
			{
				key: "user", aliases: []string{"username"}, kind: text, fields: []string{"Username"},
				doc: "Name",
			},
			{
				key: "password", aliases: []string{"pass"}, kind: text, fields: []string{"Password"}, secret: true,
				doc: "Password, plain or as a bcrypt hash",
			},
			{
				key: "nkey", kind: text, fields: []string{"Nkey"}, check: isUserKey,
				allowed: `the public nkey of a user, which begins with "U"`,
				doc:     "Public nkey, in place of name and password",
			},
			permissionsSetting("permissions", "permission", "authorization").
				saying("Permissions", "What the user may do; default: the default permissions"),
			{
				key: "allowed_connection_types", aliases: []string{"connection_types", "clients"}, kind: list,
				fields: []string{"ConnectionTypes"}, defText: "all",
				doc:  "Ways in which the user may connect",
				elem: &setting{kind: text, fold: strings.ToUpper, choices: connectionTypes()},
			},
			guarding("proxy_required", "who does not come through a trusted proxy would be let in"),
		}},
	}
}

func connectionTypes() []string {
	return []string{"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"}
}

func permissionsSetting(key string, aliases ...string) setting {
	return setting{
		key: key, aliases: aliases, kind: block,
		block: []setting{
			{
				key: "publish", aliases: []string{"pub", "import"}, kind: block, fields: []string{"Publish"},
				shape: as("allow"),
				doc:   "Subjects that may be published to: one, several, or a block",
				block: rulesSettings(setting{
					kind: text, check: isPattern, allowed: "a subject, which may have wildcards",
				}),
			},
			{
				key: "subscribe", aliases: []string{"sub", "export"}, kind: block, fields: []string{"Subscribe"},
				shape: as("allow"),
				doc:   "Subjects that may be subscribed to, each with a queue behind a blank if it is meant for one",
				block: rulesSettings(setting{
					kind: text, check: isQueuePattern, allowed: "a subject, which may have wildcards, or such a subject, a blank and a queue",
				}),
			},
			{
				key: "allow_responses", aliases: []string{"publish_allow_responses"}, kind: block,
				fields: []string{"Responses"}, shape: responses, allowed: "true, a number of messages, or a block { … }",
				doc: "Allow answers to what the user receives: true, a number of messages, or a block",
				block: []setting{
					{
						key: "max", aliases: []string{"max_msgs", "max_messages", "max_responses"}, kind: integer,
						fields: []string{"Max"}, def: int64(1), min: math.MinInt32, max: math.MaxInt32,
						doc: "Messages to one reply subject; negative is unlimited",
					},
					{
						key: "expires", aliases: []string{"expiration", "ttl"}, kind: duration,
						fields: []string{"Expires"}, def: twoMinutes, min: -maxDuration, max: maxDuration,
						doc: "Time for answers after the request; negative is unlimited",
					},
				},
			},
		},
	}
}

func rulesSettings(subject setting) []setting {
	return []setting{
		{
			key: "allow", kind: list, fields: []string{"Allow"}, elem: &subject, defText: "everything",
			doc: "What is allowed",
		},
		{
			key: "deny", kind: list, fields: []string{"Deny"}, elem: &subject, defText: "nothing",
			doc: "What is not, even if it is allowed",
		},
	}
}
