package builtin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"moonwire/hooks"
)

// stamp returns a stamp of a time that stands still.
func stamp(t testing.TB, o StampOptions) *Stamp {
	t.Helper()
	o.Clock = func() time.Time { return noon }
	s, err := NewStamp(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStamp(t *testing.T) {
	t.Parallel()
	const all = "Moonwire-User: alice\r\nMoonwire-Account: A\r\nMoonwire-Client: 7\r\nMoonwire-Name: app\r\n" +
		"Moonwire-Host: 10.0.0.1\r\nMoonwire-Kind: STANDARD\r\nMoonwire-Time: 2026-07-01T12:00:00.000005000Z\r\n"
	user := StampOptions{Fields: []string{"user"}}
	for name, tt := range map[string]struct {
		o        StampOptions
		client   *hooks.Client
		in, want string
	}{
		"no headers":   {in: "", want: "NATS/1.0\r\n" + all + "\r\n"},
		"empty block":  {in: "NATS/1.0\r\n\r\n", want: "NATS/1.0\r\n" + all + "\r\n"},
		"others stay":  {user, nil, "NATS/1.0\r\nb:  2 \r\nA:\r\nb:1\r\n\r\n", "NATS/1.0\r\nMoonwire-User: alice\r\nb:  2 \r\nA:\r\nb:1\r\n\r\n"},
		"status":       {user, nil, "NATS/1.0 503\r\n\r\n", "NATS/1.0 503\r\nMoonwire-User: alice\r\n\r\n"},
		"status, text": {user, nil, "NATS/1.0 100 Idle  Heartbeat\r\nA: b\r\n\r\n", "NATS/1.0 100 Idle  Heartbeat\r\nMoonwire-User: alice\r\nA: b\r\n\r\n"},
		"overwritten": {
			user, nil, "NATS/1.0\r\nMoonwire-User: bob\r\nA: b\r\nmOONWIRE-uSER:carol\r\n\r\n",
			"NATS/1.0\r\nMoonwire-User: alice\r\nA: b\r\n\r\n",
		},
		"not similar ones": {
			user, nil, "NATS/1.0\r\nMoonwire-Users: b\r\nMoonwire-Use: b\r\nNoonwire-User: b\r\n\r\n",
			"NATS/1.0\r\nMoonwire-User: alice\r\nMoonwire-Users: b\r\nMoonwire-Use: b\r\nNoonwire-User: b\r\n\r\n",
		},
		"anonymous":         {user, &hooks.Client{}, "NATS/1.0\r\nMoonwire-User: root\r\nA: b\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\n"},
		"anonymous, alone":  {user, &hooks.Client{}, "NATS/1.0\r\nMoonwire-User: root\r\n\r\n", "NATS/1.0\r\n\r\n"},
		"anonymous, honest": {user, &hooks.Client{}, "NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\n"},
		"anonymous, none":   {user, &hooks.Client{}, "", ""},
		"field not written": {
			user, nil, "NATS/1.0\r\nMoonwire-Account: SYS\r\nmoonwire-unix-nano: 1\r\n\r\n",
			"NATS/1.0\r\nMoonwire-User: alice\r\n\r\n",
		},
		"names of one's own": {
			StampOptions{Fields: []string{"unix_nano", "user"}, Headers: map[string]string{"user": "From", "host": "Peer"}},
			nil,
			"NATS/1.0\r\nFROM: eve\r\npeer: x\r\nMoonwire-User: kept\r\n\r\n",
			"NATS/1.0\r\nFrom: alice\r\nMoonwire-Unix-Nano: 1782907200000005000\r\nMoonwire-User: kept\r\n\r\n",
		},
		"no injection": {
			StampOptions{Fields: []string{"user", "name"}},
			&hooks.Client{User: "a\r\nMoonwire-Account: SYS\r\n\r\nx", Name: " 50% \u2028é\x00\xff\t "},
			"", "NATS/1.0\r\nMoonwire-User: a%0D%0AMoonwire-Account: SYS%0D%0A%0D%0Ax\r\n" +
				"Moonwire-Name: %2050%25 %E2%80%A8é%00%FF%09%20\r\n\r\n",
		},
		"blanks alone": {user, &hooks.Client{User: "  "}, "", "NATS/1.0\r\nMoonwire-User: %20%20\r\n\r\n"},
		"long name is cut at a character": {
			StampOptions{Fields: []string{"name"}},
			&hooks.Client{Name: strings.Repeat("x", mostLabel-1) + "éé"},
			"", "NATS/1.0\r\nMoonwire-Name: " + strings.Repeat("x", mostLabel-1) + "\r\n\r\n",
		},
		"long user is not": {
			user, &hooks.Client{User: strings.Repeat("u", 3000)},
			"", "NATS/1.0\r\nMoonwire-User: " + strings.Repeat("u", 3000) + "\r\n\r\n",
		},
		"bytes and tabs in values": {user, nil, "NATS/1.0\r\nA: \xff\té\r\n\r\n", "NATS/1.0\r\nMoonwire-User: alice\r\nA: \xff\té\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := tt.client
			if client == nil {
				client = alice()
			}
			set := load(t, stamp(t, tt.o))
			for range 2 { // the second finds what the client holds
				c := message(client, "a", len(tt.in)+2)
				c.Payload = []byte("hi")
				if tt.in != "" {
					c.Header = []byte(tt.in)
				}
				before := c.Header
				ask(set, hooks.AtInspect, c)
				if string(c.Header) != tt.want || string(c.Payload) != "hi" {
					t.Errorf("got  %q, %q\nwant %q", c.Header, c.Payload, tt.want)
				}
				if string(before) != tt.in {
					t.Errorf("the read buffer has become %q", before)
				}
				if v := c.Outcome.Verdict; (v == hooks.Replace) != (tt.in != tt.want) || v.Refuses() {
					t.Errorf("the verdict is %v", v)
				}
			}
		})
	}
}

// TestStampMalformed: what readers may take for different things is denied, which
// is no failure of the hook.
func TestStampMalformed(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"no version":           "A: b\r\n\r\n",
		"other version":        "NATS/1.1\r\n\r\n",
		"glued status":         "NATS/1.0503\r\n\r\n",
		"no line":              "NATS/1.0",
		"no empty line":        "NATS/1.0\r\nA: b\r\n",
		"half an empty line":   "NATS/1.0\r\nA: b\r\n\r",
		"LF only":              "NATS/1.0\nA: b\n\n",
		"LF in a value":        "NATS/1.0\r\nA: b\nMoonwire-User: root\r\n\r\n",
		"CR in a value":        "NATS/1.0\r\nA: b\rMoonwire-User: root\r\n\r\n",
		"LF in the status":     "NATS/1.0 503\nMoonwire-User: root\r\n\r\n",
		"NUL in a value":       "NATS/1.0\r\nA: b\x00\r\n\r\n",
		"FS in a value":        "NATS/1.0\r\nA: b\x1cMoonwire-User: root\r\n\r\n",
		"no colon":             "NATS/1.0\r\nMoonwire-User\r\n\r\n",
		"no name":              "NATS/1.0\r\n: b\r\n\r\n",
		"blank behind a name":  "NATS/1.0\r\nMoonwire-User : root\r\n\r\n",
		"blank before a name":  "NATS/1.0\r\n Moonwire-User: root\r\n\r\n",
		"folded line":          "NATS/1.0\r\nA: b\r\n\tMoonwire-User: root\r\n\r\n",
		"name with wide blank": "NATS/1.0\r\n\u00a0Moonwire-User: root\r\n\r\n",
		"name not of ASCII":    "NATS/1.0\r\nMoonwire-Uſer: root\r\n\r\n",
		"more behind the end":  "NATS/1.0\r\n\r\nMoonwire-User: root\r\n\r\n",
		"a name to the end":    "NATS/1.0\r\nA",
		"a colon to the end":   "NATS/1.0\r\nA:",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := load(t, stamp(t, StampOptions{}))
			c := message(alice(), "a", len(header))
			c.Header = []byte(header)
			ask(set, hooks.AtInspect, c)
			if c.Outcome.Verdict != hooks.Deny || !strings.HasPrefix(c.Outcome.Reason, "the block of headers is malformed: ") {
				t.Errorf("got %+v", c.Outcome)
			}
			if e := set.Stats()[0].Points[hooks.AtInspect].Errors; e != [hooks.Kinds]uint64{} {
				t.Errorf("failures: %v", e)
			}
		})
	}
}

