// Package plugintool is `moonwire plugin …`: what people who write plugins need
// before there is one.
//
//	tool.go    the command line
//	new.go     new: the files of a plugin, written into a folder
//	source.go  where the sources of Moonwire are, with the SDKs in them
//
//	templates  those files; new.go says under which names
//
// A plugin refers to the SDK of its language in the sources of Moonwire, by a path:
// neither is to be fetched from anywhere. So new has to know where they are.
package plugintool
