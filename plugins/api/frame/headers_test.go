package frame_test

import (
	"testing"

	"moonwire/plugins/api/frame"
)

func TestSomeHeaders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ block, want string }{
		"no block":       {"", ""},
		"none of them":   {"NATS/1.0\r\nA: 1\r\n\r\n", "NATS/1.0\r\n\r\n"},
		"a status":       {"NATS/1.0 503\r\nkind: 1\r\n\r\n", "NATS/1.0 503\r\nkind: 1\r\n\r\n"},
		"in any case":    {"NATS/1.0\r\nKIND: 1\r\nA: 2\r\nkiNd: 3\r\n\r\n", "NATS/1.0\r\nKIND: 1\r\nkiNd: 3\r\n\r\n"},
		"blanks around":  {"NATS/1.0\r\n Kind : 1\r\n\r\n", "NATS/1.0\r\n Kind : 1\r\n\r\n"},
		"longer":         {"NATS/1.0\r\nKinds: 1\r\nKin: 2\r\n\r\n", "NATS/1.0\r\n\r\n"},
		"a Kelvin sign":  {"NATS/1.0\r\n\u212aind: 1\r\n\r\n", "NATS/1.0\r\n\r\n"},
		"not of ASCII":   {"NATS/1.0\r\nÉ: 1\r\né: 2\r\n\r\n", "NATS/1.0\r\né: 2\r\n\r\n"},
		"no line at all": {"NATS/1.0\r\nKind\r\n\r\n", "NATS/1.0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := frame.SomeHeaders([]byte(tt.block), []string{"Kind", "é"}); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
