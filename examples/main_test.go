//go:build unix

// Package examples_test runs the examples: their own tests, and what their READMEs
// say that one sees.
package examples_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
