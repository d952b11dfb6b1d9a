package server

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"time"
)

// fileSums are the sums of files as they were last read. What has not changed is
// not read again.
type fileSums map[string]fileSum

type fileSum struct {
	info os.FileInfo
	at   time.Time // of info
	sum  string
}

// fresh is how long the time of a file's change cannot be relied on: another
// change may get the same.
const fresh = time.Second

// of returns the sum of a file, or why there is none.
func (m fileSums) of(path string) string {
	at := time.Now()
	info, err := os.Stat(path)
	if err != nil {
		delete(m, path)
		return "missing: " + err.Error()
	}
	if s, ok := m[path]; ok && os.SameFile(s.info, info) && s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime()) &&
		s.at.Sub(info.ModTime()) > fresh {
		return s.sum
	}
	s, err := sumFile(path)
	if err != nil {
		delete(m, path)
		return "unreadable: " + err.Error()
	}
	m[path] = fileSum{info, at, s}
	return s
}

// each returns the sums of files by their paths.
func (m fileSums) each(paths []string) map[string]string {
	sums := make(map[string]string, len(paths))
	for _, p := range paths {
		sums[p] = m.of(p)
	}
	return sums
}

// all returns one sum of all files. Those that are in known are not looked at.
func (m fileSums) all(paths []string, known map[string]string) string {
	var b strings.Builder
	for _, p := range paths {
		s, ok := known[p]
		if !ok {
			s = m.of(p)
		}
		b.WriteString(p + "\x00" + s + "\x00")
	}
	return sumOf([]byte(b.String()))
}

func sumOf(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
