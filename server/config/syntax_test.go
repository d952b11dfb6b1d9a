package config

import (
	"strings"
	"testing"
)

// TestSyntax: a mistake in the syntax is told with its place, what is missing and
// what to do.
func TestSyntax(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, conf, want string }{
		{
			"no comma in a block", `authorization { user: a password: b }`,
			`1:25: syntax error: a "," or a new line is missing before "p"; text with blanks or brackets needs quotes`,
		},
		{
			"no comma in a list", "authorization {\n  users: [ {user: a, password: b} {user: c, password: d} ]\n}",
			`2:35: syntax error: a "," or a new line is missing before "{"; text with blanks or brackets needs quotes`,
		},
		{
			"a block that does not end", "authorization {\n  user: a\n  password: b\n\nport: 4222\n",
			`6:1: syntax error: a "}" is missing at the end; the "{" of line 1 is not closed`,
		},
		{
			"a list that does not end", "authorization {\n  users: [\n    {user: a, password: b}\n}\n",
			`4:1: syntax error: a "]" is missing before "}"; the "[" of line 2 is not closed`,
		},
		{
			"a list that goes to the end", "authorization {\n  users: [\n    {user: a, password: b}\n",
			`4:1: syntax error: a "]" is missing at the end; the "[" of line 2 is not closed; behind a number it needs a blank before it`,
		},
		{
			"a block in a list that does not end", "authorization {\n  users: [\n    {user: a, password: b\n  ]\n}\n",
			`4:3: syntax error: a "}" is missing before "]"; the "{" of line 3 is not closed`,
		},
		{"a bracket too many", "port: 4222\n}\nhost: x\n", `3:7: syntax error: the bracket at line 2 closes nothing`},
		{
			"a quote that is missing", "server_name: \"abc\nport: 4222\nhost: \"x\"\n",
			`3:8: syntax error: a new line is missing before "x"; text with blanks or brackets needs quotes, ` +
				`and no blank stands before a unit; the text in quotes that begins at line 1 ends at line 3`,
		},
		{"a quote that is missing at the end", "port: 1\nhost: 'x\n", `3:1: syntax error: the text in quotes that begins at line 2 does not end`},
		{
			"a blank before a unit", "max_payload: 8 MB",
			`1:16: syntax error: a new line is missing before "M"; text with blanks or brackets needs quotes, and no blank stands before a unit`,
		},
		{
			"a bracket behind a number", "port: [1,2]",
			`1:12: syntax error: a "]" is missing at the end; the "[" of line 1 is not closed; behind a number it needs a blank before it`,
		},
		{
			"a path of Windows", `log_file: C:\logs\x.log`,
			`1:24: syntax error: a "\" begins an escape such as "\t" or "\x41"; text with a plain one goes into single quotes`,
		},
		{"include with a colon", "include: x.conf", `1:1: unknown key "include"; write include "file", without a colon or an equals sign`},
		{"a key of tls", `cert_file: "x.pem"`, `1:1: unknown key "cert_file"; it belongs into the block "tls"`},
		{"a key of authorization", `users: []`, `1:1: unknown key "users"; it belongs into the block "authorization"`},
		{"a short word like no key", `foo: 1`, `1:1: unknown key "foo"`},
		{
			"answers that are none", `authorization { users: [ {user: a, password: b, permissions: { allow_responses: "yes" }} ] }`,
			`1:64: "authorization.users.permissions.allow_responses": got "yes"; must be true, a number of messages, or a block { … }`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problems, _ := loadIn(t, nil, "a.conf", tt.conf)
			if got := strings.Join(problems, "\n"); got != "a.conf:"+tt.want {
				t.Errorf("got\n%s\nwant\na.conf:%s", got, tt.want)
			}
		})
	}
}
