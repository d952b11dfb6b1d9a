package lua

import (
	"strings"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

// Globals declares what scripts have without require: a module for each table,
// and one with an empty name for the rest. The reference and the stub for
// editors are made of it.
func Globals() []*library.Module { return []*library.Module{globalModule(), hookModule(), logModule()} }

// globalModule declares the functions that answer, and the shapes of what
// functions of hooks get and give.
func globalModule() *library.Module {
	reason := []library.Param{{Name: "reason", Type: "string?", Doc: "Why, for the log; the client does not see it."}}
	returns := []library.Param{{Type: "Answer", Doc: "What the function is to return."}}
	return &library.Module{
		Doc: "What every script has.",
		Functions: []library.Function{
			{
				Name:    "allow",
				Doc:     "Answers yes. At connect it says who the client is; at publish and subscribe others may still say no.",
				Params:  []library.Param{{Name: "options", Type: "AllowOptions?", Doc: "Who it is, or for how long the answer holds."}},
				Returns: returns,
				Example: `hook.connect(function(req) return allow{ user = req.user, account = "A" } end)`,
				Do:      allow,
			},
			{
				Name: "deny", Doc: "Answers no: the client is told that it may not.", Params: reason, Returns: returns,
				Example: `hook.publish("admin.>", function(req) return deny("nobody may") end)`,
				Do:      refuse("deny", hooks.Deny),
			},
			{
				Name: "drop", Doc: "Takes a message away without a word to the client; at inspect only.", Params: reason, Returns: returns,
				Example: `hook.inspect(function(msg) if msg.payload == "" then return drop("empty") end end)`,
				Do:      refuse("drop", hooks.Drop),
			},
			{
				Name:    "require",
				Doc:     "Returns a library or a module of the script's folder: \"a.b\" is a/b.lua. At the top level only.",
				Params:  []library.Param{{Name: "name", Type: "string", Doc: "Its name."}},
				Returns: []library.Param{{Type: "any", Doc: "What the module returns."}},
			},
		},
		Constants: []library.Constant{
			{Name: "config", Type: "table<string, any>", Doc: "The config of the hook in the configuration of the server. It is read-only."},
		},
		Types: globalTypes(),
	}
}

func globalTypes() []library.Type {
	return append([]library.Type{
		document("ConnectRequest", "What a client says that wants to connect. What it does not present is nil.", connectFields),
		document("Request", "A message before it is accepted, at rewrite and publish.", requestFields),
		document("SubscribeRequest", "A subscription before it is accepted.", subscribeFields),
		document("Message", "A message that is accepted, at inspect. What is assigned to payload and headers changes it.", messageFields),
		document("Event", "Something that has happened.", eventFields),
		document("Client", "A connection. It is read-only.", clientFields),
		{Name: "TLS", Doc: "What a certificate says.", Fields: []library.Param{
			{Name: "version", Type: "string", Doc: "Of TLS: 1.2 or 1.3."},
			{Name: "common_name", Type: "string", Doc: "The common name of its subject."},
			{Name: "dns_names", Type: "string[]", Doc: "The host names that it is for."},
			{Name: "uris", Type: "string[]", Doc: "The URIs that it is for."},
			{Name: "fingerprint", Type: "string", Doc: "The SHA-256 of the certificate in hexadecimal, lower case."},
		}},
		{Name: "Headers", Doc: "The headers of a message, by name in any case. At inspect a text that is assigned takes the place of all values, and nil takes them away.", Fields: []library.Param{
			{Name: "[string]", Type: "string?", Doc: "The first value."},
			{Name: "all", Type: "fun(self: Headers, name: string): string[]", Doc: "All values of a header, in order."},
			{Name: "names", Type: "fun(self: Headers): string[]", Doc: "The names that there are, each once, in order."},
		}},
		{Name: "Answer", Doc: "What allow, deny and drop return. It can only be returned."},
		{Name: "AllowOptions", Doc: "What allow takes. All but ttl and no_cache are for connect.", Fields: []library.Param{
			{Name: "user", Type: "string?", Doc: "The user that the client is."},
			{Name: "account", Type: "string?", Doc: "The account that it is in."},
			{Name: "permissions", Type: "Permissions?", Doc: "What it may do. Without them there is no bound."},
			{Name: "limits", Type: "Limits?", Doc: "Further bounds."},
			{Name: "tags", Type: "table<string, string>?", Doc: "What later hooks find in client.tags; at most 64."},
			{Name: "expires", Type: "number?", Doc: "When the connection is to end, in Unix seconds, as in the exp of a JWT."},
			{Name: "ttl", Type: "number?", Doc: "At connect: in how many seconds the connection is to end, in place of expires. Elsewhere: for how many seconds the answer may be kept at most."},
			{Name: "no_cache", Type: "boolean?", Doc: "The answer is not to be kept."},
		}},
		{Name: "Limits", Doc: "Bounds of a connection, beyond those of the server.", Fields: []library.Param{
			{Name: "subscriptions", Type: "integer?", Doc: "How many subscriptions it may have."},
			{Name: "payload", Type: "integer?", Doc: "How many bytes a message may have."},
		}},
		{Name: "HookOptions", Doc: "What the functions of hook take last.", Fields: []library.Param{
			{Name: "accounts", Type: "string|string[]?", Doc: "The accounts that are concerned; all if they are not given."},
			{Name: "cache", Type: "CacheOptions?", Doc: "Answers are kept; at rewrite, publish and subscribe."},
			{Name: "max_payload", Type: "integer?", Doc: "The most bytes of a message that the function takes; a larger one is a failure. At rewrite, publish and inspect."},
		}},
		{Name: "CacheOptions", Doc: "How answers are kept. One for which the function looked at more than by says is not kept.", Fields: []library.Param{
			{Name: "by", Type: "string|string[]", Doc: "What an answer depends on: user, account, client, name, host, kind, subject, reply, queue, tags.NAME, header.NAME."},
			{Name: "ttl", Type: "number?", Doc: "For how many seconds an answer is kept; not at all if it is not given."},
			{Name: "negative_ttl", Type: "number?", Doc: "The same for a deny."},
		}},
	}, library.PermissionTypes()...)
}

// hookModule declares hook.
func hookModule() *library.Module {
	subjects := library.Param{Name: "subjects", Type: "string|string[]", Doc: "Patterns of the subjects that are concerned; it may be left out for all."}
	options := library.Param{Name: "options", Type: "HookOptions?"}
	at := func(p hooks.Point, doc, example string, params ...library.Param) library.Function {
		return library.Function{Name: p.String(), Doc: doc, Params: params, Example: example, Do: register(p)}
	}
	fn := func(typ string) library.Param {
		return library.Param{Name: "fn", Type: typ, Doc: "The function that is asked."}
	}
	return &library.Module{
		Name: "hook",
		Doc:  "Registers functions, at the top level of a script. Nil from a function has no opinion; what it cannot return is a failure, for which on_error decides.",
		Functions: []library.Function{
			at(hooks.AtConnect, "Registers a function that says who may connect, and as whom. One hook must allow.",
				`hook.connect(function(req) if req.token ~= config.token then return deny("wrong token") end return allow{ user = "app", account = "A" } end)`,
				fn("fun(req: ConnectRequest): Answer?")),
			at(hooks.AtRewrite, "Registers a function that gives messages another subject, before permissions are looked at.",
				`hook.rewrite("dev.>", function(req) return "t." .. req.client.account .. "." .. req.subject end)`,
				subjects, fn("fun(req: Request): string|Answer?"), options),
			at(hooks.AtPublish, "Registers a function that may refuse messages which permissions allow.",
				`hook.publish("orders.>", function(req) if req.client.user == "guest" then return deny("guests only read") end end)`,
				subjects, fn("fun(req: Request): Answer?"), options),
			at(hooks.AtSubscribe, "Registers a function that may refuse subscriptions which permissions allow.",
				`hook.subscribe(">", function(req) if not req.queue then return deny("in a queue group only") end end)`,
				subjects, fn("fun(req: SubscribeRequest): Answer?"), options),
			at(hooks.AtInspect, "Registers a function that looks at messages, and may change or drop them.",
				`hook.inspect("orders.>", function(msg) msg.headers["Seen-By"] = "orders" end, { max_payload = 65536 })`,
				subjects, fn("fun(msg: Message): Answer?"), options),
			at(hooks.AtEvent, "Registers a function that is told of what has happened.",
				`hook.event("disconnect", function(ev) log.info("a client left", { reason = ev.reason }) end)`,
				library.Param{Name: "types", Type: "string|string[]", Doc: strings.Join(hooks.EventTypes(), ", ") + "; it may be left out for all."},
				fn("fun(ev: Event)"), options),
			{
				Name: "version", Doc: "Says which version of the script this is, for metrics.",
				Params:  []library.Param{{Name: "version", Type: "string", Doc: "1 to 64 bytes."}},
				Example: `hook.version("1.2")`, Do: setVersion,
			},
		},
	}
}
