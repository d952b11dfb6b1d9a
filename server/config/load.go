package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/v2"
)

// LoadFile returns the options of a file under those of an environment, given
// as os.Environ returns it (nil for none), with defaults filled in. Warnings are
// about what works but is probably not meant. An empty path reads no file.
//
// The error joins all problems that were found; it is fs.ErrNotExist when the
// file does not exist.
func LoadFile(path string, environ []string) (opts Options, warnings []string, err error) {
	l := newLoader()
	return l.load(l.file(path), l.environment(environ))
}

// loader reads one set of sources.
type loader struct {
	schema *schema
	rep    *report
}

func newLoader() *loader {
	return &loader{schema: known(), rep: newReport()}
}

// source is a koanf provider that has been read: values in the shape of
// Options, field by field.
type source map[string]any

// The sources are koanf providers; their problems went to the report.
var _ koanf.Provider = source(nil)

// Read returns the values.
func (s source) Read() (map[string]any, error) { return s, nil }

// ReadBytes fails: the values have no bytes.
func (s source) ReadBytes() ([]byte, error) {
	return nil, errors.New("config: a source has no bytes")
}

// at returns the map for the struct at a path, making it when it is missing.
func (s source) at(scope string) map[string]any {
	m := map[string]any(s)
	if scope == "" {
		return m
	}
	for name := range strings.SplitSeq(scope, delimiter) {
		m = child(m, name)
	}
	return m
}

// authorizationKey is the key of the block that says who may connect.
const authorizationKey = "authorization"

// note remembers that the source has an authorization block, or a key of it,
// which means something whatever is in it.
func (s source) note(path string) {
	if outer, _, _ := strings.Cut(path, "."); strings.EqualFold(outer, authorizationKey) {
		s["AuthorizationBlock"] = true
	}
}

// load lays the sources over each other, later ones win, and checks the result.
func (l *loader) load(sources ...source) (Options, []string, error) {
	var o Options
	if err := decode(&o, sources...); err != nil {
		return Options{}, nil, err
	}
	o = o.WithDefaults()
	l.rep.check(&o)
	if err := l.rep.err(); err != nil {
		return Options{}, nil, err
	}
	return o, l.rep.notes(), nil
}

// decode merges sources and stores them in a struct whose fields they name.
func decode(into any, sources ...source) error {
	k := koanf.New(delimiter)
	for _, s := range sources {
		if err := k.Load(s, nil); err != nil {
			return fmt.Errorf("merging the configuration: %w", err)
		}
	}
	if err := k.Unmarshal("", into); err != nil {
		return fmt.Errorf("decoding the configuration: %w", err)
	}
	return nil
}

// file reads a configuration file; an empty path is an empty source.
func (l *loader) file(path string) source {
	s := make(source)
	if path == "" {
		return s
	}
	s["ConfigFile"] = path
	members, ok := readFile(path, l.rep)
	if !ok {
		return s
	}
	if len(members) == 0 {
		l.rep.warn(position{layer: layerFile, source: path}, "sets nothing")
	}
	for _, m := range members {
		s.note(m.key)
	}
	newTranslation(l.rep).block(l.schema, members, position{layer: layerFile, source: path}, "", "", s)
	return s
}

// readFile parses a file in the syntax that its extension names.
func readFile(path string, rep *report) ([]member, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		rep.problems = append(rep.problems, &problem{
			at:   position{layer: layerFile, source: path},
			text: "cannot read the configuration file: " + reason(err), cause: err,
		})
		return nil, false
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		return readYAML(path, data, rep)
	}
	return readNATS(path, data, rep)
}

// environment reads the variables that are ours. An empty value is an unset
// one. A name that is no key is only worth a warning: others set variables too.
func (l *loader) environment(environ []string) source {
	items := make(map[string]*item)
	var names []string
	for _, it := range l.schema.leaves() {
		if name := it.env(); name != "" {
			items[name] = it
			names = append(names, strings.TrimPrefix(name, envPrefix))
		}
	}
	s := make(source)
	t := newTranslation(l.rep)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" {
			continue
		}
		at := position{layer: layerEnv, source: "environment variable " + name}
		it := items[name]
		switch {
		case serviceLink(name, value):
		case it == nil:
			l.rep.warn(at, "unknown, ignored%s", didYouMean(envPrefix, strings.TrimPrefix(name, envPrefix), names))
		default:
			s.note(it.path)
			t.item(it, &node{value: plain(value), at: at}, it.scope, s.at(it.scope))
		}
	}
	return s
}

// serviceLink reports whether a variable is one that Kubernetes gives to every
// container beside a service named "moonwire": it describes that service, and
// one has the name of our port.
func serviceLink(name, value string) bool {
	name = strings.TrimPrefix(name, envPrefix)
	return strings.HasPrefix(name, "SERVICE_") || strings.HasPrefix(name, "PORT_") ||
		(name == "PORT" && strings.Contains(value, "://"))
}
