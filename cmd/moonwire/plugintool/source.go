package plugintool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// module is the path of the module that the SDK for Go is in.
const module = "moonwire"

// nodeSDK is where the SDK for Node is in the sources.
const nodeSDK = "examples/plugins/node/sdk"

// source is a folder with the sources of Moonwire.
type source struct {
	Dir       string // absolute
	GoVersion string // that its go.mod asks for
	// Modules and Sums are what its go.mod requires, and its go.sum. A plugin that has
	// the same is built of what the broker is built of, and has nothing to fetch.
	Modules []string
	Sums    string
}

var (
	moduleLine  = regexp.MustCompile(`(?m)^module\s+(\S+)\s*$`)
	versionLine = regexp.MustCompile(`(?m)^go\s+(\S+)\s*$`)
	requireLine = regexp.MustCompile(`(?m)^(?:require)?\s+(\S+ v\S+)(?: // indirect)?$`)
)

// readSource looks at a folder, and says what it is if it has other things in it.
func readSource(dir string) (*source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no go.mod: it is not the top of the sources of Moonwire", dir)
	} else if err != nil {
		return nil, err
	}
	name, version := moduleLine.FindSubmatch(text), versionLine.FindSubmatch(text)
	if name == nil || version == nil || string(name[1]) != module {
		return nil, fmt.Errorf("%s is not of the module %s: it is not the top of the sources of Moonwire", filepath.Join(dir, "go.mod"), module)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	s := &source{Dir: dir, GoVersion: string(version[1]), Sums: string(sums)}
	for _, m := range requireLine.FindAllSubmatch(text, -1) {
		s.Modules = append(s.Modules, string(m[1]))
	}
	return s, nil
}

// findSource finds the sources: where a flag says, or those that this program was
// built of if they are still there, or those that the working directory is in.
func findSource(flag string) (*source, error) {
	if flag != "" {
		s, err := readSource(flag)
		if err != nil {
			return nil, fmt.Errorf("--moonwire: %w", err)
		}
		return s, nil
	}
	// The name of this file is a path, unless it was built with -trimpath.
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if s, err := readSource(filepath.Join(filepath.Dir(file), "..", "..", "..")); err == nil {
			return s, nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if s, err := readSource(dir); err == nil {
			return s, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return nil, errors.New("the sources of Moonwire, which have the SDK, are not where this program was built, nor around this folder: say where they are by --moonwire PATH")
		}
		dir = above
	}
}
