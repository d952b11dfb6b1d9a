package hooktool

import (
	"moonwire/hooks"
	"moonwire/hooks/lua/library"
)

// testModule declares the functions of tests, for the reference and the stub.
func testModule() *library.Module { return (*trial)(nil).library() }

func (t *trial) library() *library.Module {
	param := func(name, typ, doc string) library.Param { return library.Param{Name: name, Type: typ, Doc: doc} }
	resultOf := []library.Param{param("", "Outcome", "What came of it.")}
	return &library.Module{
		Doc: "What files of tests have. Each test has a script of its own, freshly loaded, a clock that stands still, and no network.",
		Functions: []library.Function{
			{
				Name: "test", Doc: "Declares a test, at the top level of the file. It passes if the function returns.",
				Params: []library.Param{param("name", "string", "What is so if it passes."), param("fn", "fun()", "The test.")},
				Do:     t.declare,
			},
			{
				Name: "settings", Doc: "Gives the script its config. Before anything else in a test.",
				Params: []library.Param{param("config", "table<string, any>", "As in the configuration of the server.")},
				Do:     t.configure,
			},
			{
				Name: "connect", Doc: "Has a client connect. Without a hook for that it becomes who it says it is.",
				Params:  []library.Param{param("request", "TestConnect?", "What it presents.")},
				Returns: resultOf, Do: t.connect,
			},
			{
				Name: "client", Doc: "Is a client that was let in already, without asking the script.",
				Params:  []library.Param{param("identity", "TestIdentity?", "Who it is.")},
				Returns: []library.Param{param("", "TestClient", "The client.")}, Do: t.admitted,
			},
			{
				Name: "event", Doc: "Tells the script of an event, and waits until it has heard of it.",
				Params: []library.Param{
					param("type", "string", "connect, disconnect, subscribe, unsubscribe, slow_consumer, auth_error, reload."),
					param("fields", "TestEvent?", "What it is about."),
				},
				Returns: resultOf, Do: t.event,
			},
			{
				Name: "advance", Doc: "Moves the clock of the script.",
				Params: []library.Param{param("seconds", "number", "By how much.")}, Do: t.advance,
			},
			{
				Name: "http_answer", Doc: "Says what the network answers to a URL. Of several that fit the newest counts.",
				Params: []library.Param{
					param("url", "string", "The URL, or the beginning of one and a *."),
					param("answer", "TestAnswer", "What is answered."),
				},
				Do: t.answerHTTP,
			},
			{
				Name: "http_requests", Doc: "Returns the requests that the script has made.",
				Returns: []library.Param{param("", "TestRequest[]", "In their order.")}, Do: t.requests,
			},
			{
				Name: "fixture", Doc: "Returns the content of a file in the folder testdata beside the test.",
				Params:  []library.Param{param("name", "string", "The path below testdata.")},
				Returns: []library.Param{param("", "string", "The content.")}, Do: t.fixture,
			},
			{
				Name: "logs", Doc: "Returns what the script has logged, as \"level: message key=value\".",
				Returns: []library.Param{param("", "string[]", "The lines.")}, Do: t.logs,
			},
			{
				Name: "acts", Doc: "Returns what the script did to connections by the library clients, as \"disconnect user bob: reason\".",
				Returns: []library.Param{param("", "string[]", "The acts.")}, Do: t.acts,
			},
			{
				Name: "assert_allowed", Doc: "Fails unless an action was allowed, and the script did not fail.",
				Params: []library.Param{param("outcome", "Outcome", "Of the action.")}, Do: t.assertAllowed,
			},
			{
				Name: "assert_denied", Doc: "Fails unless an action was denied, by the script or by permissions. A script that failed did not deny.",
				Params: []library.Param{param("outcome", "Outcome", "Of the action."), param("reason", "string?", "A text that the reason contains.")},
				Do:     t.assertRefused("assert_denied", hooks.Deny, "denied"),
			},
			{
				Name: "assert_dropped", Doc: "Fails unless a message was dropped.",
				Params: []library.Param{param("outcome", "Outcome", "Of the action."), param("reason", "string?", "A text that the reason contains.")},
				Do:     t.assertRefused("assert_dropped", hooks.Drop, "dropped"),
			},
			{
				Name: "assert_failed", Doc: "Fails unless the script failed: then on_error decides.",
				Params: []library.Param{param("outcome", "Outcome", "Of the action."), param("error", "string?", "A text that the error contains.")},
				Do:     t.assertFailed,
			},
			{
				Name: "assert_delivered", Doc: "Fails unless a message was allowed and reaches subscribers of a pattern.",
				Params: []library.Param{param("outcome", "Outcome", "Of the publish."), param("pattern", "string", "Of a subscription.")},
				Do:     t.assertDelivered,
			},
			{
				Name: "assert_equal", Doc: "Fails unless two values are equal; tables are if all in them is.",
				Params: []library.Param{param("got", "any", "What there is."), param("want", "any", "What there should be."), param("message", "string?", "What is compared.")},
				Do:     t.assertEqual,
			},
			{
				Name: "assert_true", Doc: "Fails if a value is nil or false.",
				Params: []library.Param{param("value", "any", "The value."), param("message", "string?", "What it says.")}, Do: t.assertTrue,
			},
		},
		Types: []library.Type{
			{Name: "TestConnect", Doc: "What a client presents.", Fields: []library.Param{
				param("user", "string?", ""), param("password", "string?", ""), param("token", "string?", ""), param("jwt", "string?", ""),
				param("nkey", "string?", ""), param("signature", "string?", ""), param("nonce", "string?", ""),
				param("name", "string?", ""), param("lang", "string?", ""), param("version", "string?", ""),
				param("host", "string?", "127.0.0.1 if it is not given."), param("kind", "string?", "STANDARD if it is not given."),
				param("tls", "TLS?", ""),
			}},
			{Name: "TestIdentity", Doc: "Who a client is.", Fields: []library.Param{
				param("user", "string?", ""), param("account", "string?", "$G if it is not given."), param("tags", "table<string, string>?", ""),
				param("permissions", "Permissions?", ""), param("name", "string?", ""), param("host", "string?", ""), param("kind", "string?", ""),
			}},
			{Name: "TestClient", Doc: "A client of a test.", Fields: []library.Param{
				param("user", "string", ""), param("account", "string", ""), param("tags", "table<string, string>", ""),
				param("expires", "number?", "When the connection is to end, in Unix seconds."), param("limits", "Limits", "Bounds that the script has set."),
				param("publish", "fun(self, subject: string, payload: string?, options: TestMessage?): Outcome", "Publishes a message."),
				param("subscribe", "fun(self, subject: string, queue: string?): Outcome", "Subscribes."),
			}},
			{Name: "TestMessage", Doc: "What a message has besides.", Fields: []library.Param{
				param("reply", "string?", ""), param("headers", "table<string, string|string[]>?", ""),
			}},
			{Name: "TestEvent", Doc: "What an event is about.", Fields: []library.Param{
				param("client", "TestClient?", ""), param("reason", "string?", ""), param("subject", "string?", ""), param("queue", "string?", ""),
			}},
			{Name: "TestAnswer", Doc: "An answer of the network.", Fields: []library.Param{
				param("status", "integer?", "200 if it is not given."), param("body", "string?", ""),
				param("headers", "table<string, string>?", ""), param("error", "string?", "There is no answer, for this reason."),
			}},
			{Name: "TestRequest", Doc: "A request of the script.", Fields: []library.Param{
				param("method", "string", ""), param("url", "string", ""), param("body", "string", ""), param("headers", "table<string, string>", ""),
			}},
			{Name: "Outcome", Doc: "What came of an action. That of connect is a TestClient as well, if it was allowed.", Fields: []library.Param{
				param("allowed", "boolean", "It was neither denied nor dropped."), param("verdict", "string", "pass, allow, deny, drop."),
				param("by", "string?", "Who refused it: hook, permissions or limits."), param("reason", "string?", "Why."),
				param("error", "string?", "Why the script had no answer."), param("cached", "boolean", "An answer was one that was kept."),
				param("subject", "string?", "Where a message goes."), param("payload", "string?", "What it contains then."),
				param("headers", "table<string, string[]>?", "Its headers then, by name in lower case."),
			}},
		},
	}
}
