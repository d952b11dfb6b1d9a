package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"moonwire/server/config"
)

const (
	// settle is how long files have to be left alone before they are read, as
	// certificate and key are rarely written at one instant; maxSettle is after
	// how long they are read all the same.
	settle    = 100 * time.Millisecond
	maxSettle = 2 * time.Second
	// lookEvery is how often the files are read without having been told of a
	// change: notice may be unavailable, or not pass a network file system.
	lookEvery = 30 * time.Second
)

// Certs is the TLS side of a listener: its configuration, kept up to date with
// its files. Make it with [NewCerts] and end it with Close. It may be used from
// many goroutines.
type Certs struct {
	o      config.TLS  // immutable
	log    *zap.Logger // immutable
	server *tls.Config // immutable; what it refers to is in now

	now  atomic.Pointer[material]
	ask  chan chan error
	stop func() // once
	end  chan struct{}
	done chan struct{}

	seen string // sum of the files as they were last read; the goroutine's own
}

// NewCerts reads the files of o. The error names the file and the key. From then
// on new content of the files is taken when it appears: at once where the system
// tells of it, which covers files that are replaced and symbolic links that are
// turned, else within 30 s. Content that does not load is logged once, and what
// was loaded before stays.
func NewCerts(o *config.TLS, log *zap.Logger) (*Certs, error) {
	c := &Certs{
		o: *o, log: log,
		ask: make(chan chan error), end: make(chan struct{}), done: make(chan struct{}),
	}
	c.stop = sync.OnceFunc(func() { close(c.end) })
	if err := c.load(); err != nil {
		return nil, err
	}
	c.server = &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.now.Load().config, nil
		},
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn(fmt.Sprintf("TLS files are read every %s, as their changes cannot be watched: %v", lookEvery, err))
	}
	go c.keep(w)
	return c, nil
}

// Config returns a configuration for servers, always the same one. Each
// handshake takes what was loaded last.
func (c *Certs) Config() *tls.Config { return c.server }

// NotAfter returns when the first of the certificates ends to be valid: of nil,
// which stands for no TLS, never, the zero time.
func (c *Certs) NotAfter() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.now.Load().notAfter
}

// Reload reads the files now. With an error, which names the file, what was
// loaded before stays.
func (c *Certs) Reload() error {
	answer := make(chan error, 1)
	select {
	case c.ask <- answer:
		return <-answer
	case <-c.done:
		return errors.New("reloading TLS files: closed")
	}
}

// Close ends the watch over the files. What was loaded last stays in use.
func (c *Certs) Close() {
	c.stop()
	<-c.done
}

// load reads the files and takes what is in them.
func (c *Certs) load() error {
	m, sum, err := load(&c.o)
	c.seen = sum
	if err != nil {
		return err
	}
	c.now.Store(m)
	return nil
}

// look takes the content of the files if it is new.
func (c *Certs) look() {
	m, sum, err := load(&c.o)
	if sum == c.seen {
		return
	}
	c.seen = sum
	if err != nil {
		c.log.Error(fmt.Sprintf("TLS files changed and do not load, the old certificates stay: %v", err))
		return
	}
	c.now.Store(m)
	c.log.Info(fmt.Sprintf("TLS files changed and were loaded; the certificates are valid until %s", m.notAfter.Format(time.RFC3339)))
}

// keep looks after the files until Close. w may be nil.
func (c *Certs) keep(w *fsnotify.Watcher) {
	defer close(c.done)
	var (
		events chan fsnotify.Event
		failed chan error
	)
	if w != nil {
		defer w.Close()
		events, failed = w.Events, w.Errors
	}
	var since time.Time // of the first change that was not looked at
	settled := time.NewTimer(0)
	defer settled.Stop()
	often := time.NewTicker(lookEvery)
	defer often.Stop()
	look := func() {
		since = time.Time{}
		c.watch(w) // first: what changes while we look is then told
		c.look()
	}
	for {
		select {
		case <-c.end:
			return
		case answer := <-c.ask:
			c.watch(w)
			answer <- c.load()
		case <-settled.C:
			look()
		case <-often.C:
			look()
		case <-events:
			if since.IsZero() {
				since = time.Now()
			}
			settled.Reset(max(0, min(settle, maxSettle-time.Since(since))))
		case <-failed: // changes may have gone untold
			settled.Reset(settle)
		}
	}
}

// watch makes w watch the directories of the files, and those that symbolic
// links lead to. A directory that cannot be watched has its files looked at
// from time to time.
func (c *Certs) watch(w *fsnotify.Watcher) {
	if w == nil {
		return
	}
	files := []string{c.o.CAFile}
	for _, p := range pairs(&c.o) {
		files = append(files, p.CertFile, p.KeyFile)
	}
	for _, f := range files {
		if f == "" {
			continue
		}
		_ = w.Add(filepath.Dir(f))
		if target, err := filepath.EvalSymlinks(f); err == nil {
			_ = w.Add(filepath.Dir(target))
		}
	}
}
