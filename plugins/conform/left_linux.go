package conform

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// patience is how long what was killed may take to be gone.
const patience = time.Second

// checkLeft: nothing that its processes have started outlives them.
func checkLeft(ctx context.Context, s *subject) (string, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		list := s.left()
		if len(list) == 0 {
			return "", nil
		}
		select {
		case <-tick.C:
		case <-late.C:
			return "", fmt.Errorf("processes that the plugin has started are still there: %v: stay in its process group, or end them", list)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// left returns the ids of processes that have the mark in their environment.
func (s *subject) left() (list []string) {
	mark := []byte(markKey + "=" + s.mark + "\x00")
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		env, err := os.ReadFile(name)
		if err == nil && bytes.Contains(env, mark) {
			list = append(list, filepath.Base(filepath.Dir(name)))
		}
	}
	return list
}
