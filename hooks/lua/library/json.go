package library

import (
	"errors"
	"math"

	"moonwire/hooks/lua/sandbox"
)

// null stands for JSON's null: nil would leave no trace in a table.
var null = sandbox.Atom("null")

// jsonModule returns the library json.
func jsonModule() *Module {
	m := newJSON()
	m.New = newJSON
	return m
}

// newJSON makes the library for one VM, which keeps the buffers of the last call.
func newJSON() *Module {
	d, e := &jsonDecoder{}, &jsonEncoder{}
	return &Module{
		Name: "json",
		Doc: "Reads and writes JSON as of RFC 8259. What is read has one meaning only: two equal keys in an object, bytes that are not UTF-8 " +
			"and halves of surrogate pairs are refused, because those who receive the text after the hook might see something else in it.",
		Constants: []Constant{{
			Name: "null", Type: "userdata", Value: null,
			Doc: "Stands for null where nil would leave no trace. It is equal to itself only, counts as true and prints as null.",
		}},
		Functions: []Function{
			{
				Name: "decode",
				Doc: "Makes a value of JSON text. null becomes json.null, so the result is nil only when the text is no JSON. Lists stay lists when they are encoded again, also if they are empty. " +
					"Numbers are 64-bit floats, so whole numbers beyond 2^53 lose digits unless numbers is \"string\". Values may lie 64 deep in each other, and a list may have 65,535 elements.",
				Params: []Param{
					{Name: "text", Type: "string", Doc: "One JSON value, with or without space around it."},
					{Name: "options", Type: "json.DecodeOptions?", Doc: "How to read."},
				},
				Returns: []Param{
					{Name: "value", Type: "any", Doc: "The value, or nil."},
					{Name: "err", Type: "string?", Doc: "Why the text is refused, and at which byte."},
				},
				Example: `local doc, err = json.decode('{"id": "4711", "tags": [], "note": null}')
assert(doc.id == "4711" and #doc.tags == 0 and doc.note == json.null)
assert(select(2, json.decode('{"id": 1, "id": 2}')) == 'the key "id" is twice in the object at byte 1')`,
				Do: func(a *sandbox.Args) error { return jsonDecode(a, d) },
			},
			{
				Name: "encode",
				Doc: "Makes JSON text of a value. Keys come in order, so that equal values have equal text. A table with elements 1 to n is a list, one with names is an object; an empty one is an object unless it was decoded from a list or made by json.array. " +
					"nil and json.null become null. Functions, NaN, infinite numbers, strings that are not UTF-8 and tables that are more than 64 deep or within themselves have no JSON.",
				Params: []Param{
					{Name: "value", Type: "any", Doc: "What to write."},
					{Name: "options", Type: "json.EncodeOptions?", Doc: "How to write."},
				},
				Returns: []Param{
					{Name: "text", Type: "string?", Doc: "The JSON, or nil."},
					{Name: "err", Type: "string?", Doc: "What has no JSON, and where it is."},
				},
				Example: `assert(json.encode{ b = { 1, 2, 3 }, a = json.null } == '{"a":null,"b":[1,2,3]}')
assert(select(2, json.encode{ a = { 1, tostring } }) == "at .a[2]: a function has no JSON")`,
				Do: func(a *sandbox.Args) error { return jsonEncode(a, e) },
			},
			{
				Name:    "array",
				Doc:     "Marks a table as a list, so that it is encoded as [] also when it is empty. A marked table cannot be given a metatable.",
				Params:  []Param{{Name: "t", Type: "table?", Doc: "A new table by default."}},
				Returns: []Param{{Name: "t", Type: "table", Doc: "The same table."}},
				Example: `assert(json.encode{ tags = json.array(), labels = {} } == '{"labels":{},"tags":[]}')`,
				Do:      jsonArray,
			},
		},
		Types: []Type{
			{Name: "json.DecodeOptions", Doc: "How json.decode reads.", Fields: []Param{
				{Name: "numbers", Type: `"string"?`, Doc: "Numbers become strings, as they stand in the text. They are encoded as strings then."},
				{Name: "duplicates", Type: `"last"?`, Doc: "Of equal keys in an object the last counts, instead of an error."},
			}},
			{Name: "json.EncodeOptions", Doc: "How json.encode writes.", Fields: []Param{
				{Name: "indent", Type: "integer?", Doc: "A line for each element and key, indented by that many spaces, 1 to 8. All in one line by default."},
			}},
		},
	}
}

func jsonDecode(a *sandbox.Args, d *jsonDecoder) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	o, given, err := options(a, 2, "numbers", "duplicates")
	if err != nil {
		return err
	}
	var how jsonReading
	if given {
		if how.verbatim, err = jsonChoice(o, "numbers", "string"); err != nil {
			return err
		}
		if how.lastWins, err = jsonChoice(o, "duplicates", "last"); err != nil {
			return err
		}
	}
	v, err := d.decode(a, s, how)
	if err != nil {
		return fail(a, err.Error())
	}
	a.Return(v)
	return nil
}

// jsonChoice reports whether an option has the one value that it can have.
func jsonChoice(o sandbox.Table, name, value string) (bool, error) {
	v := o.Get(name)
	if s, _ := v.Text(); v.IsNil() || s == value {
		return s == value, nil
	}
	return false, errors.New("bad argument #2 (" + name + ` can only be "` + value + `")`)
}

func jsonEncode(a *sandbox.Args, e *jsonEncoder) error {
	if a.Len() == 0 {
		return wrong(a, 1, "value")
	}
	o, given, err := options(a, 2, "indent")
	if err != nil {
		return err
	}
	indent := 0
	if given && !o.Get("indent").IsNil() {
		f, _ := o.Get("indent").Number()
		if f != math.Trunc(f) || f < 1 || f > 8 {
			return errors.New("bad argument #2 (indent is a whole number from 1 to 8)")
		}
		indent = int(f)
	}
	out, err := e.encode(a, a.At(1), indent)
	if err != nil {
		return fail(a, err.Error())
	}
	a.Charge(len(out))
	a.Return(sandbox.Bytes(out))
	return nil
}

func jsonArray(a *sandbox.Args) error {
	if a.At(1).IsNil() {
		a.Return(newList(a.VM(), 0).Value())
		return nil
	}
	t, err := table(a, 1)
	if err != nil {
		return err
	}
	if !t.IsList() && !t.MarkList() {
		return errors.New("bad argument #1 (a table that is read-only or has a metatable cannot be marked)")
	}
	a.Return(t.Value())
	return nil
}
