package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// action is what a step does.
type action interface {
	// run does it; the error does not name file and line.
	run(x *session) error
}

// The actions. A name is that of a connection.
type (
	openStep struct{ name string }
	sendStep struct {
		name string
		data []byte
	}
	closeStep  struct{ name string } // we close
	holdStep   struct{ name string } // we stop reading
	resumeStep struct{ name string } // we read again

	// expectStep waits until each of its units came, in any order.
	expectStep struct{ units []unit }
	// closedStep waits until the server closed the connection. With cut, any
	// bytes but an -ERR may come before; else none.
	closedStep struct {
		name string
		cut  bool
	}
	// silentStep checks that nothing comes for a while.
	silentStep struct {
		name string
		wait time.Duration
	}
	refusedStep struct{ name string } // a new connection cannot be opened

	lameDuckStep struct{}
	shutdownStep struct{}
)

func (a openStep) run(x *session) error {
	_, err := x.peer(a.name)
	return err
}

func (a sendStep) run(x *session) error {
	p, err := x.peer(a.name)
	if err != nil {
		return err
	}
	return p.write(a.data)
}

func (a closeStep) run(x *session) error {
	p, ok := x.peers[a.name]
	if !ok {
		return fmt.Errorf("%s is not open", a.name)
	}
	p.pass()
	if got, _ := p.state(); len(got) > 0 {
		return fmt.Errorf("%s has unexpected %s", a.name, quote(got))
	}
	x.drop(p)
	return nil
}

func (a holdStep) run(x *session) error {
	p, err := x.peer(a.name)
	if err != nil {
		return err
	}
	return p.hold()
}

func (a resumeStep) run(x *session) error {
	p, ok := x.peers[a.name]
	if !ok {
		return fmt.Errorf("%s is not open", a.name)
	}
	select {
	case <-p.done:
		p.start()
		return nil
	default:
		return fmt.Errorf("%s is not held", a.name)
	}
}

func (a expectStep) run(x *session) error {
	for _, name := range namesOf(a.units) {
		if _, err := x.peer(name); err != nil {
			return err
		}
	}
	return x.expect(a.units)
}

func (a closedStep) run(x *session) error {
	p, err := x.peer(a.name)
	if err != nil {
		return err
	}
	err = x.await(x.limit(), func() (bool, error) {
		p.pass()
		got, end := p.state()
		switch {
		case len(got) > 0 && !a.cut:
			return false, fmt.Errorf("%s expected to be closed\n\t%s got %s", a.name, a.name, quote(got))
		case end != nil && !isClosed(end):
			return false, fmt.Errorf("%s expected to be closed\n\t%s failed: %w", a.name, a.name, end)
		}
		return end != nil, nil
	})
	if errors.Is(err, errLate) {
		return fmt.Errorf("%s expected to be closed\n\t%s is open", a.name, a.name)
	}
	if err != nil {
		return err
	}
	if got, _ := p.state(); bytes.Contains(got, []byte("-ERR")) {
		return fmt.Errorf("%s expected to be cut without a word\n\t%s got %s", a.name, a.name, quote(tail(got)))
	}
	x.drop(p)
	return nil
}

// tail returns the end of what came, short enough to be shown whole.
func tail(b []byte) []byte { return b[max(0, len(b)-maxQuoted):] }

func (a silentStep) run(x *session) error {
	p, err := x.peer(a.name)
	if err != nil {
		return err
	}
	err = x.await(time.Now().Add(a.wait), func() (bool, error) {
		p.pass()
		got, end := p.state()
		switch {
		case len(got) > 0:
			return false, fmt.Errorf("%s expected nothing\n\t%s got %s", a.name, a.name, quote(got))
		case end != nil:
			return false, fmt.Errorf("%s expected nothing\n\t%s was closed: %w", a.name, a.name, end)
		}
		return false, nil
	})
	if errors.Is(err, errLate) {
		return nil
	}
	return err
}

func (a refusedStep) run(x *session) error {
	if _, ok := x.peers[a.name]; ok {
		return fmt.Errorf("%s is open already", a.name)
	}
	p, err := dial(a.name, x.addr, false, x.wake)
	if err == nil {
		p.close()
		return fmt.Errorf("%s expected to be refused\n\t%s is open", a.name, a.name)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s expected to be refused: %w", a.name, err)
	}
	return nil
}

func (lameDuckStep) run(x *session) error {
	x.inst.LameDuck()
	return nil
}

func (shutdownStep) run(x *session) error {
	x.work.Go(x.inst.Shutdown)
	return nil
}
