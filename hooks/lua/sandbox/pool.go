package sandbox

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// PoolOptions bound a pool. A zero field means its default.
type PoolOptions struct {
	Max      int           // VMs at once, in use or idle; GOMAXPROCS
	Warm     int           // VMs that NewPool makes; 1, at most Max
	MaxCalls int           // calls after which a VM is thrown away; 1,000,000
	MaxAge   time.Duration // age after which it is, looked at every 256 calls; 10 minutes
	MaxBytes int64         // bytes charged in its life after which it is; 64 MiB
}

func (o PoolOptions) withDefaults() PoolOptions {
	if o.Max <= 0 {
		o.Max = runtime.GOMAXPROCS(0)
	}
	if o.Warm <= 0 {
		o.Warm = 1
	}
	o.Warm = min(o.Warm, o.Max)
	if o.MaxCalls <= 0 {
		o.MaxCalls = 1_000_000
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 10 * time.Minute
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	return o
}

// Pool lends virtual machines of one program, the one that was used last first.
// A script keeps nothing for longer than a VM lives; so what it hoards, on
// purpose or not, is bounded by Max times MaxBytes. It is safe for concurrent
// use.
type Pool struct {
	program *Program
	host    Host
	o       PoolOptions

	mu struct {
		sync.Mutex
		idle    []*VM         // the last is taken first
		live    int           // VMs in use, idle or being made
		waiting []chan *VM    // in the order of their coming; buffered by one
		closed  chan struct{} // closed when Close was called and all VMs are back; nil before Close
	}
}

// NewPool makes a pool and its first VMs: an error of the script shows here.
func NewPool(p *Program, h Host, o PoolOptions) (*Pool, error) {
	pool := &Pool{program: p, host: h, o: o.withDefaults()}
	for range pool.o.Warm {
		vm, err := NewVM(p, h)
		if err != nil {
			return nil, err
		}
		pool.mu.idle = append(pool.mu.idle, vm)
		pool.mu.live++
	}
	return pool, nil
}

// Get lends a VM until Put. If all are in use it waits for one. It returns
// ErrClosed, the context's error, or that of [NewVM].
func (p *Pool) Get(ctx context.Context) (*VM, error) {
	p.mu.Lock()
	if p.mu.closed != nil {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.mu.idle); n > 0 {
		vm := p.mu.idle[n-1]
		p.mu.idle[n-1] = nil
		p.mu.idle = p.mu.idle[:n-1]
		p.mu.Unlock()
		return vm, nil
	}
	if p.mu.live < p.o.Max {
		p.mu.live++
		p.mu.Unlock()
		return p.fresh()
	}
	turn := make(chan *VM, 1)
	p.mu.waiting = append(p.mu.waiting, turn)
	p.mu.Unlock()
	return p.wait(ctx, turn)
}

// fresh makes a VM in a place that is already counted.
func (p *Pool) fresh() (*VM, error) {
	vm, err := NewVM(p.program, p.host)
	if err != nil {
		p.give(nil)
		return nil, fmt.Errorf("making a virtual machine: %w", err)
	}
	return vm, nil
}

func (p *Pool) wait(ctx context.Context, turn chan *VM) (*VM, error) {
	select {
	case vm, ok := <-turn:
		return p.took(vm, ok)
	case <-ctx.Done():
	}
	if p.leave(turn) {
		return nil, ctx.Err()
	}
	vm, ok := <-turn // it came all the same
	if ok {
		p.give(vm)
	}
	return nil, ctx.Err()
}

// took takes a turn: a VM, the place of one that was thrown away, or the news
// that the pool is closed.
func (p *Pool) took(vm *VM, ok bool) (*VM, error) {
	switch {
	case !ok:
		return nil, ErrClosed
	case vm == nil:
		return p.fresh()
	}
	return vm, nil
}

// leave takes a waiter out of the queue; false if its turn has come.
func (p *Pool) leave(turn chan *VM) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.mu.waiting {
		if w == turn {
			p.mu.waiting = append(p.mu.waiting[:i], p.mu.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// Put takes a VM back. One that is broken or has served its time is thrown
// away; a new one is made when it is needed.
func (p *Pool) Put(vm *VM) {
	if p.worn(vm) {
		vm = nil
	}
	p.give(vm)
}

func (p *Pool) worn(vm *VM) bool {
	return vm.broken || vm.calls >= p.o.MaxCalls || vm.spent >= p.o.MaxBytes ||
		vm.calls&255 == 0 && vm.calls > 0 && vm.now().Sub(vm.born) >= p.o.MaxAge
}

// give gives a VM, or nil for the place of one, to who waits longest, or back
// to the pool.
func (p *Pool) give(vm *VM) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.waiting) > 0 {
		p.mu.waiting[0] <- vm
		p.mu.waiting = p.mu.waiting[1:]
		return
	}
	if vm != nil && p.mu.closed == nil {
		p.mu.idle = append(p.mu.idle, vm)
		return
	}
	p.mu.live--
	p.doneLocked()
}

func (p *Pool) doneLocked() {
	if p.mu.closed != nil && p.mu.live == 0 {
		select {
		case <-p.mu.closed:
		default:
			close(p.mu.closed)
		}
	}
}

// Close refuses further Gets and waits until all VMs are back or ctx ends,
// whose error it then returns.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.mu.closed == nil {
		p.mu.closed = make(chan struct{})
		for _, w := range p.mu.waiting {
			close(w)
		}
		p.mu.waiting = nil
		p.mu.live -= len(p.mu.idle)
		p.mu.idle = nil
		p.doneLocked()
	}
	closed := p.mu.closed
	p.mu.Unlock()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the pool of virtual machines of %s: some are still in use: %w", p.program.name, ctx.Err())
	}
}

// Size returns how many VMs there are, and how many of them are idle.
func (p *Pool) Size() (live, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.live, len(p.mu.idle)
}
