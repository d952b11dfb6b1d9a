package sandbox

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func newPool(t *testing.T, source string, o PoolOptions) *Pool {
	t.Helper()
	p, err := NewPool(compile(t, source), Host{Setup: hooked}, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, p *Pool) *VM {
	t.Helper()
	vm, err := p.Get(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// TestPoolNear: who asks with the same number gets the same VM, and another one
// while that is in use; a new one is only made when none is idle.
func TestPoolNear(t *testing.T) {
	t.Parallel()
	p := newPool(t, "", PoolOptions{Max: 3, Warm: 2})
	if live, idle := p.Size(); live != 2 || idle != 2 {
		t.Errorf("warm: %d, %d idle", live, idle)
	}
	near := func(n uint64) *VM {
		t.Helper()
		vm, err := p.Get(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		return vm
	}
	a, b := near(0), near(1)
	if a == b {
		t.Error("one VM for two")
	}
	p.Put(b)
	p.Put(a)
	for n, want := range []*VM{a, b, a, a, b, a} { // of the third there is none yet
		vm := near(uint64(n))
		if vm != want {
			t.Errorf("%d: another VM", n)
		}
		p.Put(vm)
	}
	a = near(3)
	if got := near(3); got != b {
		t.Error("not the one that is idle")
	}
	c := near(3)
	for _, vm := range []*VM{a, b, c} {
		p.Put(vm)
	}
	if got := near(5); got != c {
		t.Error("not the new one")
	}
	p.Put(c)
	if live, idle := p.Size(); live != 3 || idle != 3 {
		t.Errorf("%d, %d idle", live, idle)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if live, idle := p.Size(); live != 0 || idle != 0 {
		t.Errorf("after Close: %d, %d idle", live, idle)
	}
	if _, err := p.Get(t.Context(), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestPoolWorn(t *testing.T) {
	t.Parallel()
	p := newPool(t, "hook(function(s, n) while n == 'loop' do end return s:rep(n) end)",
		PoolOptions{Max: 1, MaxCalls: 3, MaxBytes: 1 << 20})
	use := func(times int, args ...Value) *VM {
		t.Helper()
		vm := get(t, p)
		for range times {
			if _, err := vm.Call(vm.Ext.(Value), patient, args...); err != nil && !errors.Is(err, ErrInstructions) {
				t.Fatal(err)
			}
		}
		p.Put(vm)
		return vm
	}
	first := use(2, String("x"), Number(1))
	if second := use(1, String("x"), Number(1)); second != first {
		t.Error("thrown away after 2 calls")
	}
	third := use(1, String("x"), Number(1))
	if third == first {
		t.Error("kept after 3 calls")
	}
	use(1, String("x"), Number(2<<20))
	if next := use(1, String("x"), String("loop")); next == third {
		t.Error("kept after 1 MiB")
	} else if again := use(1, String("x"), Number(1)); again == next {
		t.Error("kept though it is broken")
	}
	if live, idle := p.Size(); live != 1 || idle != 1 {
		t.Errorf("%d, %d idle", live, idle)
	}
}

// TestPoolAge: the age is looked at after 256 calls, however many a batch has.
func TestPoolAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "hook(function() end)", PoolOptions{Max: 1, MaxAge: time.Minute})
		use := func(calls int) (live int) {
			vm := get(t, p)
			for range calls {
				if _, err := vm.Call(vm.Ext.(Value), patient); err != nil {
					t.Fatal(err)
				}
			}
			p.Put(vm)
			live, _ = p.Size()
			return live
		}
		if use(257) != 1 {
			t.Error("thrown away when it was new")
		}
		<-time.After(2 * time.Minute)
		for range 2 {
			if use(100) != 1 {
				t.Error("the clock was read before there were 256 calls")
			}
		}
		if use(100) != 0 {
			t.Error("kept when it was old")
		}
	})
}

// TestPoolWait: who waits gets a VM in turn, gives up with its context, and
// hears of Close, which waits for those in use.
func TestPoolWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "", PoolOptions{Max: 1})
		vm := get(t, p)
		var got []int
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				w, err := p.Get(context.Background(), 0)
				if err != nil {
					t.Error(err)
					return
				}
				got = append(got, i)
				w.fail(ErrMemory) // the next one gets its place only
				w.broken = true
				p.Put(w)
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := p.Get(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends: %v", err)
		}
		p.Put(vm)
		wg.Wait()
		if len(got) != 3 || got[0] != 0 || got[1] != 1 || got[2] != 2 {
			t.Errorf("order %v", got)
		}

		vm = get(t, p)
		waiting := make(chan error, 1)
		go func() { _, err := p.Get(context.Background(), 0); waiting <- err }()
		synctest.Wait()
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.Close(short); err == nil || !strings.Contains(err.Error(), "still in use") {
			t.Errorf("Close with one in use: %v", err)
		}
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("waiting at Close: %v", err)
		}
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }()
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("Close did not wait")
		}
		p.Put(vm)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestPoolBroken(t *testing.T) {
	t.Parallel()
	if _, err := NewPool(compile(t, "error('no')"), Host{}, PoolOptions{}); err == nil {
		t.Error("no error of the script")
	}
	fails := atomic.Bool{}
	p, err := NewPool(compile(t, ""), Host{Setup: func(*VM) error {
		if fails.Load() {
			return errHost
		}
		return nil
	}}, PoolOptions{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	vm := get(t, p)
	vm.broken = true
	p.Put(vm)
	fails.Store(true)
	for range 3 {
		if _, err := p.Get(t.Context(), 0); !errors.Is(err, errHost) {
			t.Errorf("got %v", err)
		}
	}
	fails.Store(false)
	p.Put(get(t, p))
}

// TestPoolRace has many goroutines use few VMs, some of which break.
func TestPoolRace(t *testing.T) {
	t.Parallel()
	p := newPool(t, "hook(function(n) while n == 13 do end local t = {} for i = 1, n do t[i] = tostring(i) end return #t end)",
		PoolOptions{Max: 4, MaxCalls: 50})
	var inUse, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 40 {
				vm, err := p.Get(t.Context(), uint64(i))
				if err != nil {
					t.Error(err)
					return
				}
				now := inUse.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				got, err := vm.Call(vm.Ext.(Value), Budget{Instructions: 10_000, Wall: time.Hour}, Number(float64(n)))
				if n == 13 && !errors.Is(err, ErrInstructions) || n != 13 && (err != nil || got != Number(float64(n))) {
					t.Errorf("%d, %d: got %v, %v", i, n, got, err)
				}
				inUse.Add(-1)
				p.Put(vm)
			}
		})
	}
	wg.Wait()
	if most.Load() > 4 {
		t.Errorf("%d VMs at once", most.Load())
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestPoolCloseRace closes pools of which many goroutines get VMs, some of whom give
// up waiting: each hears of it, and no VM is left behind.
func TestPoolCloseRace(t *testing.T) {
	t.Parallel()
	for range 100 {
		p := newPool(t, "hook(function() end)", PoolOptions{Max: 2, MaxCalls: 5})
		busy := make(chan struct{}, 8)
		var wg sync.WaitGroup
		for i := range cap(busy) {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for n := 0; ; n++ {
					if n == 20+i {
						busy <- struct{}{}
					}
					if i == 0 && n == 30 {
						cancel()
					}
					vm, err := p.Get(ctx, uint64(i))
					if errors.Is(err, ErrClosed) || i == 0 && errors.Is(err, context.Canceled) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := vm.Call(vm.Ext.(Value), patient); err != nil {
						t.Error(err)
					}
					p.Put(vm)
				}
			})
		}
		<-busy
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if live, idle := p.Size(); live != 0 || idle != 0 {
			t.Fatalf("%d VMs are left, %d of them idle", live, idle)
		}
	}
}
