//go:build node && unix

package moonwire_test

import "testing"

// TestNodeDocs follows the documents that TestDocs leaves out, as they take Node 18
// or later and npm. Run it with
//
//	make node
func TestNodeDocs(t *testing.T) {
	t.Parallel()
	bin := install(t, "./cmd/moonwire")
	found := 0
	for _, path := range documents(t) {
		_, list := readDocument(t, path)
		if !uses(list, npm) {
			continue
		}
		found++
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			newReader(t, bin).document(list)
		})
	}
	if found == 0 {
		t.Error("no document uses npm")
	}
}
