package main

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"moonwire/plugins/sdk"
	"moonwire/plugins/sdk/sdktest"
)

// rows returns the records of a database, in one line each.
func rows(t *testing.T, path string) (list []string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(t.Context(), `SELECT kind, client, user, account, name, host, subject, queue, reason, size FROM records ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var kind, user, account, name, host, subject, queue, reason string
		var client, size int
		if err := found.Scan(&kind, &client, &user, &account, &name, &host, &subject, &queue, &reason, &size); err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.Join([]string{kind, fmt.Sprint(client), user, account, name, host, subject, queue, reason, fmt.Sprint(size)}, "|"))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// start runs the plugin, which writes only when it is told to.
func start(t *testing.T, path string) (*audit, *sdktest.Plugin) {
	t.Helper()
	a := new(audit)
	p := sdktest.Start(t, a, map[string]any{"database": path, "flush": "1h"}, registrations()...)
	return a, p
}

func TestAudit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "an audit?.db")
	a, p := start(t, path)
	alice := sdk.Client{ID: 7, User: "alice", Account: "A", Name: "laptop", Host: "127.0.0.1", Lang: "go", Tags: map[string]string{"secret": "x"}}
	at := time.Now()
	p.Event(sdk.Event{Type: "connect", Time: at, Client: &alice})
	p.As(alice).Publish("orders.new", sdktest.Header("X", "secret"), sdktest.Payload("secret")).WantPass()
	p.Event(sdk.Event{Type: "subscribe", Time: at, Client: &alice, Subject: "orders.>", Queue: "q"})
	p.Event(sdk.Event{Type: "reload", Time: at, Reason: "HUP"})
	if state := p.State(); len(state) != 0 { // the records are written by then
		t.Errorf("the state is %q", state)
	}
	want := []string{
		"connect|7|alice|A|laptop|127.0.0.1||||0",
		"publish|7|alice|A|laptop|127.0.0.1|orders.new|||29",
		"subscribe|7|alice|A|laptop|127.0.0.1|orders.>|q||0",
		"reload|0|||||||HUP|0",
	}
	got := rows(t, strings.ReplaceAll(path, "?", "%3f"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	// On a reload there are two for a moment.
	b, q := start(t, path)
	p.As(alice).Publish("orders.first").WantPass()
	q.As(alice).Publish("orders.second").WantPass()
	for _, x := range []*audit{a, b} {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	}
	got = rows(t, strings.ReplaceAll(path, "?", "%3f"))
	if len(got) != 6 || !strings.Contains(got[4], "first") || !strings.Contains(got[5], "second") {
		t.Errorf("got %q", got)
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config map[string]any
		want   []string
	}{
		{"all wrong", map[string]any{"queue": 5, "batch": 6, "flush": "now", "retention": "-1h"}, []string{"batch", `"now"`, `"-1h"`}},
		{"a word too many", map[string]any{"file": "x"}, []string{"file"}},
		{"no folder", map[string]any{"database": filepath.Join(t.TempDir(), "no", "x.db")}, []string{"x.db"}},
	} {
		a := new(audit)
		_, err := sdktest.Run(t, a, sdktest.Options{Config: tt.config}, registrations()...)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", tt.name, err, want)
			}
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}
}

// fake is a store that waits, fails and notes as it is told.
type fake struct {
	let chan error // an insert waits for what it returns; nil does not wait

	mu      sync.Mutex
	batches [][]string
	prunes  []time.Time
	parts   int // of old records
}

func (f *fake) insert(records []record) error {
	var list []string
	for _, r := range records {
		list = append(list, fmt.Sprintf("%s %d", r.kind, r.size))
	}
	f.mu.Lock()
	f.batches = append(f.batches, list)
	f.mu.Unlock()
	if f.let == nil {
		return nil
	}
	return <-f.let
}

func (f *fake) prune(before time.Time) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prunes = append(f.prunes, before)
	f.parts--
	return f.parts > 0, nil
}

// was returns what it was told so far.
func (f *fake) was() (batches [][]string, prunes []time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches), slices.Clone(f.prunes)
}

var small = sinkOptions{queue: 4, batch: 2, flush: time.Second, retention: 24 * time.Hour}

// TestFull: nobody waits for a database that does not answer, and what is lost then is
// known.
func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{let: make(chan error)}
		k := newSink(f, small)
		add := func(n int) {
			for i := range n {
				k.add(record{kind: "r", size: i})
			}
		}
		add(2)
		synctest.Wait() // the two are being written
		add(4 + 3)      // three have no room
		if got := k.lost.Load(); got != 3 {
			t.Errorf("%d are lost, want 3", got)
		}
		f.let <- errors.New("disk full") // the two as well
		f.let <- nil
		synctest.Wait()
		close(f.let)
		k.close()
		want := [][]string{{"r 0", "r 1"}, {"r 0", "r 1", "lost 5"}, {"r 2", "r 3"}}
		if got, _ := f.was(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := k.lost.Load(); got != 0 {
			t.Errorf("%d are lost that no record tells of", got)
		}
	})
}

// TestLostLoss: a record of what was lost that is lost itself is no record more.
func TestLostLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{let: make(chan error, 3)}
		k := newSink(f, small)
		k.lost.Store(7)
		f.let <- errors.New("disk full")
		f.let <- nil
		k.add(record{kind: "r"})
		time.Sleep(2*small.flush + 1) // of the bubble's clock
		k.close()
		if want, got := [][]string{{"r 0", "lost 7"}, {"lost 8"}}, f.batches; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestFlushAndRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{parts: 3}
		k := newSink(f, small)
		begin := time.Now()
		k.add(record{kind: "r"})
		time.Sleep(small.flush + 1)
		synctest.Wait()
		batches, prunes := f.was()
		if len(batches) != 1 {
			t.Errorf("got %q", batches)
		}
		if len(prunes) != 3 || !prunes[0].Equal(begin.Add(-small.retention)) {
			t.Errorf("at the start it removed %v", prunes)
		}
		time.Sleep(pruneEvery)
		k.close()
		if batches, prunes = f.was(); len(prunes) != 4 || len(batches) != 1 {
			t.Errorf("after an hour it removed %v and wrote %q", prunes, batches)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	d, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	for i := range prunePart + 10 {
		list = append(list, record{at: time.Unix(int64(i), 0), kind: "r"})
	}
	if err := d.insert(list); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if more, err := d.prune(time.Unix(prunePart+5, 0)); more != want || err != nil {
			t.Errorf("%d: got %v, %v", i, more, err)
		}
	}
	var left int
	if err := d.db.QueryRow("SELECT count(*) FROM records").Scan(&left); err != nil || left != 5 {
		t.Errorf("%d are left, %v", left, err)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkInsert writes batches as large as they are by default.
func BenchmarkInsert(b *testing.B) {
	d, err := openDatabase(b.Context(), filepath.Join(b.TempDir(), "a.db"))
	if err != nil {
		b.Fatal(err)
	}
	list := make([]record, 512)
	for i := range list {
		list[i] = record{at: time.Now(), kind: "publish", user: "alice", account: "A", host: "127.0.0.1", subject: "orders.eu.new", size: 100}
	}
	for b.Loop() {
		if err := d.insert(list); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(list))/b.Elapsed().Seconds(), "records/s")
	if err := d.close(); err != nil {
		b.Error(err)
	}
}
