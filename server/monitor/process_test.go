package monitor

import (
	"testing"
	"time"
)

func TestUptime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour:              "0s",
		0:                       "0s",
		999 * time.Millisecond:  "0s",
		59 * time.Second:        "59s",
		time.Minute:             "1m0s",
		3599 * time.Second:      "59m59s",
		time.Hour:               "1h0m0s",
		day - 1:                 "23h59m59s",
		day:                     "1d0h0m0s",
		365*day - 1:             "364d23h59m59s",
		365 * day:               "1y0d0h0m0s",
		800*day + 3*time.Second: "2y70d0h0m3s",
	} {
		if got := uptime(d); got != want {
			t.Errorf("%v: got %s, want %s", time.Duration(d), got, want)
		}
	}
}

func TestProcessMemory(t *testing.T) {
	t.Parallel()
	const block = 64 << 20
	before := residentMemory()
	data := make([]byte, block)
	for i := range data {
		data[i] = 1
	}
	after := residentMemory()
	if data[block-1] != 1 || after < block {
		t.Errorf("%d bytes with %d of them just written", after, block)
	}
	if before <= 0 {
		t.Errorf("%d bytes at first", before)
	}
	if got := runtimeMemory(); got < block {
		t.Errorf("the runtime's own count is %d bytes with %d of them just written", got, block)
	}
}

// TestProcessCPU gives the measurements' times itself and burns CPU in between.
func TestProcessCPU(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p := newProcess(start)
	burn(200 * time.Millisecond)

	if _, percent := p.usage(start.Add(cpuInterval - 1)); percent != 0 {
		t.Errorf("got %v %% within the first interval, want 0", percent)
	}
	_, percent := p.usage(start.Add(cpuInterval))
	if percent < 20 {
		t.Errorf("got %v %% for 200 ms in a second, want 20 at least", percent)
	}
	burn(50 * time.Millisecond)
	if _, again := p.usage(start.Add(2*cpuInterval - 1)); again != percent {
		t.Errorf("got %v %% within the second interval, want %v again", again, percent)
	}
	// An interval of two hours: what was used is next to nothing.
	if _, later := p.usage(start.Add(2 * time.Hour)); later >= percent || later < 0 {
		t.Errorf("got %v %% over two hours, want less than %v", later, percent)
	}
	if got := runtimeCPU(); got < 0 {
		t.Errorf("the runtime's own count is %v", got)
	}
}

// burn uses CPU until the process's total has grown by d.
func burn(d time.Duration) {
	for begin := cpuTime(); cpuTime()-begin < d; {
	}
}
