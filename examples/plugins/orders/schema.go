package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"moonwire/examples/plugins/internal/setting"
)

// schema is one with the subjects that it is for. Immutable.
type schema struct {
	pattern, version string
	drop             bool // what does not fit
	compiled         *jsonschema.Schema
}

// compile compiles a file. What it refers to is seen from its folder; only files are read.
func compile(file string) (*jsonschema.Schema, error) {
	if file == "" {
		return nil, errors.New("there is none")
	}
	path, err := setting.Beside(file)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat() // an order of no date is no order
	return c.Compile(path)
}

// mostReason is how many bytes of a place the reason has.
const mostReason = 100

// breaks says where a payload does not fit, and what it breaks there; "" if it fits.
// The values of a payload are not for the log, so the library's own words will not do.
func (s *schema) breaks(payload []byte) string {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return s.version + ": it is not JSON"
	}
	err = s.compiled.Validate(doc)
	if err == nil {
		return ""
	}
	wrong, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return s.version + ": it cannot be looked at"
	}
	for len(wrong.Causes) > 0 {
		wrong = wrong.Causes[0]
	}
	place := "/" + strings.Join(wrong.InstanceLocation, "/")
	if len(place) > mostReason {
		place = strings.ToValidUTF8(place[:mostReason], "") + "…"
	}
	if k, ok := wrong.ErrorKind.(*kind.Required); ok {
		return fmt.Sprintf("%s: %q lacks %s", s.version, place, strings.Join(k.Missing, ", "))
	}
	return fmt.Sprintf("%s: %q breaks %s", s.version, place, strings.Join(wrong.ErrorKind.KeywordPath(), "/"))
}
