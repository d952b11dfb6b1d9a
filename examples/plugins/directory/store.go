package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/crypto/bcrypt"
)

// user is a record of the bucket users, by name.
type user struct {
	Hash       []byte   `json:"hash"`       // bcrypt
	Credential string   `json:"credential"` // names this password, and is no secret
	Groups     []string `json:"groups"`
}

// group is a record of the bucket groups, by name: what its members may do.
type group struct {
	Publish   rules `json:"publish"`
	Subscribe rules `json:"subscribe"`
}

// rules allow and deny subjects. Here an empty Allow allows nothing.
type rules struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// The buckets of the store. Revoked has the credentials that no longer count, and when
// that came about; state has the revision, which is another after each change.
const (
	users   = "users"
	groups  = "groups"
	revoked = "revoked"
	state   = "state"
)

// revision is the key of the revision in its bucket.
const revision = "revision"

// lockTimeout is how long a program waits for another that has the store open.
const lockTimeout = 2 * time.Second

// revokedFor is for how long a credential is known as revoked: no session and no
// plugin that does not run is older.
const revokedFor = 90 * 24 * time.Hour

// read reads the store, unless it is as a snapshot has it, which may be nil: then it
// returns that one. The error is fs.ErrNotExist if there is no store.
func read(path string, known *snapshot) (*snapshot, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: make it with the command add-group of this program", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return nil, fmt.Errorf("reading the store %s: %w", path, err)
	}
	s := &snapshot{users: make(map[string]*user), groups: make(map[string]*group), revoked: make(map[string]bool)}
	err = db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(state))
		if b == nil {
			return errors.New("it was not made by this program")
		}
		if s.revision = string(b.Get([]byte(revision))); known != nil && known.revision == s.revision {
			s = known
			return nil
		}
		if err := errors.Join(readAll(tx, users, s.users), readAll(tx, groups, s.groups)); err != nil {
			return err
		}
		s.decoy = decoy(s.users)
		return tx.Bucket([]byte(revoked)).ForEach(func(id, _ []byte) error { s.revoked[string(id)] = true; return nil })
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("reading the store %s: %w", path, err)
	}
	return s, nil
}

// readAll reads the records of a bucket.
func readAll[T any](tx *bbolt.Tx, bucket string, into map[string]*T) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(name, record []byte) error {
		v := new(T)
		if err := json.Unmarshal(record, v); err != nil {
			return fmt.Errorf("%s %q: %w", bucket, name, err)
		}
		into[string(name)] = v
		return nil
	})
}

// change changes the store in one transaction, and makes it if there is none.
func change(path string, f func(*bbolt.Tx) error) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if err != nil {
		return fmt.Errorf("opening the store %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{users, groups, revoked, state} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		if err := tx.Bucket([]byte(state)).Put([]byte(revision), []byte(rand.Text())); err != nil {
			return err
		}
		return f(tx)
	})
	return errors.Join(err, db.Close())
}

// put writes a record.
func put(tx *bbolt.Tx, bucket, name string, record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(name), b)
}

// putUser writes a user with a new password; the old one, if there is one, is revoked.
func putUser(tx *bbolt.Tx, name, password string, cost int, of []string, now time.Time) error {
	for _, g := range of {
		if tx.Bucket([]byte(groups)).Get([]byte(g)) == nil {
			return fmt.Errorf("there is no group %q", g)
		}
	}
	if password == "" {
		return errors.New("the password is empty: it is read from the standard input")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return err
	}
	if err := revoke(tx, name, now); err != nil {
		return err
	}
	return put(tx, users, name, user{Hash: hash, Credential: rand.Text(), Groups: of})
}

// removeUser removes a user and revokes the password.
func removeUser(tx *bbolt.Tx, name string, now time.Time) error {
	if tx.Bucket([]byte(users)).Get([]byte(name)) == nil {
		return fmt.Errorf("there is no user %q", name)
	}
	return errors.Join(revoke(tx, name, now), tx.Bucket([]byte(users)).Delete([]byte(name)))
}

// revoke adds the credential of a user, if there is one, to those that are revoked, and
// forgets what was revoked long ago.
func revoke(tx *bbolt.Tx, name string, now time.Time) error {
	list := tx.Bucket([]byte(revoked))
	var old [][]byte
	err := list.ForEach(func(id, at []byte) error {
		var t time.Time
		if t.UnmarshalText(at) == nil && now.Sub(t) > revokedFor {
			old = append(old, id)
		}
		return nil
	})
	for _, id := range old {
		err = errors.Join(err, list.Delete(id))
	}
	record := tx.Bucket([]byte(users)).Get([]byte(name))
	if record == nil || err != nil {
		return err
	}
	var u user
	if err := json.Unmarshal(record, &u); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
	at, err := now.MarshalText()
	if err != nil {
		return err
	}
	return list.Put([]byte(u.Credential), at)
}
