//go:build linux

package report

import (
	"encoding/json"
	"io"

	"moonwire/cmd/moonbench/internal/series"
)

// JSON writes the whole report, every round included. Times are in ns, sizes
// in bytes.
func JSON(w io.Writer, rep *series.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(rep)
}
