package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"port", "host", "max_payload", "max_pending", "debug"}
	for word, want := range map[string]string{
		"prot": "port", "PORT_": "port", "maxpayload": "max_payload", "max_pendin": "max_pending",
		"dbg": "debug", "x": "", "jetstream": "", "max": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%.20q: got %q, want %q", word, got, want)
		}
	}
	if got := Nearest("Prot", []string{"Port"}); got != "Port" {
		t.Errorf("the case of a name is %q", got)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abcd", "abcd", 0},
		{"abcd", "abdc", 1},
		{"abcd", "axcd", 1},
		{"abcd", "acd", 1},
		{"abcd", "abxcd", 1},
		{"abcd", "badc", 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
