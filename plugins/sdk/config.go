package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Config is what a plugin is given at the start.
type Config struct {
	Hook                      string // its name in the broker's configuration
	ServerName, ServerVersion string // of the broker
	// JSON is the hook's `config`: an object. [Config.Decode] reads it.
	JSON []byte
	// State is what the process before had to hand over; nil if there is none.
	State []byte
	// Restarted: the process before has died.
	Restarted bool
	// Broker is what the plugin may ask the broker to do, at any time later.
	Broker *Broker
}

// Decode reads the hook's `config` into what v points to, by the rules of
// encoding/json, but for one: a key that v does not have is an error, as whoever
// misspells a setting would otherwise go without it. What is not set stays as it is,
// so that v may hold the defaults, and no `config` at all is fine. The error is for
// the operator, and names the key; v may have been changed in part.
func (c *Config) Decode(v any) error {
	if len(c.JSON) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(c.JSON))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explain(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("config: there is something behind the object")
	}
	return nil
}

// explain returns an error of encoding/json in words of a configuration.
func explain(err error) error {
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("config: unknown key %s", key)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at := "config"
		if e.Field != "" {
			at += "." + e.Field
		}
		return fmt.Errorf("%s: got %s, want %s", at, e.Value, inWords(e.Type))
	}
	return fmt.Errorf("config: %w", err)
}

// inWords is what a value of a type is in JSON: an operator knows no types of Go.
func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inWords(t.Elem())
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number that is not negative"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return t.String()
}
