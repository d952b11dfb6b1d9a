package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // registers "sqlite3"
)

// busy is how long a transaction waits for that of another process: on a reload there
// are two for a moment. It has to be less than the broker waits for a plugin to end.
const busy = 500 * time.Millisecond

// prunePart is how many records are removed at once, so that new ones do not wait.
const prunePart = 5000

const tables = `
CREATE TABLE IF NOT EXISTS records (
	id      INTEGER PRIMARY KEY,
	at      INTEGER NOT NULL, -- nanoseconds since 1970
	kind    TEXT NOT NULL,    -- publish, an event, or lost
	client  INTEGER NOT NULL,
	user    TEXT NOT NULL,
	account TEXT NOT NULL,
	name    TEXT NOT NULL,
	host    TEXT NOT NULL,
	subject TEXT NOT NULL,
	queue   TEXT NOT NULL,
	reason  TEXT NOT NULL,
	size    INTEGER NOT NULL  -- bytes of a message; of lost, how many records
);
CREATE INDEX IF NOT EXISTS records_at ON records (at);`

// database is the store of a sink.
type database struct{ db *sql.DB }

// openDatabase opens a file, and makes it if there is none. Others can read it meanwhile.
func openDatabase(ctx context.Context, path string) (*database, error) {
	source := url.URL{Scheme: "file", Path: path}
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()), "journal_mode(wal)", "synchronous(normal)",
	}}
	source.RawQuery = q.Encode()
	db, err := sql.Open("sqlite3", source.String())
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.ExecContext(ctx, tables)
	}
	if err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	return &database{db}, nil
}

// insert implements store.
func (d *database) insert(records []record) (err error) {
	tx, err := d.db.Begin()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	insert, err := tx.Prepare(`INSERT INTO records
		(at, kind, client, user, account, name, host, subject, queue, reason, size) VALUES (?,?,?,?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, r := range records {
		_, err := insert.Exec(r.at.UnixNano(), r.kind, int64(r.client), r.user, r.account, r.name, r.host, r.subject, r.queue, r.reason, r.size)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// prune implements store.
func (d *database) prune(before time.Time) (more bool, err error) {
	r, err := d.db.Exec(`DELETE FROM records WHERE id IN (SELECT id FROM records WHERE at < ? LIMIT ?)`, before.UnixNano(), prunePart)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == prunePart, err
}

func (d *database) close() error { return d.db.Close() }
