// Package plugins_test holds the examples of plugins in other languages to the
// broker: their copies of the protocol, and, where the languages are at hand, what
// they do in its hands.
package plugins_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
