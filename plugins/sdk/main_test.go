//go:build unix

package sdk

import (
	"os"
	"testing"

	"moonwire/plugins/internal/plugintest"
)

func TestMain(m *testing.M) {
	if os.Getenv(betweenKey) != "" {
		between()
		return
	}
	plugintest.Main(m, life)
}
