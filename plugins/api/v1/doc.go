// Package hookv1 is the protocol between the broker and plugins, as Go code that
// is made from hook.proto. That file is the documentation.
package hookv1

//go:generate go run moonwire/plugins/api/internal/generate . hook.proto
