package plugintool

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"text/template"
)

// options are what a plugin is written by.
type options struct {
	name, lang    string
	dir, moonwire string // "" are the defaults
}

// file is one file of a plugin.
type file struct {
	name     string
	template string // in the folder of the language, without .tmpl
	mode     fs.FileMode
}

// languages are those that there is an SDK with templates for.
func languages() map[string][]file {
	return map[string][]file{
		"go": {
			{"go.mod", "go.mod", 0o644},
			{"go.sum", "go.sum", 0o644},
			{"main.go", "main.go", 0o644},
			{"main_test.go", "main_test.go", 0o644},
			{"server.conf", "server.conf", 0o644},
			{"README.md", "README.md", 0o644},
			{".gitignore", "gitignore", 0o644},
		},
		"node": {
			{"package.json", "package.json", 0o644},
			{".npmrc", "npmrc", 0o644},
			{"index.js", "index.js", 0o755}, // the broker executes it
			{"index.test.js", "index.test.js", 0o644},
			{"server.conf", "server.conf", 0o644},
			{"README.md", "README.md", 0o644},
			{".gitignore", "gitignore", 0o644},
		},
	}
}

// validName is a name that a hook, a program, a module and a package may have.
var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// check says what is wrong with options, all at once.
func (o *options) check() error {
	var errs []error
	if !validName.MatchString(o.name) {
		errs = append(errs, fmt.Errorf("the name %q: must begin with a lower case letter, and have but lower case letters, digits and \"-\", at most 64", o.name))
	}
	if o.lang == "" {
		errs = append(errs, errors.New("--lang: must be go or node"))
	} else if languages()[o.lang] == nil {
		errs = append(errs, fmt.Errorf("--lang: %q is not known: must be go or node", o.lang))
	}
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	if o.dir == "" {
		o.dir = o.name
	}
	return nil
}

//go:embed templates
var templates embed.FS

// values are what templates have.
type values struct {
	Name    string
	Source  *source
	NodeSDK string // folder of the package
}

// create writes a plugin. Nothing is written if one of its files is there.
func create(o options, stdout io.Writer) error {
	from, err := findSource(o.moonwire)
	if err != nil {
		return err
	}
	v := values{Name: o.name, Source: from, NodeSDK: filepath.Join(from.Dir, nodeSDK)}
	all, err := template.New("").Funcs(template.FuncMap{"quote": strconv.Quote}).ParseFS(templates, "templates/"+o.lang+"/*.tmpl")
	if err != nil {
		return err
	}
	files := languages()[o.lang]
	texts := make([]bytes.Buffer, len(files))
	for i, f := range files {
		if err := all.ExecuteTemplate(&texts[i], f.template+".tmpl", v); err != nil {
			return err
		}
	}
	if err := absent(o.dir, files); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	for i, f := range files {
		path := filepath.Join(o.dir, f.name)
		if err := write(path, texts[i].Bytes(), f.mode); err != nil {
			return err
		}
		fmt.Fprintln(stdout, path)
	}
	fmt.Fprintln(stdout, "The SDK is in "+from.Dir+". In "+o.dir+", go on with: "+o.next())
	return nil
}

// next is what to do with the plugin.
func (o *options) next() string {
	if o.lang == "go" {
		return "go test . && go build -o " + o.name + " ."
	}
	return "npm install && npm test"
}

// absent returns an error for the files that are there already.
func absent(dir string, files []file) error {
	var errs []error
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Lstat(path); err == nil {
			errs = append(errs, fmt.Errorf("%s is there already: nothing was written", path))
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// write makes a file that is not there.
func write(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
