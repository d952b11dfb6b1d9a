// Package poll is readiness and raw TCP sockets for one thread: epoll, a timer,
// a wake-up for other threads, and non-blocking reads and writes on plain file
// descriptors.
//
// It exists because moonbench drives thousands of connections from one thread
// with one read buffer. The net package needs a goroutine for each connection
// and two reads for each wake-up, which costs more than a fast server spends
// on the whole delivery.
//
// It is not a general event loop: level-triggered, Linux only, no callbacks.
// The owner calls Wait, handles the events, calls Wait again. A Poller belongs
// to one goroutine; only Wake may be called from others. The caller owns all
// file descriptors and closes them.
//
//	p, err := poll.New()
//	fd, err := poll.Dial(addr, timeout)
//	err = p.Add(fd, token, poll.Read)
//	events, err := p.Wait(true)
package poll
