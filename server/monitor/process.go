package monitor

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

// cpuInterval is the shortest time that a CPU percentage is taken over. When asked
// more often, the last one is repeated.
const cpuInterval = time.Second

// process measures what this process uses.
type process struct {
	mu      sync.Mutex
	at      time.Time     // of the last measurement; guarded by mu
	cpu     time.Duration // used until then; guarded by mu
	percent float64       // in the interval that ended then; guarded by mu
}

// newProcess begins the first interval at now.
func newProcess(now time.Time) *process {
	return &process{at: now, cpu: cpuTime()}
}

// usage returns the resident memory in bytes, and the CPU time used since the last
// measurement, in percent of one core, with one decimal.
func (p *process) usage(now time.Time) (memory int64, percent float64) {
	memory = residentMemory()
	cpu := cpuTime()
	p.mu.Lock()
	defer p.mu.Unlock()
	if elapsed := now.Sub(p.at); elapsed >= cpuInterval {
		used := 100 * float64(cpu-p.cpu) / float64(elapsed)
		p.percent = math.Round(10*max(used, 0)) / 10
		p.at, p.cpu = now, cpu
	}
	return memory, p.percent
}

// runtimeMemory returns what the Go runtime has from the system, in bytes: about
// the resident memory of a program without cgo.
func runtimeMemory() int64 {
	total, released := readMetrics("/memory/classes/total:bytes", "/memory/classes/heap/released:bytes")
	return int64(total - released)
}

// runtimeCPU returns the Go runtime's estimate of the CPU time used, as of the
// last garbage collection.
func runtimeCPU() time.Duration {
	total, idle := readMetrics("/cpu/classes/total:cpu-seconds", "/cpu/classes/idle:cpu-seconds")
	return time.Duration((total - idle) * float64(time.Second))
}

// readMetrics returns two runtime metrics, 0 for what the runtime does not have.
func readMetrics(a, b string) (float64, float64) {
	samples := []metrics.Sample{{Name: a}, {Name: b}}
	metrics.Read(samples)
	value := func(v metrics.Value) float64 {
		switch v.Kind() {
		case metrics.KindUint64:
			return float64(v.Uint64())
		case metrics.KindFloat64:
			return v.Float64()
		default:
			return 0
		}
	}
	return value(samples[0].Value), value(samples[1].Value)
}
