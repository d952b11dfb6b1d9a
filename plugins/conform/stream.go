package conform

import (
	"context"
	"errors"
	"fmt"
	"time"

	hookv1 "moonwire/plugins/api/v1"
)

// checkIDs: each request is answered once, by its id, in whatever frames they come.
func checkIDs(ctx context.Context, s *subject) (string, error) {
	return s.talking(ctx, func(t *talk, places []int) (string, error) {
		var list []*hookv1.Batch
		n := 0
		for _, size := range []int{1, 7, 64, 1, 128} {
			b := new(hookv1.Batch)
			for range size {
				t.question(b, places[n%len(places)])
				n++
			}
			list = append(list, b)
		}
		err := t.send(list...)
		if err == nil {
			_, err = t.await(ctx, list...)
		}
		if err == nil {
			err = t.well(ctx) // and whatever came twice has come
		}
		if strange := t.strange(); strange != nil {
			return "", strange
		}
		return fmt.Sprintf("%d requests in %d frames", n, len(list)), err
	})
}

// unknownPoint is none that there is.
const unknownPoint = 99

// checkUnknownPoint: what a plugin does not know it answers with an error, and nothing
// else in the same frame.
func checkUnknownPoint(ctx context.Context, s *subject) (string, error) {
	return s.talking(ctx, func(t *talk, places []int) (string, error) {
		before := new(hookv1.Batch)
		known := t.question(before, places[0])
		answers, err := t.ask(ctx, before)
		if err != nil {
			return "", err
		}
		knows := answers[known.GetId()].GetError() == ""

		b := new(hookv1.Batch)
		known = t.question(b, places[0])
		q := t.question(b, places[0])
		q.Point = unknownPoint
		after := []*hookv1.Request{t.question(b, places[0]), t.question(b, places[0])}
		if answers, err = t.ask(ctx, b); err != nil {
			return "", err
		}
		for _, k := range append(after, known) {
			if knows && answers[k.GetId()].GetError() != "" && answers[q.GetId()].GetError() == "" {
				return "", errors.New("the answers of a frame have the ids of each other: an answer has the id of its own request")
			}
		}
		switch {
		case answers[q.GetId()].GetError() == "":
			return "", fmt.Errorf("a request at the unknown point %d is answered by %s: answer it with an error, as nobody has looked at it",
				unknownPoint, answers[q.GetId()].GetVerdict())
		}
		return "", t.well(ctx)
	})
}

// told returns a registration that is told of clients, and answers about one that
// it knows.
func (t *talk) told(ctx context.Context, places []int) (place int, err error) {
	err = skip("the plugin wants to know nothing of clients")
	for _, i := range places {
		if !wantsClient(&t.process.list[i]) {
			continue
		}
		b := new(hookv1.Batch)
		q := t.question(b, i)
		answers, failed := t.ask(ctx, b)
		if failed != nil {
			return 0, failed
		}
		if answers[q.GetId()].GetError() == "" {
			return i, nil
		}
		err = skip("with this configuration the plugin has no answers about clients that it knows")
	}
	return 0, err
}

// stranger asks about a client that the plugin does not know, which has to be an
// error.
func (t *talk) stranger(ctx context.Context, place int, ref uint64, who string) error {
	b := new(hookv1.Batch)
	q := request(t.process.list, place)
	q.Client = ref
	t.add(b, q, t.process.subject.o.Timeout)
	answers, err := t.ask(ctx, b)
	switch {
	case err != nil:
		return err
	case answers[q.GetId()].GetError() == "":
		return fmt.Errorf("a request of %s is answered by %s: answer it with an error, lest it is decided about somebody who is nobody",
			who, answers[q.GetId()].GetVerdict())
	}
	return nil
}

// checkUnknownClient: a request of somebody who was not introduced is an error.
func checkUnknownClient(ctx context.Context, s *subject) (string, error) {
	return s.talking(ctx, func(t *talk, places []int) (string, error) {
		place, err := t.told(ctx, places)
		if err != nil {
			return "", err
		}
		if err := t.stranger(ctx, place, 1<<40, "a client that was not introduced"); err != nil {
			return "", err
		}
		return "", t.well(ctx)
	})
}

// checkGone: many clients come, ask and go, and those that have gone are forgotten.
func checkGone(ctx context.Context, s *subject) (string, error) {
	return s.talking(ctx, func(t *talk, places []int) (string, error) {
		place, err := t.told(ctx, places)
		if err != nil {
			return "", err
		}
		const frame = 200
		var refs []uint64
		for len(refs) < s.o.Clients {
			b := new(hookv1.Batch)
			for range min(frame, s.o.Clients-len(refs)) {
				ref := t.introduce(b, place)
				q := request(t.process.list, place)
				q.Client = ref
				t.add(b, q, s.o.Timeout)
				refs = append(refs, ref)
			}
			if _, err := t.ask(ctx, b); err != nil {
				return "", fmt.Errorf("with %d clients: %w", len(refs), err)
			}
		}
		// The last question of a client, and that it goes, may stand in one frame.
		last := new(hookv1.Batch)
		goes := request(t.process.list, place)
		goes.Client = t.introduce(last, place)
		t.add(last, goes, s.o.Timeout)
		last.Gone = append(refs, goes.GetClient())
		answers, err := t.ask(ctx, last)
		if err != nil {
			return "", err
		}
		if why := answers[goes.GetId()].GetError(); why != "" {
			return "", fmt.Errorf("a request in the frame with which its client goes has no answer: %s", why)
		}
		if err := t.stranger(ctx, place, goes.GetClient(), "a client that has gone"); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d clients", len(last.Gone)), t.well(ctx)
	})
}

// checkDeadlines: requests whose time is over are no harm to those that follow.
func checkDeadlines(ctx context.Context, s *subject) (string, error) {
	return s.talking(ctx, func(t *talk, places []int) (string, error) {
		const each = 20
		b := new(hookv1.Batch)
		for _, i := range places {
			for range each {
				t.question(b, i).TimeoutMs = 1
			}
		}
		if err := t.send(b); err != nil {
			return "", err
		}
		over := time.NewTimer(2 * time.Millisecond)
		defer over.Stop()
		select {
		case <-over.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if err := t.well(ctx); err != nil {
			return "", fmt.Errorf("requests had a timeout of 1 ms: %w", err)
		}
		return "", nil
	})
}
