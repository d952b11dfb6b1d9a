package hooks

import (
	"errors"
	"testing"
)

func TestSelector(t *testing.T) {
	t.Parallel()
	bob := &Client{ID: 7, User: "bob", Account: "A", Tags: map[string]string{"role": "admin", "site": "x"}}
	for _, tt := range []struct {
		name string
		s    Selector
		want bool
	}{
		{"id", Selector{ID: 7}, true},
		{"another id", Selector{ID: 8}, false},
		{"user", Selector{User: "bob"}, true},
		{"another user", Selector{ID: 7, User: "bo"}, false},
		{"account", Selector{User: "bob", Account: "A"}, true},
		{"another account", Selector{User: "bob", Account: "B"}, false},
		{"tags", Selector{Tags: map[string]string{"role": "admin", "site": "x"}}, true},
		{"another tag", Selector{Tags: map[string]string{"role": "admin", "site": "y"}}, false},
		{"no such tag", Selector{Tags: map[string]string{"none": ""}}, false},
	} {
		if err := tt.s.Check(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := tt.s.Selects(bob); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
	if err := new(Selector).Check(); !errors.Is(err, ErrNobody) {
		t.Errorf("empty: got %v", err)
	}
}
