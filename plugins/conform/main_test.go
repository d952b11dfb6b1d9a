//go:build unix

package conform

import (
	"testing"

	"moonwire/plugins/internal/plugintest"
)

func TestMain(m *testing.M) { plugintest.Main(m, servePlugin) }
