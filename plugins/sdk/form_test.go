package sdk

import (
	"context"
	"strings"
	"testing"
)

// Plugins of which the compiler does not say that a method is none of a plugin.
type (
	short  struct{ plain }    // Subscribe lacks the context
	bare   struct{}           // Publish is of the pointer
	closed struct{ Rewriter } // State hands over no error
)

func (*short) Subscribe(*Subscription) Decision { return Deny("nobody") }

func (bare) Subscribe(context.Context, *Subscription) Decision { return Pass() }

func (*bare) Publish(context.Context, *Message) Decision { return Deny("nobody") }

func (closed) State(context.Context) []byte { return nil }

// TestForms: a method that would never be called keeps the plugin from starting, as
// whoever wrote it relies on what it denies.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		plugin any
		want   string
	}{
		{"another form", &short{}, "the method Subscribe of *sdk.short is func(*sdk.Subscription) sdk.Decision: want func(context.Context, *sdk.Subscription) sdk.Decision"},
		{"of the pointer", bare{}, "sdk.bare has the method Publish as a pointer only: give the SDK a pointer, &bare{}"},
		{"not of a point", closed{}, "the method State of sdk.closed is func(context.Context) []uint8: want func(context.Context) ([]uint8, error)"},
		{"nothing", nil, "<nil> has none of the methods"},
	} {
		if _, err := NewServer(tt.plugin); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := NewServer(&bare{}); err != nil {
		t.Errorf("a pointer: %v", err)
	}
}
