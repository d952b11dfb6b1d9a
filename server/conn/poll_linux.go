package conn

import (
	"fmt"
	"os"
	"syscall"
)

// epoll is a sleepPoll. Its own descriptor is watched by the Go runtime, so that
// waiting takes no thread.
type epoll struct {
	file *os.File
	raw  syscall.RawConn
}

func newSleepPoll() (sleepPoll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating epoll: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("creating epoll: %w", err)
	}
	f := os.NewFile(uintptr(fd), "epoll")
	rc, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("creating epoll: %w", err)
	}
	return &epoll{file: f, raw: rc}, nil
}

func (p *epoll) arm(fd int, again bool) error {
	op := syscall.EPOLL_CTL_ADD
	if again {
		op = syscall.EPOLL_CTL_MOD
	}
	ev := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT,
		Fd:     int32(fd),
	}
	var err error
	if e := p.raw.Control(func(ep uintptr) { err = syscall.EpollCtl(int(ep), op, fd, &ev) }); e != nil {
		return e
	}
	return err
}

func (p *epoll) wait(report func(fd int)) {
	events := make([]syscall.EpollEvent, 256)
	// The callback never reports that it is done: only close ends the wait.
	_ = p.raw.Read(func(ep uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(ep), events, 0)
			if err == syscall.EINTR {
				continue
			}
			for i := range max(n, 0) {
				report(int(events[i].Fd))
			}
			if n < len(events) {
				return false
			}
		}
	})
}

func (p *epoll) close() { _ = p.file.Close() }