// TestStampOversize: a message that would be too large is a failure that says what
// to do, and however often it happens it does not open the breaker.
func TestStampOversize(t *testing.T) {
	t.Parallel()
	const added = len("NATS/1.0\r\nMoonwire-User: alice\r\n\r\n")
	for size, want := range map[int]hooks.Verdict{100 - added: hooks.Replace, 101 - added: hooks.Drop} {
		var failures []hooks.Failure
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: stamp(t, StampOptions{Fields: []string{"user"}})}},
			hooks.Options{Observer: hooks.Observer{Failure: func(f hooks.Failure) { failures = append(failures, f) }}})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			c := message(alice(), "a", size)
			c.Payload, c.MaxPayload = make([]byte, size), 100
			ask(set, hooks.AtInspect, c)
			if c.Outcome.Verdict != want {
				t.Fatalf("%d bytes: got %v, want %v", size, c.Outcome.Verdict, want)
			}
		}
		if b := set.Stats()[0].Breaker; b != hooks.BreakerClosed {
			t.Errorf("the breaker is %v", b)
		}
		if want == hooks.Drop {
			const text = "oversize: the message has 67 bytes, and 101 with its stamps: the most is 100; " +
				"raise max_payload, or let the stamp write fewer fields"
			if len(failures) == 0 || failures[0].Kind != hooks.KindOversize || failures[0].Err.Error() != text {
				t.Errorf("got %+v", failures)
			}
		}
		if err := set.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestStampSubjects: other messages stay as they are.
