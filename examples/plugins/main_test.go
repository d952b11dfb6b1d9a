// Package plugins_test holds the examples of plugins to the broker: what they do in its
// hands, where their languages are at hand, and their copies of the protocol.
package plugins_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
