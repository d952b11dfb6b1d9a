// Package floor is a forwarder that only copies bytes: the least that a broker
// can cost on this kernel, and the limit that brokers are measured against.
//
// What it does: one thread with one epoll. It sends INFO, answers PING with
// PONG, and learns SUBs. With its first PUB or HPUB a connection becomes a
// publisher: the subscribers of that subject are looked up once, and from this
// byte on whatever the publisher sends is copied to each of them as it is, one
// read (of up to 64 KiB) and one write for each subscriber, without being
// parsed. Subscribers therefore see PUB lines where a server would send MSG;
// INFO says so ("moonbench_raw"), and moonbench's subscribers understand it. A
// subscriber that takes no more holds its publisher back.
//
// What it does not do: wildcards, queue groups, more than one subject for each
// publisher, more than one publisher for each subscriber, SUBs that come after
// the publisher's first message, PINGs from a publisher after its first
// message, request/reply, UNSUB, permissions, limits, statistics. It cannot do
// any of these without looking at the messages, which is what it leaves out.
// moonbench refuses scenarios that need them.
//
// What its figure means: system calls and copies of memory, no more. A server
// that writes MSG lines with a sid has at least one more copy to make.
//
//	f, err := floor.Listen(netip.MustParseAddrPort("127.0.0.1:4222"))
//	err = f.Serve(ctx)
package floor
