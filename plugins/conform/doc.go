// Package conform holds a plugin in any language to the protocol of
// plugins/api/v1/hook.proto: it runs the program as the broker would, asks it what
// a broker may ask, and says what it does otherwise than it should.
//
// What a plugin decides is its own affair: an answer is right when its point takes
// it, or when the plugin says in it why it has none.
//
//	conform.go    Run, what there is to say of a plugin, and the order of the checks
//	process.go    the processes of the checks: each has its own
//	sample.go     questions that a registration is for
//	talk.go       a stream by hand, without a broker's mercy
//	start.go      how a plugin starts, and how it ends
//	ask.go        answers as the broker takes them, one at a time and many
//	stream.go     what may come on a stream besides
//	life.go       events, state, and another process after one that was killed
//	left_*.go     what plugins leave behind
package conform
