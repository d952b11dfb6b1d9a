//go:build unix

package main

import (
	"os"
	"syscall"
)

// watched are the signals that mean something to the broker, as to
// nats-server.
func watched() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP}
}

func purposeOf(sig os.Signal) purpose {
	switch sig {
	case syscall.SIGTERM:
		return stopUnlessLameDuck
	case syscall.SIGUSR1:
		return reopenLog
	case syscall.SIGUSR2:
		return lameDuck
	case syscall.SIGHUP:
		return reload
	}
	return stop
}
