//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "moonbench: runs on Linux only: it reads /proc and uses epoll")
	os.Exit(1)
}
