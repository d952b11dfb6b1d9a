package profile

// The rooms that CPU time is sorted into.
const (
	KernelWrite = "kernel write"
	KernelRead  = "kernel read"
	KernelWait  = "kernel wait" // epoll, futex
	Scheduler   = "scheduler"
	Memory      = "memory" // allocation and collection
	Copying     = "copying"
	Parse       = "parse"
	Lookup      = "lookup"
	Staging     = "staging"
	Connection  = "connection"
	Clock       = "clock" // and timers
	Other       = "other"
)

// Rooms returns all rooms in the order in which they are shown.
func Rooms() []string {
	return []string{
		KernelWrite, KernelRead, KernelWait, Scheduler, Memory, Copying,
		Parse, Lookup, Staging, Connection, Clock, Other,
	}
}

// entry says which room the functions belong to whose names begin with prefix.
// The longest prefix counts.
type entry struct {
	prefix string
	room   string
	weak   bool // only if no caller belongs to a room
}

// entries is the table.
func entries() []entry {
	var t []entry
	add := func(room string, prefixes ...string) {
		for _, p := range prefixes {
			t = append(t, entry{prefix: p, room: room})
		}
	}
	add(KernelWrite, "syscall.write", "syscall.Write", "syscall.sendto", "syscall.sendmsg", "internal/poll.writev", "moonwire/server/conn.writeNow")
	add(KernelRead, "syscall.read", "syscall.Read", "syscall.recvfrom", "syscall.recvmsg", "moonwire/server/conn.readNow")
	add(KernelWait,
		"runtime.futex", "runtime.netpoll", "runtime.usleep", "runtime.osyield", "runtime.epoll",
		"internal/runtime/syscall.Epoll", "internal/runtime/syscall/linux.Epoll", "syscall.Epoll")
	add(Scheduler,
		"runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.gopark", "runtime.goready",
		"runtime.goparkunlock", "runtime.ready", "runtime.wakep", "runtime.startm", "runtime.stopm", "runtime.mPark",
		"runtime.mstart", "runtime.resetspinning", "runtime.execute", "runtime.gosched", "runtime.goyield", "runtime.runq",
		"runtime.globrunq", "runtime.stealWork", "runtime.injectglist", "runtime.newproc", "runtime.goexit", "runtime.gdestroy",
		"runtime.handoffp", "runtime.acquirep", "runtime.releasep", "runtime.pidle", "runtime.gcstopm",
		"runtime.lock2", "runtime.unlock2", "runtime.sem", "sync.runtime_", "internal/sync.runtime_",
		"runtime.chansend", "runtime.chanrecv", "runtime.closechan", "runtime.selectgo", "runtime.selectnb",
		"runtime.entersyscall", "runtime.exitsyscall", "runtime.reentersyscall",
		"runtime.sysmon", "runtime.retake", "runtime.preempt", "runtime.asyncPreempt")
	add(Memory,
		"runtime.mallocgc", "runtime.newobject", "runtime.growslice", "runtime.makeslice", "runtime.gc", "runtime.scan",
		"runtime.greyobject", "runtime.mark", "runtime.(*mheap)", "runtime.(*mcache)", "runtime.(*mcentral)", "runtime.(*mspan)",
		"runtime.(*gcWork)", "runtime.(*gcControllerState)", "runtime.(*wbBuf)", "runtime.wbBuf", "runtime.bulkBarrier",
		"runtime.sweep", "runtime.bgsweep", "runtime.bgscavenge", "runtime.(*sweep", "runtime.(*scavenge", "runtime.(*pageAlloc)",
		"runtime.sysUnused", "runtime.sysUsed", "runtime.sysHugePage", "runtime.madvise", "runtime.mmap", "runtime.munmap",
		"runtime.newstack", "runtime.copystack", "runtime.morestack", "runtime.stack", "runtime.heap", "runtime.nextFree",
		"runtime.findObject", "runtime.tryDeferToSpanScan", "runtime.(*spanInlineMarkBits)")
	add(Clock, "time.", "runtime.nanotime", "runtime.walltime", "runtime.(*timer", "runtime.cputicks", "runtime.timeSleep")
	add(Parse, "moonwire/server/wire.")
	add(Lookup, "moonwire/server/interest.", "moonwire/server/subject.")
	add(Staging, "moonwire/server/delivery.")
	add(Connection, "moonwire/server/conn.", "moonwire/server/listen.", "moonwire/server/reuse.", "moonwire/server.", "net.", "internal/poll.", "crypto/")
	return append(t,
		entry{prefix: "runtime.memmove", room: Copying, weak: true},
		entry{prefix: "runtime.typedmemmove", room: Copying, weak: true},
		entry{prefix: "runtime.typedslicecopy", room: Copying, weak: true},
		entry{prefix: "runtime.memclr", room: Memory, weak: true},
	)
}
