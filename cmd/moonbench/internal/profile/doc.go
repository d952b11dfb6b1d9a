// Package profile fetches the CPU profile of a Go program and tells where its
// time goes: into the kernel, the runtime, or a room of the server.
//
// Each sample is walked from the innermost function outwards until one is
// reached that the table in rooms.go knows; the sample belongs to its room. The
// table is data: a new package of the server is a new line there. What the
// runtime does on behalf of its caller, such as copying memory, belongs to the
// caller's room where there is one.
//
// The package fetches over HTTP and knows nothing of loads: the caller sees to
// it that the server is busy meanwhile.
//
//	data, err := profile.Fetch(ctx, "127.0.0.1:6060", 3*time.Second)
//	shares, err := profile.Sort(data)
//	data, err = profile.Strip(data) // to keep it
package profile
