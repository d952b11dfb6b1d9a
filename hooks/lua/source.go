package lua

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"moonwire/hooks/lua/sandbox"
)

// mostConfig is how large a file of the configuration may be.
const mostConfig = 16 << 20

// source is what a script is made of: the files that were read for it.
type source struct {
	folder string // of the modules; immutable
	main   []byte // immutable

	mu struct {
		sync.Mutex
		modules map[string][]byte // by name
		files   []string
		sealed  bool // no module is read any more
	}
}

// readSource reads the script itself.
func readSource(o *Options) (*source, error) {
	s := &source{folder: o.Modules, main: o.Source}
	s.mu.modules = make(map[string][]byte)
	if s.main == nil {
		s.mu.files = append(s.mu.files, o.File)
		var err error
		if s.main, err = anywhere.read(o.File, sandbox.MaxSource); err != nil {
			return nil, fmt.Errorf("reading the script: %w", err)
		}
	}
	return s, nil
}

// place is where files are: all over, or below a folder.
type place struct {
	stat func(string) (fs.FileInfo, error)
	open func(string) (*os.File, error)
}

var anywhere = place{os.Stat, os.Open}

// read reads a regular file of at most so many bytes. To open another, such as a
// pipe, could wait for ever.
func (p place) read(name string, most int64) ([]byte, error) {
	info, err := p.stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return b, nil
}

// resolve finds the module that a script requires.
func (s *source) resolve(name string) (file string, code []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.sealed && moduleName(name) {
		return "", nil, errors.New("the script did not require it when it was opened; require it each time, at the top level")
	}
	if file, code, err = ReadModule(s.folder, name); err != nil {
		return "", nil, err
	}
	s.mu.modules[name] = code
	s.mu.files = append(s.mu.files, file)
	return file, code, nil
}

// ReadModule reads the module of a name, as require does: "a.b" is a/b.lua below
// the folder of modules, and nothing outside of it.
func ReadModule(folder, name string) (file string, code []byte, err error) {
	if !moduleName(name) {
		return "", nil, errors.New("a module is named by letters, digits, _ and -, with dots between folders")
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", nil, fmt.Errorf("opening the folder of modules: %w", err)
	}
	defer root.Close()
	rel := filepath.FromSlash(strings.ReplaceAll(name, ".", "/")) + ".lua"
	code, err = place{root.Stat, root.Open}.read(rel, sandbox.MaxSource)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("there is no such library, nor %s in %s", rel, folder)
	}
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(folder, rel), code, nil
}

// moduleName reports whether a name can only be that of a file below a folder.
func moduleName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
		}) {
			return false
		}
	}
	return true
}

// seal ends the reading of modules: what runs is what was opened. It returns
// the files, and the sum of all code: for a script without modules, that of its
// file.
func (s *source) seal() (files []string, sum string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sealed = true
	h := sha256.New()
	h.Write(s.main)
	for _, name := range slices.Sorted(maps.Keys(s.mu.modules)) {
		fmt.Fprintf(h, "\x00%s\x00%d\x00", name, len(s.mu.modules[name]))
		h.Write(s.mu.modules[name])
	}
	return s.mu.files, hex.EncodeToString(h.Sum(nil))
}

// loadConfig returns the configuration with what its files hold in their place.
func (s *source) loadConfig(o *Options) (map[string]any, error) {
	config := maps.Clone(o.Config)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(config)) {
		text, _ := config[key].(string)
		name, ok := strings.CutPrefix(text, "file:")
		if !ok {
			continue
		}
		v, err := s.configFile(filepath.Dir(o.File), strings.TrimSpace(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("config.%s: %w", key, err))
		}
		config[key] = v
	}
	return config, errors.Join(errs...)
}

func (s *source) configFile(folder, name string) (any, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	s.mu.Lock()
	s.mu.files = append(s.mu.files, name)
	s.mu.Unlock()
	b, err := anywhere.read(name, mostConfig)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(name) != ".json" {
		return string(b), nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s is not JSON: %w", name, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not JSON: there is more behind its value", name)
	}
	return v, nil
}
