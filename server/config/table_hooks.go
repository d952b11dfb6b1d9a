package config

import (
	"math"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

func hooksTable() []setting {
	return []setting{{
		key: "hooks", kind: block, fields: []string{"Hooks"}, section: sectionHooks,
		doc: "Scripts and plugins that decide who connects, and what becomes of messages",
		block: []setting{
			{
				key: "scripts_dir", kind: text, fields: []string{"ScriptsDir"}, defText: "none", reloadable: true,
				doc: "Folder whose *.lua files are hooks, in the order of their names; in place of load",
			},
			{
				key: "load", kind: list, fields: []string{"Load"}, defText: "none", reloadable: true,
				doc:  "The hooks, in the order in which they are asked. Paths are relative to the folder of the configuration file",
				elem: &setting{kind: block, block: hookSettings()},
			},
			{
				key: "notify", kind: boolean, fields: []string{"Notify"}, reloadable: true,
				doc: "Answer a request that a hook denies with status 503, as one that nobody listens for",
			},
			{
				key: "reload", kind: block, fields: []string{"Reload"},
				doc:   "When hooks are replaced",
				block: hooksReloadSettings(),
			},
			{
				key: "breaker", kind: block, fields: []string{"Breaker"},
				doc:   "When a hook that fails is left alone",
				block: hooksBreakerSettings(),
			},
			{
				key: "cache", kind: block, fields: []string{"Cache"},
				doc: "Decisions that are kept",
				block: []setting{{
					key: "max_entries", kind: integer, fields: []string{"MaxEntries"}, def: int64(100_000),
					min: 1, max: math.MaxInt32,
					doc: "Decisions for each account that has hooks of its own, and for all others together",
				}},
			},
			{
				key: "decision_log", kind: block, fields: []string{"DecisionLog"},
				doc: "Decisions that are logged",
				block: []setting{
					fractionSetting("sample", "Sample", 0.001, "Part of the decisions that refuse nothing; 0 is none"),
					fractionSetting("denied", "Denied", 1, "Part of those that refuse something, or failed; 0 is none"),
				},
			},
			{
				key: "kv", kind: block, fields: []string{"KV"},
				doc: "Values that scripts share",
				block: []setting{
					{
						key: "max_entries", kind: integer, fields: []string{"MaxEntries"}, def: int64(100_000),
						min: 1, max: math.MaxInt32,
						doc: "How many there may be; those that were not used for longest go",
					},
					{
						key: "max_bytes", kind: size, unit: "bytes", fields: []string{"MaxBytes"}, def: int64(64 << 20),
						min: 1, max: math.MaxInt64,
						doc: "What keys and values may take",
					},
				},
			},
			{
				key: "http", kind: block, fields: []string{"HTTP"},
				doc: "What scripts may ask over HTTP",
				block: []setting{
					{
						key: "allow", kind: list, fields: []string{"Allow"}, elem: hostSetting(),
						defText: "all but link-local networks",
						doc:     "Hosts and networks that they may",
					},
					{
						key: "deny", kind: list, fields: []string{"Deny"}, elem: hostSetting(), defText: "none",
						doc: "Hosts and networks that they may not, even if allowed",
					},
					{
						key: "ca", kind: text, fields: []string{"CAFile"}, defText: "none",
						doc: "File with certificates of authorities to trust besides those of the system",
					},
				},
			},
		},
	}}
}

// hookSettings are the keys of one hook.
func hookSettings() []setting {
	return append([]setting{
		{
			key: "name", kind: text, fields: []string{"Name"}, required: true,
			check: isHookName, allowed: `a name of letters, digits, "_", "-" and "."`,
			doc: "Name in logs and metrics",
		},
		{
			key: "lua", kind: text, fields: []string{"Lua"}, defText: "none",
			doc: "File of a script",
		},
		{
			key: "plugin", kind: text, fields: []string{"Plugin"}, defText: "none",
			doc: "File of a program",
		},
		{
			key: "builtin", kind: text, fields: []string{"Builtin"}, defText: "none",
			check: isHookName, allowed: `a name of letters, digits, "_", "-" and "."`,
			doc: "Name of a hook that the broker brings",
		},
		{
			key: "config", aliases: []string{"settings"}, kind: freeform, fields: []string{"Config"}, defText: "none", secret: true,
			doc: "Settings of its own, with any keys",
		},
		{
			key: "mode", kind: text, fields: []string{"Mode"}, shape: offWord, choices: []string{"enforce", "shadow", "off"},
			def: "enforce",
			doc: "Do what the hook says, or only count and log it, or do not ask",
		},
		{
			key: "on_error", kind: block, fields: []string{"OnError"}, shape: as("default"),
			doc:   "What becomes of a call that the hook fails for: one word, or a block with one for each point",
			block: perPoint(onErrorSetting),
		},
		{
			key: "timeout", kind: block, fields: []string{"Timeout"}, shape: as("default"),
			doc:   "Time the hook may take: one duration, or a block with one for each point",
			block: perPoint(timeoutSetting),
		},
		{
			key: "limits", kind: block, fields: []string{"Limits"},
			doc: "What the hook may use",
			block: []setting{
				{
					key: "instructions", kind: integer, fields: []string{"Instructions"}, defText: "1000000",
					min: 1, max: math.MaxInt64,
					doc: "Instructions of a script for one call",
				},
				{
					key: "memory", kind: size, unit: "bytes", fields: []string{"Memory"}, defText: "8 MiB of scripts",
					min: 1, max: math.MaxInt64,
					doc: "Memory of a script for one call, or of the process of a plugin",
				},
				{
					key: "vms", kind: integer, fields: []string{"VMs"}, defText: "one for each processor", max: math.MaxUint16,
					doc: "Calls that a script decides at one time",
				},
				{
					key: "blocking_vms", kind: integer, fields: []string{"BlockingVMs"}, defText: "32", max: math.MaxUint16,
					doc: "The same for calls that may wait for something: at connect, and events",
				},
			},
		},
		{
			key: "accounts", kind: list, fields: []string{"Accounts"}, defText: "all",
			elem: &setting{kind: text, check: isWord, allowed: "a name without blanks"},
			doc:  "Accounts that the hook is narrowed to; not of hooks that decide who connects",
		},
		{
			key: "subjects", kind: list, fields: []string{"Subjects"}, defText: "all",
			elem: &setting{kind: text, check: isPattern, allowed: "a subject, which may have wildcards"},
			doc:  "Subjects that the hook is narrowed to",
		},
		{
			key: "final", kind: boolean, fields: []string{"Final"},
			doc: "Let no hook be asked behind this one when it allows",
		},
	}, pluginSettings()...)
}

// pluginSettings are those keys of a hook that only plugins have.
func pluginSettings() []setting {
	return []setting{
		{
			key: "args", kind: list, fields: []string{"Args"}, elem: &setting{kind: text}, defText: "none",
			doc: "Arguments of a plugin",
		},
		{
			key: "watch", kind: list, fields: []string{"Watch"}, elem: &setting{kind: text}, defText: "none",
			doc: "Files that a plugin is made of beside its program: it is replaced when one of them changes",
		},
		{
			key: "env", kind: dict, fields: []string{"Env"}, defText: "none", secret: true,
			doc: "Variables of a plugin's environment; of the broker's it has PATH, HOME, TMPDIR, LANG and TZ alone",
		},
		{
			key: "sha256", kind: text, fields: []string{"SHA256"}, defText: "any", fold: strings.ToLower,
			check: isSHA256, allowed: "64 hexadecimal digits",
			doc: "Sum that a plugin's program must have",
		},
		{
			key: "mtls", kind: boolean, fields: []string{"NoMTLS"}, negated: true,
			doc: "Speak with a plugin over TLS, both sides with a certificate",
		},
		{
			key: "window", kind: integer, fields: []string{"Window"}, defText: "2", min: 1, max: 256,
			doc: "Batches to a plugin that may be unanswered",
		},
		{
			key: "batch", kind: block, fields: []string{"Batch"},
			doc: "What goes to a plugin at once",
			block: []setting{
				{
					key: "max", kind: integer, fields: []string{"Max"}, defText: "256", min: 1, max: math.MaxUint16,
					doc: "Calls",
				},
				{
					key: "bytes", kind: size, unit: "bytes", fields: []string{"Bytes"}, defText: "256 KiB",
					min: 1, max: 64 << 20,
					doc: "Bytes, unless one call has more",
				},
			},
		},
		{
			key: "restart", kind: block, fields: []string{"Restart"},
			doc: "Wait before a plugin that has ended is started again",
			block: []setting{
				{
					key: "min", kind: duration, fields: []string{"Min"}, defText: "100ms", min: 1, max: maxDuration,
					doc: "At first",
				},
				{
					key: "max", kind: duration, fields: []string{"Max"}, defText: "30s", min: 1, max: maxDuration,
					doc: "At most",
				},
			},
		},
		{
			key: "attach", kind: text, fields: []string{"Attach"}, defText: "none",
			doc: "Unix socket of a plugin that was started by hand, to look for mistakes; needs mtls: false",
		},
	}
}

func hooksReloadSettings() []setting {
	return []setting{
		{
			key: "watch", kind: boolean, fields: []string{"NoWatch"}, negated: true, reloadable: true,
			doc: "Replace a hook when one of its files changes",
		},
		{
			key: "require_tests", kind: boolean, fields: []string{"RequireTests"}, reloadable: true,
			doc: "Run the tests of a script first, and keep it out when they fail",
		},
		{
			key: "probation", kind: duration, fields: []string{"Probation"}, def: 30 * time.Second,
			min: -maxDuration, max: maxDuration,
			doc: "Time in which the old one comes back when the new one fails much more; negative is none",
		},
	}
}

func hooksBreakerSettings() []setting {
	threshold := fractionSetting("threshold", "Threshold", 0.5, "Part of the calls that may fail; 1 never leaves a hook alone")
	threshold.remap = nil
	return []setting{
		threshold,
		{
			key: "min_calls", kind: integer, fields: []string{"MinCalls"}, def: int64(20), min: 1, max: math.MaxInt32,
			doc: "Calls that there must be for that; the messages that a hook is asked about at one time are one",
		},
		{
			key: "window", kind: duration, fields: []string{"Window"}, def: 10 * time.Second, min: 1, max: maxDuration,
			doc: "Time in which they are counted",
		},
		{
			key: "cooldown", kind: duration, fields: []string{"Cooldown"}, def: 5 * time.Second, min: 1, max: maxDuration,
			doc: "Time for which the hook is left alone",
		},
	}
}

// fractionSetting declares a part of 1, of which a file may say 0 for none.
func fractionSetting(key, field string, def float64, doc string) setting {
	return setting{
		key: key, kind: fraction, fields: []string{field}, def: def, remap: map[int64]int64{0: -1},
		allowed: "a number from 0 to 1", doc: doc,
	}
}

// perPoint declares a key for each point that a hook is asked at, and one for
// those that have none.
func perPoint(declare func(key, field, doc string) setting) []setting {
	return []setting{
		declare("default", "Default", "At points that are not named"),
		declare("connect", "Connect", "When a client connects"),
		declare("rewrite", "Rewrite", "When the subject of a message is given another"),
		declare("publish", "Publish", "When a message is published"),
		declare("subscribe", "Subscribe", "When a client subscribes"),
		declare("inspect", "Inspect", "When the message is looked at"),
	}
}

func onErrorSetting(key, field, doc string) setting {
	st := setting{
		key: key, kind: text, fields: []string{field}, choices: []string{"deny", "allow", "skip"}, defText: "as default",
		doc: doc,
	}
	switch key {
	case "default":
		st.defText = "deny"
	case "inspect":
		st.choices, st.defText = append(st.choices, "drop"), "as default; drop"
	}
	return st
}

func timeoutSetting(key, field, doc string) setting {
	st := setting{
		key: key, kind: duration, fields: []string{field}, defText: "as default", min: 1, max: maxDuration,
		doc: doc,
	}
	switch key {
	case "default":
		st.defText = "50ms"
	case "connect":
		st.defText = "as default; 1s"
	}
	return st
}

func hostSetting() *setting {
	return &setting{
		kind: text, check: isHostRule, allowed: `a host, "*.domain", an address or a network such as "10.0.0.0/8"`,
	}
}

// offWord makes false, which is what the word off means in a NATS file, that
// word again.
func offWord(n *node) *node {
	if n.value == false {
		return n.with("off")
	}
	return n
}

var (
	hookName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	hostRule = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
)

func isHookName(s string) bool { return hookName.MatchString(s) }

// isHostRule reports whether s says which hosts or networks are meant.
func isHostRule(s string) bool {
	if strings.Contains(s, "/") {
		_, err := netip.ParsePrefix(s)
		return err == nil
	}
	_, err := netip.ParseAddr(s)
	return err == nil || hostRule.MatchString(s)
}
