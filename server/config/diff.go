package config

import (
	"reflect"
	"slices"
	"strings"
)

// Diff returns the keys whose values differ in newer: those that a running
// broker can change, and those that it refuses to, as they take a restart. They
// come in the order of the table; what has no key of its own comes last, under
// the key of what it stands in. Zero values stand for their defaults. Of a list
// of blocks (users, accounts, mappings) it names the list.
func (o *Options) Diff(newer *Options) (changed, refused []string) {
	a, b := reflect.ValueOf(o.WithDefaults()), reflect.ValueOf(newer.WithDefaults())
	seen := make(map[string]bool) // fields, of which the first key is named
	for _, it := range known().settled() {
		if it.kind == address || it.commandOnly {
			continue // the fields have keys of their own
		}
		for _, path := range it.paths() {
			if seen[path] || same(fieldAt(a, path), fieldAt(b, path)) {
				continue
			}
			seen[path] = true
			if it.reloadable {
				changed = append(changed, it.path)
			} else {
				refused = append(refused, it.path)
			}
			break
		}
	}
	inAuthorization := func(key string) bool { return strings.HasPrefix(key, authorizationKey+".") }
	if o.AuthorizationBlock != newer.AuthorizationBlock && !slices.ContainsFunc(changed, inAuthorization) {
		changed = append(changed, authorizationKey)
	}
	monitored := o.HTTPPort|o.HTTPSPort != 0 && newer.HTTPPort|newer.HTTPSPort != 0
	if monitored && !same(fieldAt(a, "HTTPHost"), fieldAt(b, "HTTPHost")) {
		refused = append(refused, "http")
	}
	return changed, refused
}

// same compares two values; an empty list is the same as none.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
