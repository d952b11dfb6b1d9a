package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moonwire/examples/plugins/internal/setting"
	"moonwire/plugins/sdk"
)

// settings are the `config` of the hook.
type settings struct {
	Database  string `json:"database"`  // path, seen from the folder of the program; "audit.db" by default
	Queue     int    `json:"queue"`     // records that may wait, at most 16384; 8192 by default
	Batch     int    `json:"batch"`     // records of a transaction, at most; 512 by default
	Flush     string `json:"flush"`     // how long a record waits, at most; "200ms" by default
	Retention string `json:"retention"` // how long a record is kept; "720h" by default
}

// mostQueue is how many records can be written in the second that a plugin has to end,
// also on a slow disk.
const mostQueue = 16384

// audit is the plugin.
type audit struct {
	database *database // nil before Configure, and immutable from then on, as is sink
	sink     *sink
}

// Version implements sdk.Versioned.
func (*audit) Version() string { return "1.0.0" }

// Configure implements sdk.Configurer. The error has all problems at once.
func (a *audit) Configure(ctx context.Context, c *sdk.Config) error {
	s := settings{Database: "audit.db", Queue: 8192, Batch: 512, Flush: "200ms", Retention: "720h"}
	if err := c.Decode(&s); err != nil {
		return err
	}
	var errs []error
	duration := func(key, text string) time.Duration {
		d, err := setting.Duration(key, text)
		errs = append(errs, err)
		return d
	}
	o := sinkOptions{queue: s.Queue, batch: s.Batch, flush: duration("flush", s.Flush), retention: duration("retention", s.Retention)}
	if o.queue < 1 || o.queue > mostQueue || o.batch < 1 || o.batch > o.queue {
		errs = append(errs, fmt.Errorf("config: queue and batch are %d and %d: want 1 ≤ batch ≤ queue ≤ %d", o.queue, o.batch, mostQueue))
	}
	path, err := setting.Beside(s.Database)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	if a.database, err = openDatabase(ctx, path); err != nil {
		return err
	}
	a.sink = newSink(a.database, o)
	return nil
}

// Publish implements sdk.Publisher: it has no opinion, and does not wait.
func (a *audit) Publish(_ context.Context, m *sdk.Message) sdk.Decision {
	r := newRecord(time.Now(), "publish", m.Client)
	r.subject, r.size = m.Subject, m.Size
	a.sink.add(r)
	return sdk.Pass()
}

// Event implements sdk.Notified.
func (a *audit) Event(_ context.Context, e *sdk.Event) {
	r := newRecord(e.Time, e.Type, e.Client)
	r.subject, r.queue, r.reason = e.Subject, e.Queue, e.Reason
	a.sink.add(r)
}

// State implements sdk.Stateful. There is nothing to hand over but what the database
// has to have.
func (a *audit) State(ctx context.Context) ([]byte, error) { return nil, a.sink.drain(ctx) }

// close writes what is left.
func (a *audit) close() error {
	if a.sink == nil {
		return nil // it was never at work
	}
	a.sink.close()
	return a.database.close()
}
