// Command orders is a plugin that lets messages through whose payload is JSON that fits
// a JSON schema. Its settings say which schema is for which subjects; the first that
// fits counts. A message that passes has a header with the version of its schema, which
// nobody but the plugin can set; one that does not is denied or dropped, with a reason
// that says where it breaks what, and nothing that stands in it.
//
// Schemas are compiled once, when the plugin is configured (schema.go). Another version
// of one is another file and another version in the settings, so a reload of the broker
// takes it over, or says what is wrong with it and leaves the old one at work. The
// counters go along to the next process.
package main
