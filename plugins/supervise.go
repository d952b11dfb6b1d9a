package plugins

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/status"

	"moonwire/hooks"
)

const (
	// steady is how long a process has to last for its end to count as a first one.
	steady = time.Minute
	// crashes is how many ends in a row make an operator look.
	crashes = 5
	// suspicion is how long a process may take to say that it is well after somebody
	// has waited for it in vain, which is not looked into more often than quiet.
	suspicion = 500 * time.Millisecond
	quiet     = 100 * time.Millisecond
	// moment is how long a process may be away for calls to wait for the next one.
	moment = 10 * time.Millisecond
)

// supervise looks after the process until Close: when it ends, or does not answer,
// another takes its place.
func (p *Plugin) supervise() {
	defer close(p.ended)
	defer p.orders.Wait()
	failed := 0 // processes in a row that did not last
	for {
		r, start := p.now.Load(), time.Now()
		why := p.watch(r)
		r.link.close()
		if why == nil { // Close
			ctx, cancel := context.WithTimeout(context.Background(), grace)
			r.process.stop(ctx)
			cancel()
			return
		}
		wait := time.Duration(0)
		if errors.Is(why, errGone) { // it has, or is about to
			wait = pipeDelay
		}
		if e, ok := errors.AsType[*hooks.Error](why); ok {
			why = e.Err
		}
		exit, ended := r.process.exit(wait)
		r.process.stop(expired())
		if ended {
			why = fmt.Errorf("%w: %s", why, exit)
		}
		told := "the plugin has ended and is restarted"
		if r.process.attached() {
			told = "the plugin is gone and is attached to again when it is back"
		}
		p.o.Log.Error(told, zap.String("why", why.Error()), zap.Uint64("late_answers", r.link.late.Load()))
		if time.Since(start) >= steady {
			failed = 0
		}
		if failed = p.restart(r, why, failed); failed == 0 {
			return
		}
	}
}

// watch returns why a process has to be replaced, or nil when the plugin is closed.
// One that somebody else has started is only given up when it is gone: if it stands
// still, somebody may be looking at it in a debugger.
func (p *Plugin) watch(r *running) error {
	health := time.NewTicker(p.o.HealthEvery)
	defer health.Stop()
	var last time.Time // that it said it was well
	var late, writing uint64
	for {
		patience := p.o.HealthEvery
		select {
		case <-p.life.Done():
			return nil
		case <-r.link.dead:
			return r.link.why()
		case <-r.link.doubted:
			if time.Since(last) < quiet || r.process.attached() {
				continue
			}
			patience = min(patience, suspicion)
		case <-health.C:
			if n := r.link.late.Load(); n > late {
				p.o.Log.Warn("the plugin gives answers that nobody waits for: too late, twice, or to what was not asked", zap.Uint64("answers", n-late))
				late = n
			}
			if r.process.attached() {
				continue
			}
			n := r.link.writing.Load()
			if n%2 == 1 && n == writing {
				return errors.New("it is not well: it takes no more questions")
			}
			writing = n
		}
		if err := p.examine(r, patience); err != nil {
			return fmt.Errorf("it is not well: %s", brief(status.Convert(err).Message()))
		}
		last = time.Now()
	}
}

// examine asks a process whether it is well. It may take as long as patience, and
// no longer than suspicion from when somebody waits for it in vain.
func (p *Plugin) examine(r *running, patience time.Duration) error {
	ctx, cancel := context.WithCancel(p.life)
	defer cancel()
	said := make(chan error, 1)
	go func() { said <- r.process.well(ctx) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	doubted := r.link.doubted
	for {
		select {
		case err := <-said:
			if p.life.Err() != nil {
				return nil
			}
			return err
		case <-doubted:
			timer.Reset(min(patience, suspicion))
			doubted = nil
		case <-timer.C:
			cancel()
			<-said
			return errors.New("it does not answer its health check")
		case <-r.link.dead:
			cancel()
			<-said
			return nil // which says more
		}
	}
}

// restart puts another process in the place of r, however long it takes. Failed is
// how many in a row were before; it returns how many are now, or 0 when the plugin
// is closed meanwhile.
func (p *Plugin) restart(r *running, why error, failed int) int {
	swap := func(now *running) {
		p.now.Store(now)
		close(r.next)
		r = now
	}
	for {
		failed++
		if failed == crashes {
			p.o.Log.Error("the plugin does not stay up: it is restarted ever more slowly", zap.Int("ends", failed))
		}
		none := running{why: &hooks.Error{Kind: hooks.KindTransport, Err: fmt.Errorf("the plugin is not running: %w", why)}}
		if wait := p.o.backoff(failed); wait > 0 {
			resting := none
			resting.resting, resting.next = wait > moment, make(chan struct{})
			swap(&resting)
			if !p.pause(wait) {
				return 0
			}
		}
		none.next = make(chan struct{})
		swap(&none)
		ctx, cancel := context.WithTimeout(p.life, p.o.StartTimeout)
		now, err := p.launch(ctx, nil, true)
		cancel()
		if p.life.Err() != nil {
			if err == nil {
				swap(now) // to be stopped as any other
				return failed
			}
			return 0
		}
		if err == nil {
			p.restarts.Add(1)
			swap(now)
			p.o.Log.Info("the plugin is back", zap.Int("pid", now.process.pid()))
			return failed
		}
		p.o.Log.Error("the plugin cannot be restarted", zap.Error(err))
		why = err
	}
}

// backoff is how long to wait before a process that follows some that failed: not
// at all the first time.
func (o *Options) backoff(failed int) (wait time.Duration) {
	for range min(failed, 64) - 1 {
		wait = min(max(2*wait, o.RestartMin), o.RestartMax)
	}
	return wait
}

// pause waits for about d, and reports false when the plugin is closed meanwhile.
func (p *Plugin) pause(d time.Duration) bool {
	t := time.NewTimer(d + rand.N(d/4+1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.life.Done():
	}
	return p.life.Err() == nil
}
