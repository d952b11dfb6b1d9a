package servertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// What Moonwire says of itself in INFO, where it differs on purpose from the
// reference.
const (
	moonwireVersion  = "2.14.0"
	moonwireAPILevel = "4"
	moonwireField    = "moonwire"
)

// infoField is one field of an INFO object as it came.
type infoField struct {
	name string
	raw  string // compact JSON
}

// fieldRule says how a field of a client's INFO may look. protocol.md §1.3
type fieldRule struct {
	name   string
	kind   byte // first byte of the JSON value: '"', '0' for a number, 't' for a bool, '['
	always bool
}

// infoRules are the fields of a client's INFO in the order of emission.
func infoRules() []fieldRule {
	return []fieldRule{
		{"server_id", '"', true},
		{"server_name", '"', true},
		{"version", '"', true},
		{"proto", '0', true},
		{"git_commit", '"', false},
		{"go", '"', true},
		{"host", '"', true},
		{"port", '0', true},
		{"headers", 't', true},
		{"auth_required", 't', false},
		{"tls_required", 't', false},
		{"tls_verify", 't', false},
		{"tls_available", 't', false},
		{"max_payload", '0', true},
		{"jetstream", 't', false},
		{"client_id", '0', true},
		{"client_ip", '"', false},
		{"nonce", '"', false},
		{"cluster", '"', false},
		{"domain", '"', false},
		{"connect_urls", '[', false},
		{"ldm", 't', false},
		{"connect_info", 't', false},
		{"remote_account", '"', false},
		{"acc_is_sys", 't', false},
		{"api_lvl", '0', true},
		{"xkey", '"', true},
		{moonwireField, '"', false},
	}
}

// readInfo splits an INFO line, CRLF included, into its fields. The line must
// have one blank behind the closing brace, and nothing else around the object.
func readInfo(line []byte) ([]infoField, error) {
	body, ok := bytes.CutPrefix(line, []byte("INFO "))
	if !ok {
		return nil, errors.New("no INFO line")
	}
	body, ok = bytes.CutSuffix(body, []byte("} \r\n"))
	if !ok {
		return nil, errors.New("INFO does not end with a brace, one blank and CRLF")
	}
	body = append(slices.Clone(body), '}')
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("INFO has no object right behind the op")
	}
	var fields []infoField
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("INFO is no valid JSON: %w", err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("INFO is no valid JSON: %w", err)
		}
		fields = append(fields, infoField{fmt.Sprint(name), compact(raw)})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("INFO is no valid JSON: %w", err)
	}
	if d.InputOffset() != int64(len(body)) {
		return nil, errors.New("INFO has more than one object")
	}
	return fields, nil
}

// compact strips the blanks of a JSON value that is known to be valid.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

// checkInfo reports how the fields break the rules for a client's INFO of the
// named server: an unknown field, a wrong order or type, a missing field.
func checkInfo(server string, fields []infoField) error {
	rules := infoRules()
	next := 0
	for _, f := range fields {
		i := slices.IndexFunc(rules, func(r fieldRule) bool { return r.name == f.name })
		switch {
		case i < 0:
			return fmt.Errorf("INFO has an unknown field %s", f.name)
		case i < next:
			return fmt.Errorf("INFO field %s is not in its place", f.name)
		case kindOf(f.raw) != rules[i].kind:
			return fmt.Errorf("INFO field %s has a value of the wrong type: %s", f.name, f.raw)
		}
		next = i + 1
	}
	for _, r := range rules {
		if _, ok := lookup(fields, r.name); r.always && !ok {
			return fmt.Errorf("INFO lacks the field %s", r.name)
		}
	}
	return checkOwnFields(server, fields)
}

// checkOwnFields checks what only Moonwire says, and the reference must not.
func checkOwnFields(server string, fields []infoField) error {
	_, own := lookup(fields, moonwireField)
	if server != Moonwire {
		if own {
			return fmt.Errorf("INFO has the field %s", moonwireField)
		}
		return nil
	}
	version, _ := lookup(fields, "version")
	level, _ := lookup(fields, "api_lvl")
	_, commit := lookup(fields, "git_commit")
	switch {
	case !own:
		return fmt.Errorf("INFO lacks the field %s", moonwireField)
	case version != `"`+moonwireVersion+`"`:
		return fmt.Errorf("INFO field version is %s, not %q", version, moonwireVersion)
	case level != moonwireAPILevel:
		return fmt.Errorf("INFO field api_lvl is %s, not %s", level, moonwireAPILevel)
	case commit:
		return errors.New("INFO has the field git_commit")
	}
	return nil
}

func lookup(fields []infoField, name string) (raw string, ok bool) {
	i := slices.IndexFunc(fields, func(f infoField) bool { return f.name == name })
	if i < 0 {
		return "", false
	}
	return fields[i].raw, true
}

// kindOf returns the kind of a compact JSON value as a fieldRule has it.
func kindOf(raw string) byte {
	switch c := raw[0]; c {
	case 'f':
		return 't'
	case '-', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	default:
		return c
	}
}
