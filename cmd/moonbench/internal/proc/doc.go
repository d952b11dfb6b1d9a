// Package proc reads what a process costs: CPU time and resident memory.
//
// CPU time comes from the kernel's per-process CPU clock (clock_gettime with
// the clock id of a foreign PID). It sums the scheduler's runtime over all
// threads of the process, those that have already exited included, counts the
// slice that is running now, and has a resolution of one nanosecond.
// /proc/PID/schedstat has the same resolution but covers the main thread only;
// /proc/PID/stat covers all threads in ticks of 10 ms. Both serve as
// fallbacks, in this order: process clock, sum over
// /proc/PID/task/*/schedstat, utime+stime of /proc/PID/stat. Source tells
// which one is in use.
//
// All three count what the kernel does on behalf of the process, loopback TCP
// included, as far as it runs while one of its threads is current. A softirq
// that interrupts somebody else is charged to somebody else, on any server
// alike.
//
// The package knows nothing of servers or messages, and keeps no state beyond
// the PIDs it watches:
//
//	m, err := proc.Watch(pid)
//	before, err := m.CPU()
//	...
//	after, err := m.CPU()
//	cost := after - before
package proc
