package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// layer is a source of values; a later one overrides an earlier one.
type layer int

const (
	layerDefault layer = iota
	layerFile
	layerEnv
	layerFlag
)

// position is where a value stands. Line and column count from 1; 0 is unknown.
type position struct {
	layer     layer
	source    string // path of the file, "environment variable X", "flag -x"
	line, col int
}

// String returns source:line:col without what is unknown.
func (p position) String() string {
	switch {
	case p.line == 0:
		return p.source
	case p.col == 0:
		return fmt.Sprintf("%s:%d", p.source, p.line)
	}
	return fmt.Sprintf("%s:%d:%d", p.source, p.line, p.col)
}

// compare orders positions by layer, then by place.
func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.layer, q.layer), cmp.Compare(p.source, q.source),
		cmp.Compare(p.line, q.line), cmp.Compare(p.col, q.col))
}

// problem is an error or a warning with its place.
type problem struct {
	at    position
	text  string
	cause error // may be nil
}

// Error returns place and text on one line.
func (p *problem) Error() string {
	if p.at.source == "" {
		return p.text
	}
	return p.at.String() + ": " + p.text
}

// Unwrap returns the cause, so that errors.Is finds fs.ErrNotExist.
func (p *problem) Unwrap() error { return p.cause }

// report collects what is wrong while sources are read.
type report struct {
	problems []*problem
	warnings []*problem
	origins  map[string]position // field path -> where its value came from
	failed   map[string]bool     // field paths whose value was refused
}

func newReport() *report {
	return &report{origins: make(map[string]position), failed: make(map[string]bool)}
}

// fail adds an error.
func (r *report) fail(at position, format string, args ...any) {
	r.problems = append(r.problems, &problem{at: at, text: fmt.Sprintf(format, args...)})
}

// warn adds a warning.
func (r *report) warn(at position, format string, args ...any) {
	r.warnings = append(r.warnings, &problem{at: at, text: fmt.Sprintf(format, args...)})
}

// check adds what is wrong between the fields of the merged options. What hangs
// on a field that was already refused is left out: it would only confuse.
func (r *report) check(o *Options) {
	if cs := o.conflicts(); len(cs) > 0 {
		r.problems = append(r.problems, r.placed(cs)...)
	}
	r.warnings = append(r.warnings, r.placed(o.doubts())...)
}

// placed gives conflicts the place of the first field that a source has set, or
// of what that field stands in.
func (r *report) placed(cs []conflict) []*problem {
	var ps []*problem
	for _, c := range cs {
		if slices.ContainsFunc(c.fields, r.refused) {
			continue
		}
		ps = append(ps, &problem{at: r.origin(c.fields), text: c.text})
	}
	return ps
}

// refused reports whether a field, or what it stands in, was refused.
func (r *report) refused(path string) bool {
	outer := above(path)
	return r.failed[path] || outer != "" && r.failed[outer]
}

// origin returns the place of the first of some fields that has one, or else
// that of what they stand in.
func (r *report) origin(fields []string) position {
	for fields := slices.Clone(fields); ; {
		more := false
		for i, f := range fields {
			if at, ok := r.origins[f]; ok {
				return at
			}
			fields[i] = above(f)
			more = more || fields[i] != ""
		}
		if !more {
			return position{}
		}
	}
}

// above returns the path of what a field or an element stands in; "" is the
// root.
func above(path string) string {
	if i := strings.LastIndex(path, delimiter); i >= 0 && !strings.HasSuffix(path, "]") {
		return path[:i]
	}
	if i := strings.LastIndexByte(path, '['); i >= 0 {
		return path[:i]
	}
	if i := strings.LastIndex(path, delimiter); i >= 0 {
		return path[:i]
	}
	return ""
}

// err returns all errors in the order of their places, or nil.
func (r *report) err() error {
	sorted(r.problems)
	errs := make([]error, len(r.problems))
	for i, p := range r.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// notes returns all warnings in the order of their places.
func (r *report) notes() []string {
	sorted(r.warnings)
	var notes []string
	for _, w := range r.warnings {
		notes = append(notes, w.Error())
	}
	return notes
}

func sorted(ps []*problem) {
	slices.SortStableFunc(ps, func(a, b *problem) int {
		return cmp.Or(a.at.compare(b.at), cmp.Compare(a.text, b.text))
	})
}
