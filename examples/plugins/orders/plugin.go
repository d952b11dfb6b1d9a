package main

import (
	"context"
	"errors"
	"fmt"

	"moonwire/plugins/sdk"
	"moonwire/server/subject"
)

// settings are the `config` of the hook.
type settings struct {
	// Header is where the version of the schema stands; "Schema-Version" by default.
	Header  string `json:"header"`
	Schemas []struct {
		Subject string `json:"subject"` // pattern
		File    string `json:"file"`    // seen from the folder of the program
		Version string `json:"version"`
		// Otherwise is what becomes of a message that does not fit: "deny", the
		// default, or "drop".
		Otherwise string `json:"otherwise"`
	} `json:"schemas"`
}

// orders is the plugin.
type orders struct {
	header  string    // immutable after Configure, as are the others
	schemas []*schema // in their order
	counted *counters // nil before Configure
}

// Version implements sdk.Versioned.
func (*orders) Version() string { return "1.0.0" }

// Configure implements sdk.Configurer. The error has all problems at once.
func (o *orders) Configure(_ context.Context, c *sdk.Config) error {
	s := settings{Header: "Schema-Version"}
	if err := c.Decode(&s); err != nil {
		return err
	}
	var schemas []*schema
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := new(sdk.Message).SetHeader(s.Header, ""); err != nil {
		bad("config: header: %w", err)
	}
	if len(s.Schemas) == 0 {
		bad("config: schemas: there are none")
	}
	for i, e := range s.Schemas {
		at := fmt.Sprintf("config: schemas[%d]", i)
		if !subject.ValidPattern(e.Subject) {
			bad("%s: subject: %q is no subject", at, e.Subject)
		}
		if err := new(sdk.Message).SetHeader("v", e.Version); err != nil || e.Version == "" {
			bad("%s: version: %q does not name one", at, e.Version)
		}
		if e.Otherwise != "" && e.Otherwise != "deny" && e.Otherwise != "drop" {
			bad("%s: otherwise: %q is neither deny nor drop", at, e.Otherwise)
		}
		compiled, err := compile(e.File)
		if err != nil {
			bad("%s: file: %w", at, err)
		}
		schemas = append(schemas, &schema{pattern: e.Subject, version: e.Version, drop: e.Otherwise == "drop", compiled: compiled})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	counted, err := newCounters(schemas, c.State)
	if err != nil {
		return err
	}
	o.header, o.schemas, o.counted = s.Header, schemas, counted
	return nil
}

// State implements sdk.Stateful.
func (o *orders) State(context.Context) ([]byte, error) { return o.counted.MarshalJSON() }

// Inspect implements sdk.Inspector.
func (o *orders) Inspect(_ context.Context, m *sdk.Message) sdk.Decision {
	s := o.schema(m.Subject)
	if s == nil {
		m.DeleteHeader(o.header) // nobody has looked at it
		return sdk.Pass()
	}
	count := o.counted.of[s.version]
	if why := s.breaks(m.Payload); why != "" {
		count.refused.Add(1)
		if s.drop {
			return sdk.Drop(why)
		}
		return sdk.Deny(why)
	}
	if err := m.SetHeader(o.header, s.version); err != nil {
		return sdk.Fail(err)
	}
	count.passed.Add(1)
	return sdk.Pass()
}

// schema returns the one for a subject; nil if there is none.
func (o *orders) schema(of string) *schema {
	for _, s := range o.schemas {
		if subject.Match(s.pattern, of) {
			return s
		}
	}
	return nil
}
