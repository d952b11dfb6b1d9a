package sandbox

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// PoolOptions bound a pool. A zero field means its default.
type PoolOptions struct {
	Max      int           // VMs at once, in use or idle; GOMAXPROCS
	Warm     int           // VMs that NewPool makes; 1, at most Max
	MaxCalls int           // calls after which a VM is thrown away; 1,000,000
	MaxAge   time.Duration // age after which it is, looked at by Put after 256 calls or more; 10 minutes
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

// Pool lends virtual machines of one program. A script keeps nothing for longer
// than a VM lives; so what it hoards, on purpose or not, is bounded by Max times
// MaxBytes. It is safe for concurrent use.
//
// As long as there is a VM for everybody, Get and Put take no lock: each VM has a
// berth, where it lies while it is idle. Who finds all berths empty takes the
// lock and sets wanted before it looks again; Put looks at wanted after it has
// filled a berth. So one of the two sees the other.
type Pool struct {
	program *Program
	host    Host
	o       PoolOptions
	berths  []berth     // Max of them
	wanted  atomic.Bool // somebody waits, or the pool is closed: VMs go by the lock; set under mu

	mu struct {
		sync.Mutex
		free    []int         // berths that belong to no VM
		live    int           // VMs in use, idle or being made
		waiting []chan *VM    // in the order of their coming; buffered by one
		closed  chan struct{} // closed when Close was called and all VMs are back; nil before Close
	}
}

// berth is where one VM lies while it is idle. Neighbours do not share a line of
// the processor's cache.
type berth struct {
	vm atomic.Pointer[VM]
	_  [56]byte
}

// NewPool makes a pool and its first VMs: an error of the script shows here.
func NewPool(p *Program, h Host, o PoolOptions) (*Pool, error) {
	pool := &Pool{program: p, host: h, o: o.withDefaults()}
	pool.berths = make([]berth, pool.o.Max)
	for i := range pool.berths {
		pool.mu.free = append(pool.mu.free, len(pool.berths)-1-i) // the last is taken first
	}
	for range pool.o.Warm {
		pool.mu.live++
		vm, err := pool.fresh()
		if err != nil {
			return nil, err
		}
		pool.berths[vm.berth].vm.Store(vm)
	}
	return pool, nil
}

// Get lends a VM until Put. If all are in use it waits for one. Who asks with the
// same number gets the same VM if it can: that has the tables of his
// connection. It returns ErrClosed, the context's error, or that of [NewVM].
func (p *Pool) Get(ctx context.Context, near uint64) (*VM, error) {
	if !p.wanted.Load() {
		if vm := p.take(near); vm != nil {
			return vm, nil
		}
	}
	vm, turn, err := p.queue(near)
	switch {
	case err != nil:
		return nil, err
	case turn != nil:
		return p.wait(ctx, turn)
	case vm == nil:
		return p.fresh()
	}
	return vm, nil
}

// take takes an idle VM, the one at near if it is there; nil if there is none.
func (p *Pool) take(near uint64) *VM {
	n := uint64(len(p.berths))
	at := near % n
	for range n {
		if b := &p.berths[at]; b.vm.Load() != nil {
			if vm := b.vm.Swap(nil); vm != nil {
				return vm
			}
		}
		if at++; at == n {
			at = 0
		}
	}
	return nil
}

// queue returns an idle VM after all, or a turn to wait for, or neither: then
// there is room for one more, which is counted already.
func (p *Pool) queue(near uint64) (*VM, chan *VM, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil {
		return nil, nil, ErrClosed
	}
	if len(p.mu.waiting) == 0 {
		p.wanted.Store(true) // before the look
		vm := p.take(near)
		room := vm == nil && p.mu.live < p.o.Max
		if room {
			p.mu.live++
		}
		if vm != nil || room {
			p.wanted.Store(false)
			return vm, nil, nil
		}
	}
	turn := make(chan *VM, 1)
	p.mu.waiting = append(p.mu.waiting, turn)
	return nil, turn, nil
}

// fresh makes a VM that is already counted.
func (p *Pool) fresh() (*VM, error) {
	vm, err := NewVM(p.program, p.host)
	if err != nil {
		p.discard(nil)
		return nil, fmt.Errorf("making a virtual machine: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.mu.free) - 1
	vm.berth, p.mu.free = p.mu.free[last], p.mu.free[:last]
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
	switch {
	case !ok:
	case vm == nil:
		p.discard(nil)
	default:
		p.give(vm)
	}
	return nil, ctx.Err()
}

// took takes a turn: a VM, the room of one that was thrown away, or the news
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
	i := slices.Index(p.mu.waiting, turn)
	if i < 0 {
		return false
	}
	p.mu.waiting = slices.Delete(p.mu.waiting, i, i+1)
	p.wanted.Store(len(p.mu.waiting) > 0 || p.mu.closed != nil)
	return true
}

// Put takes a VM back. One that is broken or has served its time is thrown
// away; a new one is made when it is needed.
func (p *Pool) Put(vm *VM) {
	if p.worn(vm) {
		p.discard(vm)
		return
	}
	p.give(vm)
}

func (p *Pool) worn(vm *VM) bool {
	if vm.broken || vm.calls >= p.o.MaxCalls || vm.spent >= p.o.MaxBytes {
		return true
	}
	if vm.calls-vm.aged < 256 { // to read the clock takes as long as a short call
		return false
	}
	vm.aged = vm.calls
	return vm.now().Sub(vm.born) >= p.o.MaxAge
}

// give puts a VM into its berth, from where it goes to who waits longest.
func (p *Pool) give(vm *VM) {
	p.berths[vm.berth].vm.Store(vm)
	if p.wanted.Load() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.settleLocked()
	}
}

// settleLocked gives idle VMs to those who wait, or throws them away if the pool
// is closed.
func (p *Pool) settleLocked() {
	for p.mu.closed != nil || len(p.mu.waiting) > 0 {
		vm := p.take(0)
		switch {
		case vm == nil:
			return
		case p.mu.closed != nil:
			p.mu.live--
			p.doneLocked()
		default:
			p.nextLocked(vm)
		}
	}
}

// nextLocked gives a VM, or nil for the room of one, to who waits longest.
func (p *Pool) nextLocked(vm *VM) {
	p.mu.waiting[0] <- vm
	p.mu.waiting = slices.Delete(p.mu.waiting, 0, 1)
	p.wanted.Store(len(p.mu.waiting) > 0)
}

// discard throws a VM away, or nil for one that could not be made.
func (p *Pool) discard(vm *VM) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if vm != nil {
		p.mu.free = append(p.mu.free, vm.berth)
	}
	if len(p.mu.waiting) > 0 {
		p.nextLocked(nil)
		return
	}
	p.mu.live--
	p.doneLocked()
}

func (p *Pool) doneLocked() {
	if p.mu.closed != nil && p.mu.live == 0 {
		close(p.mu.closed)
	}
}

// Close refuses further Gets and waits until all VMs are back or ctx ends,
// whose error it then returns.
func (p *Pool) Close(ctx context.Context) error {
	closed := p.shut()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the pool of virtual machines of %s: some are still in use: %w", p.program.name, ctx.Err())
	}
}

// shut sends all away who wait, and returns what is closed when all VMs are back.
func (p *Pool) shut() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed != nil {
		return p.mu.closed
	}
	p.mu.closed = make(chan struct{})
	p.wanted.Store(true)
	for _, w := range p.mu.waiting {
		close(w)
	}
	p.mu.waiting = nil
	if p.mu.live == 0 {
		p.doneLocked()
	}
	p.settleLocked()
	return p.mu.closed
}

// Size returns how many VMs there are, and how many of them are idle.
func (p *Pool) Size() (live, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.berths {
		if p.berths[i].vm.Load() != nil {
			idle++
		}
	}
	return p.mu.live, idle
}
