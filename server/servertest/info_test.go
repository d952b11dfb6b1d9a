package servertest

import (
	"strings"
	"testing"
)

func TestInfoLegal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, server, old, new, want string
	}{
		{"legal", Reference, "", "", ""},
		{"with a commit", Reference, `"go"`, `"git_commit":"c","go"`, ""},
		{"own", Moonwire, "", "", ""},
		{"no blank at the end", Reference, "} \r\n", "}\r\n", "INFO does not end with a brace, one blank and CRLF"},
		{"two blanks at the end", Reference, "} \r\n", "}  \r\n", "INFO does not end with a brace, one blank and CRLF"},
		{"two blanks behind the op", Reference, "INFO {", "INFO  [", "INFO has no object right behind the op"},
		{"bad JSON", Reference, `"port":1`, `"port":`, "INFO is no valid JSON: invalid character ',' looking for beginning of value"},
		{"two objects", Reference, `"xkey":"X"} `, `"xkey":"X"} {} `, "INFO has more than one object"},
		{"unknown field", Reference, `"go"`, `"gone":1,"go"`, "INFO has an unknown field gone"},
		{"wrong order", Reference, `"host":"h","port":1`, `"port":1,"host":"h"`, "INFO field host is not in its place"},
		{"twice", Reference, `"port":1`, `"port":1,"port":1`, "INFO field port is not in its place"},
		{"wrong type", Reference, `"port":1`, `"port":"1"`, `INFO field port has a value of the wrong type: "1"`},
		{"missing", Reference, `"headers":true,`, ``, "INFO lacks the field headers"},
		{"of the other", Reference, `"xkey":"X"`, `"xkey":"X","moonwire":"1"`, "INFO has the field moonwire"},
		{"own without its name", Moonwire, `,"moonwire":"0.1"`, ``, "INFO lacks the field moonwire"},
		{"own name not last", Moonwire, `"xkey":"X","moonwire":"0.1"`, `"moonwire":"0.1","xkey":"X"`, "INFO field xkey is not in its place"},
		{"own version", Moonwire, "2.14.0", "2.15.2", `INFO field version is "2.15.2", not "2.14.0"`},
		{"own level", Moonwire, `"api_lvl":4`, `"api_lvl":5`, "INFO field api_lvl is 5, not 4"},
		{"own commit", Moonwire, `"go"`, `"git_commit":"c","go"`, "INFO has the field git_commit"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			line := fakeInfo
			if tc.server == Moonwire {
				line = fakeOwnInfo
			}
			if !strings.Contains(line, tc.old) {
				t.Fatalf("no %s in the INFO", tc.old)
			}
			line = strings.Replace(line, tc.old, tc.new, 1)
			var legal *infoPattern
			v, n, why := legal.match(tc.server, []byte(line+"PONG\r\n"))
			switch {
			case why != tc.want:
				t.Errorf("fault is %q, want %q", why, tc.want)
			case tc.want == "" && (v != match || n != len(line)):
				t.Errorf("verdict %d over %d bytes, want %d over %d", v, n, match, len(line))
			case tc.want != "" && v != mismatch:
				t.Errorf("verdict %d, want %d", v, mismatch)
			}
		})
	}
}

func TestInfoPartial(t *testing.T) {
	t.Parallel()
	var legal *infoPattern
	for n := range len(fakeInfo) {
		if v, _, why := legal.match(Reference, []byte(fakeInfo[:n])); v != partial {
			t.Fatalf("verdict of %d bytes is %d (%s), want %d", n, v, why, partial)
		}
	}
	if v, _, _ := legal.match(Reference, []byte("PO")); v != mismatch {
		t.Errorf("verdict of PO is %d, want %d", v, mismatch)
	}
}

func TestInfoPattern(t *testing.T) {
	t.Parallel()
	const all = `server_id:*, server_name:"n", version:*, proto:1, go:*, host:"h", port:*, headers:true, max_payload:1, client_id:*, api_lvl:*, xkey:*`
	tests := []struct {
		name, pattern, server, want string
	}{
		{"all", "{" + all + "}", Reference, ""},
		{"all of both", "{" + all + "}", Moonwire, ""},
		{"all and the own name", "{" + all + ", moonwire:*}", Moonwire, ""},
		{"own name absent", "{" + all + ", !moonwire}", Moonwire, "INFO has the field moonwire"},
		{"some", `{server_name:"n", headers:true, …}`, Reference, ""},
		{"any", `{…}`, Reference, ""},
		{"absent", `{!nonce, !ldm, …}`, Reference, ""},
		{"too few", `{server_id:*, server_name:"n"}`, Reference, "INFO has the field version"},
		{"none", `{}`, Reference, "INFO has the field server_id"},
		{"wrong value", `{port:2, …}`, Reference, "INFO field port is 1, not 2"},
		{"wrong order", `{port:1, host:"h", …}`, Reference, "INFO field host is not in its place"},
		{"not there", `{nonce:*, …}`, Reference, "INFO lacks the field nonce"},
		{"there", `{!port, …}`, Reference, "INFO has the field port"},
		{"commit wanted", `{git_commit:*, …}`, Reference, "INFO lacks the field git_commit"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := parseInfo(tc.pattern)
			if err != nil {
				t.Fatal(err)
			}
			line := fakeInfo
			if tc.server == Moonwire {
				line = fakeOwnInfo
			}
			v, _, why := p.match(tc.server, []byte(line))
			if why != tc.want || (v == match) != (tc.want == "") {
				t.Errorf("verdict %d with fault %q, want %q", v, why, tc.want)
			}
		})
	}
}

func TestInfoPatternFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, want string
	}{
		{`{port:*`, "an INFO pattern stands in braces"},
		{`{port}`, "no value for the INFO field port"},
		{`{port:}`, "value of the INFO field port: EOF"},
		{`{prot:1}`, `INFO has no field "prot"`},
		{`{!prot}`, `INFO has no field "prot"`},
		{`{port:1 host:*}`, "host:* where a comma should be"},
		{`{port:1,}`, "an INFO pattern ends with a comma"},
		{`{…, port:1}`, "… is the last item of an INFO pattern"},
		{`{connect_urls:["a","b"], ldm:true, …}`, ""},
		{`{ port : 1 }`, `no value for the INFO field port`},
	}
	for _, tc := range tests {
		t.Run(tc.pattern, func(t *testing.T) {
			t.Parallel()
			_, err := parseInfo(tc.pattern)
			if got := errText(err); got != tc.want {
				t.Errorf("error is %q, want %q", got, tc.want)
			}
		})
	}
}
