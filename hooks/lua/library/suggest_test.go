package library

import (
	"strings"
	"testing"

	"moonwire/server/spelling"
)

// TestSuggest: a name that is wrong leads to the one that is meant.
func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"user", "account", "permissions", "expires"}
	for name, want := range map[string]string{
		"usr": "user", "User": "user", "accuont": "account", "permissons": "permissions", "expire": "expires",
	} {
		if got := spelling.Nearest(name, known); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"xyz", "", "user_of_the_account", strings.Repeat("x", 1000)} {
		if got := spelling.Nearest(name, known); got != "" {
			t.Errorf("%.20s: got %q", name, got)
		}
	}
	for name, want := range map[string]string{
		"usr": `"usr"; did you mean "user"?`, "xyz\n": `"xyz\n"; known are user, account, permissions, expires`,
	} {
		if got := Suggest(name, known); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
