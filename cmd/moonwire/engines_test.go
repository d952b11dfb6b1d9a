package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"moonwire/server"
	"moonwire/server/config"
)

// TestPluginRanges: what the options refuse of a plugin is what the plugin's host
// refuses. A program that is not there shows that the host had nothing against the
// rest.
func TestPluginRanges(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "none")
	for key, tt := range map[string]struct {
		most int
		set  func(h *config.Hook, n int)
	}{
		"window":      {256, func(h *config.Hook, n int) { h.Window = n }},
		"batch.max":   {65535, func(h *config.Hook, n int) { h.Batch.Max = n }},
		"batch.bytes": {64 << 20, func(h *config.Hook, n int) { h.Batch.Bytes = n }},
	} {
		for _, n := range []int{-1, 1, tt.most, tt.most + 1} {
			h := config.Hook{Name: "a", Plugin: program}
			tt.set(&h, n)
			o := server.Options{Hooks: config.Hooks{Load: []config.Hook{h}}}
			_, byHost := openPlugin(t.Context(), server.EngineOptions{Name: "a", Hook: h, Log: zap.NewNop()})
			want := "there is no such file"
			switch byOptions := o.Validate(); {
			case n >= 1 && n <= tt.most && byOptions != nil:
				t.Errorf("%s: %d: the options refuse it: %v", key, n, byOptions)
			case n < 1 || n > tt.most:
				want = fmt.Sprintf("%s: %d is out of range", key, n)
				if byOptions == nil || !strings.Contains(byOptions.Error(), key) {
					t.Errorf("%s: %d: the options say %v", key, n, byOptions)
				}
			}
			if byHost == nil || !strings.Contains(byHost.Error(), want) {
				t.Errorf("%s: %d: the host says %v, want %q", key, n, byHost, want)
			}
		}
	}
}
