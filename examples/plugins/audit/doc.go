// Command audit is a plugin that writes down what happens to an SQLite database: the
// events of the broker, and who has published what to where, without payloads, headers
// and secrets.
//
// No message waits for the database: a record goes to a queue, and one goroutine writes
// what is there in one transaction (sink.go). When the queue is full the record is lost,
// and the loss is a record itself, so that a gap can be told from silence. What is in the
// queue is written before another process takes over and before the plugin ends; when it
// is killed, what came within the last moment (`flush`) is lost, and nothing else.
//
// Records that are older than `retention` are removed (database.go).
package main
