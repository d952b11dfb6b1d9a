package main

import (
	"context"
	"log"
	"maps"
	"reflect"
	"time"

	"moonwire/plugins/sdk"
)

// watch looks at the store again and again, until the plugin ends.
func (d *directory) watch(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-d.end:
			return
		case <-tick.C:
		}
		err := d.refresh()
		if err != nil && !failing {
			log.Printf("the directory stays as it was last read: %v", err)
		}
		failing = err != nil
	}
}

// refresh reads the store, and takes over what has changed.
func (d *directory) refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.now.Load()
	next, err := read(d.store, old)
	if err != nil || next == old {
		return err
	}
	d.now.Store(next)
	d.enforce(old, next)
	return nil
}

// enforce has sessions follow the directory. Old is what they followed before; nil if
// that is not known.
func (d *directory) enforce(old, now *snapshot) {
	ended := maps.Clone(now.revoked)
	if old != nil {
		// Whose credential is not in a store that was put in the place of this one has
		// not been revoked there.
		for name, u := range old.users {
			if next := now.users[name]; next == nil || next.Credential != u.Credential {
				ended[u.Credential] = true
			}
		}
		maps.DeleteFunc(ended, func(id string, _ bool) bool { return old.revoked[id] })
	}
	for id := range ended {
		d.broker.Disconnect(sdk.Selector{Tags: map[string]string{credentialTag: id}}, "the user was removed, or has another password")
	}
	for name, u := range now.users {
		p := now.permissions(u)
		if old != nil && (old.users[name] == nil || reflect.DeepEqual(old.permissions(old.users[name]), p)) {
			continue
		}
		d.broker.SetPermissions(sdk.Selector{User: name, Tags: map[string]string{credentialTag: u.Credential}}, p)
	}
}

// Event implements sdk.Notified: the directory may have changed between the answer to a
// client and the moment from which the broker finds its session.
func (d *directory) Event(_ context.Context, e *sdk.Event) {
	id := e.Client.Tags[credentialTag]
	now := d.now.Load()
	if id == "" || e.Client.Tags[revisionTag] == now.revision {
		return
	}
	this := sdk.Selector{ID: e.Client.ID}
	u := now.users[e.Client.User]
	if u == nil || u.Credential != id {
		d.broker.Disconnect(this, "the user was removed, or has another password")
		return
	}
	d.broker.SetPermissions(this, now.permissions(u))
}

// close ends the watch.
func (d *directory) close() {
	close(d.end)
	d.done.Wait()
}
