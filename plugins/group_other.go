//go:build !unix

package plugins

import "os/exec"

// socketNetwork is where plugins serve.
const socketNetwork = "tcp"

func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
