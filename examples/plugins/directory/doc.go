// Command directory is a plugin that lets clients in by a directory of users and
// groups, as one would ask an LDAP server. The directory is a bbolt file: the plugin
// only reads it, and the same program, started by hand with a command, changes it.
//
// A user has a password, of which there is a bcrypt hash, and groups; a group has
// permissions, and a user those of all its groups together (snapshot.go). The broker
// is told of them when a client connects and enforces them by itself, so a message
// costs nothing.
//
// What was granted follows the directory (watch.go): a session carries the name of the
// credential that it was opened with, and the store keeps a list of those that have
// been revoked. A session with one of them is ended, and the others get the permissions
// that hold now; also when the process had died, or a client came in at the same moment.
//
// The store is open for as long as it is read, as a bbolt file that is open cannot be
// changed by another process.
package main
