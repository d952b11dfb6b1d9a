package servertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// infoPattern is what a transcript says of an INFO line.
type infoPattern struct {
	text  string
	items []infoItem
	open  bool // other fields may stand anywhere between
}

// infoItem is one item of an infoPattern.
type infoItem struct {
	name   string
	raw    string // compact JSON; empty for any value
	absent bool
}

// parseInfo reads the pattern behind the op, such as {port:*, ldm:true, !nonce, …}.
func parseInfo(src string) (*infoPattern, error) {
	body, ok := strings.CutPrefix(src, "{")
	if !ok || !strings.HasSuffix(body, "}") {
		return nil, errors.New("an INFO pattern stands in braces")
	}
	body = strings.TrimSuffix(body, "}")
	p := &infoPattern{text: src}
	for rest := strings.TrimSpace(body); rest != ""; {
		if p.open {
			return nil, errors.New("… is the last item of an INFO pattern")
		}
		item, after, err := p.parseItem(rest)
		if err != nil {
			return nil, err
		}
		if item.name != "" {
			p.items = append(p.items, item)
		}
		rest = strings.TrimSpace(after)
		if rest == "" {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return nil, fmt.Errorf("%s where a comma should be", rest)
		}
		if rest = strings.TrimSpace(rest); rest == "" {
			return nil, errors.New("an INFO pattern ends with a comma")
		}
	}
	return p, nil
}

// parseItem reads the item at the beginning of src and returns what follows it.
// An item without a name was the ellipsis.
func (p *infoPattern) parseItem(src string) (item infoItem, rest string, err error) {
	if rest, ok := strings.CutPrefix(src, "…"); ok {
		p.open = true
		return infoItem{}, rest, nil
	}
	src, item.absent = strings.CutPrefix(src, "!")
	end := strings.IndexFunc(src, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	if end < 0 {
		end = len(src)
	}
	item.name, rest = src[:end], src[end:]
	if !slices.ContainsFunc(infoRules(), func(r fieldRule) bool { return r.name == item.name }) {
		return infoItem{}, "", fmt.Errorf("INFO has no field %q", item.name)
	}
	if item.absent {
		return item, rest, nil
	}
	rest, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return infoItem{}, "", fmt.Errorf("no value for the INFO field %s", item.name)
	}
	if after, ok := strings.CutPrefix(rest, "*"); ok {
		return item, after, nil
	}
	d := json.NewDecoder(strings.NewReader(rest))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return infoItem{}, "", fmt.Errorf("value of the INFO field %s: %w", item.name, err)
	}
	item.raw = compact(raw)
	return item, rest[d.InputOffset():], nil
}

// check reports how the fields differ from the pattern. Unless the pattern names
// them, git_commit (a matter of the build) and moonwire (see checkOwnFields) may be
// there or not.
func (p *infoPattern) check(fields []infoField) error {
	fields = slices.DeleteFunc(slices.Clone(fields), func(f infoField) bool {
		_, named := p.item(f.name)
		return !named && (f.name == "git_commit" || f.name == moonwireField)
	})
	next := 0
	for _, item := range p.items {
		i := slices.IndexFunc(fields, func(f infoField) bool { return f.name == item.name })
		switch {
		case item.absent && i >= 0:
			return fmt.Errorf("INFO has the field %s", item.name)
		case item.absent:
			continue
		case i < 0:
			return fmt.Errorf("INFO lacks the field %s", item.name)
		case i < next:
			return fmt.Errorf("INFO field %s is not in its place", item.name)
		case item.raw != "" && item.raw != fields[i].raw:
			return fmt.Errorf("INFO field %s is %s, not %s", item.name, fields[i].raw, item.raw)
		}
		next = i + 1
	}
	if p.open {
		return nil
	}
	for _, f := range fields {
		if _, ok := p.item(f.name); !ok {
			return fmt.Errorf("INFO has the field %s", f.name)
		}
	}
	return nil
}

func (p *infoPattern) item(name string) (infoItem, bool) {
	i := slices.IndexFunc(p.items, func(it infoItem) bool { return it.name == name })
	if i < 0 {
		return infoItem{}, false
	}
	return p.items[i], true
}
