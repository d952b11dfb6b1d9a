package setting

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Duration returns the time that a key has, which is more than none. The error names the
// key.
func Duration(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("config: %s: %q is no duration such as \"5s\"", key, text)
	}
	return d, nil
}

// Beside returns a path as seen from the folder of this program, where a plugin's files
// lie: its working directory is the broker's.
func Beside(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("looking for %s beside this program: %w", path, err)
	}
	return filepath.Join(filepath.Dir(program), path), nil
}
