package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		src      string
		includes []include
		numbers  []badNumber
	}{
		{name: "nothing", src: ""},
		{name: "include", src: "include a.conf", includes: []include{{"a.conf", spot{1, 1}}}},
		{
			name: "quotes and case", src: "\n INCLUDE 'a b' \n\tInclude \"c d\"\n",
			includes: []include{{"a b", spot{2, 2}}, {"c d", spot{3, 2}}},
		},
		{
			name: "in a block", src: "a {\n b: 1, include x.conf;include y.conf}\ninclude z.conf",
			includes: []include{{"x.conf", spot{2, 8}}, {"y.conf", spot{2, 23}}, {"z.conf", spot{3, 1}}},
		},
		{name: "in a comment", src: "# include a\n// include b\nc: 1 # include d\n"},
		{name: "as a value", src: "a: include"},
		{name: "in quotes", src: "a: 'x\ninclude b'\nc: \"y \\\" include d\"\n\"include\" e\n"},
		{name: "in a text block", src: "a (\ninclude b\n) include c\n)\ninclude d", includes: []include{{"d", spot{5, 1}}}},
		{name: "as a key with a separator", src: "include: b\ninclude= c"},
		{name: "in a list", src: "a: [ include, 'b'\n include ]"},
		{
			name: "numbers", src: "a: 1kbb\n{ b = 10eb }\nc [ 1, 2kk\n 3mbi ]\nd: 'x 1kbb'\ne: 1kbbx\nf: \"1kbb\"\ng: 1kb",
			numbers: []badNumber{{"a", spot{1, 1}}, {"b", spot{2, 3}}, {"", spot{4, 2}}},
		},
		{name: "open ends", src: "a: \"b"},
		{name: "open block", src: "a: (\nb"},
		{name: "no value", src: "a:"},
		{name: "no key", src: ": a\ninclude b"},
		{name: "open key", src: "'a"},
		{name: "open include", src: "include \"a"},
		{name: "backslash at the end", src: `a: b\`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := scan(tt.src)
			opts := cmp.AllowUnexported(include{}, badNumber{}, spot{})
			if diff := cmp.Diff(tt.includes, s.includes, opts); diff != "" {
				t.Errorf("includes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.numbers, s.numbers, opts); diff != "" {
				t.Errorf("numbers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScanReachesTheEnd: of a file that is right the scanner misses nothing.
func TestScanReachesTheEnd(t *testing.T) {
	t.Parallel()
	for _, file := range natsFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if s := scan(string(data)); len(s.numbers) > 0 || s.pos != len(data) || len(s.inside) != 1 {
			t.Errorf("%s: stopped at %d of %d inside %q, bad numbers %v",
				filepath.Base(file), s.pos, len(data), s.inside, s.numbers)
		}
	}
}
