package sdk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDecode: settings take the place of defaults, and what is wrong is named by its
// key.
func TestDecode(t *testing.T) {
	t.Parallel()
	type rule struct {
		Subject string   `json:"subject"`
		Max     int      `json:"max"`
		Part    *float64 `json:"part"`
		On      bool     `json:"on"`
		Share   uint8    `json:"share"`
	}
	type settings struct {
		File  string `json:"file"`
		Rules []rule `json:"rules"`
	}
	defaults := settings{File: "a.db"}
	for _, tt := range []struct {
		name, json string
		want       settings
		err        string
	}{
		{"no config", "", defaults, ""},
		{"null", "null", defaults, ""},
		{"nothing in it", "{}", defaults, ""},
		{"a setting", `{"file": "b.db"}`, settings{File: "b.db"}, ""},
		{"a list", ` {"rules": [{"subject": "a", "max": 2}]} `, settings{"a.db", []rule{{Subject: "a", Max: 2}}}, ""},
		{"an unknown key", `{"files": 1}`, defaults, `config: unknown key "files"`},
		{"and one inside", `{"rules": [{"subjects": "a"}]}`, defaults, `config: unknown key "subjects"`},
		{"another type", `{"file": 1}`, defaults, `config.file: got number, want string`},
		{"and inside", `{"rules": [{"max": "1"}]}`, defaults, `config.rules.max: got string, want whole number`},
		{"too fine a number", `{"rules": [{"max": 1.5}]}`, defaults, `config.rules.max: got number 1.5, want whole number`},
		{"half a number", `{"rules": [{"part": true}]}`, defaults, `config.rules.part: got bool, want number`},
		{"no bool", `{"rules": [{"on": 1}]}`, defaults, `config.rules.on: got number, want bool`},
		{"below nothing", `{"rules": [{"share": -1}]}`, defaults, `config.rules.share: got number -1, want whole number that is not negative`},
		{"no list", `{"rules": {}}`, defaults, `config.rules: got object, want array`},
		{"no object", `[]`, defaults, `config: got array, want object`},
		{"broken", `{"file": `, defaults, `config: unexpected EOF`},
		{"more than one", `{"file": "a.db"} {}`, defaults, `config: there is something behind the object`},
		{"rubbish behind it", `{"file": "a.db"}}`, defaults, `config: there is something behind the object`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := defaults
			err := (&Config{JSON: []byte(tt.json)}).Decode(&got)
			if said := text(err); said != tt.err {
				t.Errorf("got error %q, want %q", said, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestDecodeNowhere: that is a mistake of the plugin's author.
func TestDecodeNowhere(t *testing.T) {
	t.Parallel()
	c := Config{JSON: []byte("{}")}
	if err := c.Decode(struct{}{}); text(err) != "config: json: Unmarshal(non-pointer struct {})" {
		t.Errorf("got %v", err)
	}
}

// text is what an error says; "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
