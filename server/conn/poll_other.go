//go:build !linux

package conn

import "errors"

func newSleepPoll() (sleepPoll, error) { return nil, errors.ErrUnsupported }
