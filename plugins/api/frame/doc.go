// Package frame is the frames of the protocol's Stream as bytes, for both of its
// ends in Go: a codec that hands them through gRPC as they are, the numbers of
// their fields, and what reads and writes those.
//
// The frames are the path of every message that a plugin is asked about. To make
// objects of all that they hold, as the generated code does, costs more than
// most plugins take to decide. What is asked seldom is left to the generated code.
package frame
