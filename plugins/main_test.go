package plugins

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"moonwire/plugins/internal/plugintest"
)

func TestMain(m *testing.M) {
	if os.Getenv(brokerKey) != "" {
		serveBroker()
		return
	}
	plugintest.Main(m, servePlugin)
}

// gone reports whether a process has ended.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(f) == 0 || string(f[0]) == "Z" // whose parent has not looked yet
}
