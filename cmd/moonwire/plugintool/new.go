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
	"strings"
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
		err := fmt.Errorf("the name %q: must begin with a lower case letter, and have but lower case letters, digits and \"-\", at most 64", o.name)
		if strings.ContainsRune(o.name, filepath.Separator) {
			err = fmt.Errorf("%w; --dir names the folder", err)
		}
		errs = append(errs, err)
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
	fmt.Fprintln(stdout, "The SDK is in "+from.Dir+". Go on with: "+o.next())
	return nil
}

// next is what to do with the plugin, for a shell in the working directory.
func (o *options) next() string {
	next := "npm install && npm test"
	if o.lang == "go" {
		next = "go test . && go build -o " + o.name + " ."
	}
	if dir := filepath.Clean(o.dir); dir != "." {
		next = "cd " + quote(dir) + " && " + next
	}
	return next
}

// plain is a word that a shell takes as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./+:@%,=][A-Za-z0-9_./+:@%,=-]*$`)

// quote writes a word as a shell reads it.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// absent returns an error if some of the files are there already, or cannot be.
func absent(dir string, files []file) error {
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a folder: --dir names another", dir)
	}
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, f.name)); err == nil {
			there = append(there, f.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("nothing was written, as the folder %s has already: %s; --dir names another", dir, strings.Join(there, ", "))
	}
	return nil
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