func TestStampSubjects(t *testing.T) {
	t.Parallel()
	set := load(t, stamp(t, StampOptions{Subjects: []string{"orders.>", "a.*"}}))
	for subject, want := range map[string]hooks.Verdict{"orders.new": hooks.Replace, "a.b": hooks.Replace, "a.b.c": hooks.Pass} {
		c := message(alice(), subject, 0)
		ask(set, hooks.AtInspect, c)
		if c.Outcome.Verdict != want {
			t.Errorf("%s: got %v, want %v", subject, c.Outcome.Verdict, want)
		}
	}
}

// TestStampManyClients: in shadow mode a batch is of several clients.
func TestStampManyClients(t *testing.T) {
	t.Parallel()
	s := stamp(t, StampOptions{Fields: []string{"client"}})
	var calls []*hooks.Call
	for i := range 5 {
		calls = append(calls, message(&hooks.Client{ID: uint64(i / 2)}, "a", 0))
	}
	if err := s.Do(t.Context(), 0, calls); err != nil {
		t.Fatal(err)
	}
	for i, c := range calls {
		if want := fmt.Sprintf("NATS/1.0\r\nMoonwire-Client: %d\r\n\r\n", i/2); string(c.Out.Header) != want {
			t.Errorf("%d: got %q, want %q", i, c.Out.Header, want)
		}
	}
}

// TestStampReload: a client does not go on with what the old engine wrote, nor does
// it hold things of both; two hooks of a chain do not disturb each other.
func TestStampReload(t *testing.T) {
	t.Parallel()
	first := stamp(t, StampOptions{Fields: []string{"user"}})
	second, err := NewStamp(StampOptions{Fields: []string{"kind"}}, first)
	if err != nil {
		t.Fatal(err)
	}
	if first.key != second.key {
		t.Error("the new engine has another key: clients hold the lines of both")
	}
	if other := stamp(t, StampOptions{}); other.key == first.key {
		t.Error("another hook has the same key")
	}
	client := alice()
	for _, tt := range []struct {
		s    *Stamp
		want string
	}{{first, "User: alice"}, {second, "Kind: STANDARD"}, {first, "User: alice"}} {
		c := message(client, "a", 0)
		if err := tt.s.Do(t.Context(), 0, []*hooks.Call{c}); err != nil {
			t.Fatal(err)
		}
		if want := "NATS/1.0\r\nMoonwire-" + tt.want + "\r\n\r\n"; string(c.Out.Header) != want {
			t.Errorf("got %q, want %q", c.Out.Header, want)
		}
	}
}

// TestStampClock: without a clock of its own it is the machine's.
func TestStampClock(t *testing.T) {
	t.Parallel()
	s, err := NewStamp(StampOptions{Fields: []string{"time"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	c := message(alice(), "a", 0)
	ask(load(t, s), hooks.AtInspect, c)
	text := strings.TrimSuffix(strings.TrimPrefix(string(c.Header), "NATS/1.0\r\nMoonwire-Time: "), "\r\n\r\n")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Before(before.Truncate(0)) || at.After(time.Now()) {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestStampAllocs: the message of a client that is known takes no memory.
func TestStampAllocs(t *testing.T) {
	s := stamp(t, StampOptions{})
	set := load(t, s)
	client, session, header := alice(), new(hooks.Session), []byte("NATS/1.0\r\nNats-Msg-Id: 12\r\nmoonwire-user: eve\r\n\r\n")
	table, ctx, batch, subject := set.Table("A"), context.Background(), make([]*hooks.Call, 1), []byte("a")
	got := testing.AllocsPerRun(1000, func() {
		c := hooks.NewCall()
		c.Client, c.Subject, c.Header = client, subject, header
		batch[0] = c
		table.Do(ctx, session, hooks.AtInspect, batch)
		if c.Outcome.Verdict != hooks.Replace {
			t.Errorf("got %+v", c.Outcome)
		}
		c.Done()
	})
	if got != 0 && !race {
		t.Errorf("%v allocations for a message", got)
	}
}
