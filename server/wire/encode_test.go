package wire

import (
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  *Error
		want string
	}{
		{ErrUnknownOp, "-ERR 'Unknown Protocol Operation'\r\n"},
		{ErrMalformed, ""},
		{PublishViolation([]byte("a.b")), "-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n"},
		{ReplyViolation([]byte("_R_.x")), "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n"},
		{SubscriptionViolation([]byte("a"), nil), "-ERR 'Permissions Violation for Subscription to \"a\"'\r\n"},
		{SubscriptionViolation([]byte("a"), []byte("q\x01")), "-ERR 'Permissions Violation for Subscription to \"a\" using queue \"q\\x01\"'\r\n"},
		{TooManyTokens([]byte("a.b.c")), "-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n"},
	}
	for _, tt := range tests {
		if got := string(AppendError(nil, tt.err)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		NoResponders: "HMSG _INBOX.x.1 9 39 39\r\nNATS/1.0 503\r\nNats-Subject: svc.req\r\n\r\n\r\n",
		Denied:       "HMSG _INBOX.x.1 9 61 61\r\nNATS/1.0 503 Permissions Violation\r\nNats-Subject: svc.req\r\n\r\n\r\n",
	} {
		got, size := AppendStatus(nil, line, []byte("_INBOX.x.1"), "9", []byte("svc.req"))
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var m Pub
		if n := NextFrame(got, &m); n != len(got) || m.Size != size || m.Header != size {
			t.Errorf("%q, with headers of %d bytes, is read as %+v", got, size, m)
		}
	}
}

func TestStripped(t *testing.T) {
	t.Parallel()
	p := Parser{MaxControlLine: 64, MaxPayload: 100, Headers: true}
	if op, _, err := p.Next([]byte("HPUB foo rep 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")); op != OpPub {
		t.Fatal(op, err)
	}
	got := string(AppendStripped(AppendPrefix(nil, p.Pub.Subject, "7"), &p.Pub))
	if want := "HMSG foo 7 rep 2\r\nhi\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTail: the parser and the encoder write the same.
func TestTail(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"PUB a 0\r\n\r\n", "PUB a r 2\r\nhi\r\n", "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "HPUB a r 12 12\r\nNATS/1.0\r\n\r\n\r\n",
	} {
		p := Parser{MaxControlLine: 64, MaxPayload: 100, Headers: true}
		if op, _, err := p.Next([]byte(in)); op != OpPub {
			t.Fatal(op, err)
		}
		m := &p.Pub
		head := max(m.Header, 0)
		if got := AppendTail([]byte("> "), m.Reply, m.Body()[:head], m.Body()[head:]); string(got) != "> "+string(m.Tail) {
			t.Errorf("of %q: got %q, want %q", in, got, m.Tail)
		}
	}
}

// TestNextFrame reads back what the encoders write.
func TestNextFrame(t *testing.T) {
	t.Parallel()
	in := "MSG foo 1 2\r\nhi\r\n" + "MSG foo.bar sid _INBOX.1 0\r\n\r\n" +
		"HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" + "HMSG foo 1 rep 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
	want := []struct {
		subject, reply string
		header, size   int
		tail           string
	}{
		{"foo", "", NoHeader, 2, "2\r\nhi\r\n"},
		{"foo.bar", "_INBOX.1", NoHeader, 0, "_INBOX.1 0\r\n\r\n"},
		{"foo", "", 12, 14, "12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
		{"foo", "rep", 12, 14, "rep 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
	}
	b := []byte(in)
	for i, w := range want {
		var m Pub
		n := NextFrame(b, &m)
		if n == 0 || string(m.Subject) != w.subject || string(m.Reply) != w.reply || m.Header != w.header || m.Size != w.size || string(m.Tail) != w.tail {
			t.Errorf("frame %d: got %d %+v", i, n, m)
		}
		b = b[n:]
	}
	for _, bad := range []string{"", "PONG\r\n", "MSG foo 1\r\n", "MSG foo 1 5\r\nhi\r\n", "+OK\r\n", "INFO {} \r\n"} {
		var m Pub
		if n := NextFrame([]byte(bad), &m); n != 0 {
			t.Errorf("%q: got a frame of %d bytes", bad, n)
		}
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	got := string(AppendInfo(nil, &Info{ServerID: "N1", Version: "2.14.0", Proto: 1, Headers: true, MaxPayload: 10, Moonwire: "0.1.0"}))
	want := `INFO {"server_id":"N1","server_name":"","version":"2.14.0","proto":1,"go":"","host":"","port":0,"headers":true,"max_payload":10,"moonwire":"0.1.0"} ` + "\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		err      *Error
		check    func(c *Connect) bool
	}{
		{"nothing said", `{}`, nil, func(c *Connect) bool { return c.Verbose && c.Pedantic && c.Echo && !c.Headers }},
		{"unknown fields", `{"foo":[1,{}],"verbose":false}`, nil, func(c *Connect) bool { return !c.Verbose && c.Pedantic }},
		{"credentials", `{"user":"u","pass":"p","auth_token":"t"}`, nil, func(c *Connect) bool { return c.User+c.Password+c.Token == "upt" }},
		{"wrong type", `{"verbose":"yes"}`, ErrMalformed, nil},
		{"array", `[]`, ErrMalformed, nil},
		{"empty", ``, ErrMalformed, nil},
		{"broken", `{bad`, ErrMalformed, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := DefaultConnect()
			if err := c.Decode([]byte(tt.in)); err != tt.err {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if tt.check != nil && !tt.check(&c) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestIndexBlank(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		clean := strings.Repeat("é~!", n)[:n]
		if got := indexBlank([]byte(clean)); got != -1 {
			t.Errorf("%q: got %d", clean, got)
		}
		for at := range n {
			for _, c := range []byte{' ', '\t', 0, '\r'} {
				b := []byte(clean)
				b[at] = c
				if got := indexBlank(b); got != at {
					t.Errorf("%q: got %d, want %d", b, got, at)
				}
			}
		}
	}
}

// TestTemplate: a template fills in what encoding the whole would have.
func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, i := range []Info{
		{ServerID: "N1", Proto: 1, MaxPayload: 10, APILevel: 4},
		{ServerID: "N1", ConnectInfo: true, RemoteAccount: "$G", ConnectURLs: []string{"a:1"}, Moonwire: "x"},
		{Nonce: "abc", RemoteAccount: "SYS", IsSystem: true, ConnectInfo: true, TLSRequired: true},
		{ServerName: `18446744073709551615 "quoted"`, RemoteAccount: "a<b>\"c"},
	} {
		for _, ip := range []string{"", "127.0.0.1", "::1"} {
			i.ClientID, i.ClientIP = 7, ip
			want := string(AppendInfo(nil, &i))
			if got := string(NewTemplate(i).Append(nil, &Own{ID: 7, IP: ip, Nonce: i.Nonce, Account: i.RemoteAccount, System: i.IsSystem, MaxPayload: i.MaxPayload})); got != want {
				t.Errorf("got  %s want %s", got, want)
			}
		}
	}
}
