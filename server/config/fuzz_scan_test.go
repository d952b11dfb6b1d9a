package config

import (
	"strings"
	"testing"
)

// FuzzScan compares the scanner with the parser: where the parser tries to
// include a file, the scanner has seen an include (or a number that keeps the
// file from the parser), and what the parser accepts has none for it.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"a: 1\ninclude x", "a: ,\ninclude x", "a: 1 /\ninclude x", "a: 1 \x00include x", ";\na\ninclude x", "\u00a0include x",
		"a { / include x }", "a { b 1 /include x }", "a: 1'b, 'c': 2\ninclude x", "{ { a 1 }\n, include x }", "{a:1}\ninclude x",
		"a { b }\ninclude x", "a: [1]\ninclude x", "a: [ 1 ]\ninclude x", "a (\n)\ninclude x", "a (\n)x\n)\ninclude x",
		"a: 1.2.3.4:5\ninclude x", "a: 2024-01-02T03:04:05Z\ninclude x", "a: 5kx'\ninclude x", "a \"\\\"\"\ninclude x",
		"a: b'include x", "a: 1 # c\ninclude x", "a 1 } include x", "a 1; include x", "{ a: 1 # b\n include x }",
		"a: 1kbb", "a: -1\ninclude x", "a: ]\ninclude x", "a {}\ninclude x", "a []\ninclude x", "'a' b\ninclude x", "a: 1,\r\ninclude x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		s := scan(src)
		_, err := parseNATS("fuzz.conf", src, false)
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "error parsing include file"):
			if len(s.includes) == 0 && len(s.numbers) == 0 {
				t.Errorf("%q: the scanner missed an include: %v", src, err)
			}
		case err == nil && len(s.includes) > 0:
			t.Errorf("%q: the scanner sees includes where none are: %v", src, s.includes)
		}
	})
}
