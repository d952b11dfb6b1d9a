// Package plugins_test holds the SDKs of other languages to the broker: what plugins made
// with them do in its hands, where the languages are at hand, and their copies of the
// protocol. The examples in Go are started by the tests of the folder above.
package plugins_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
