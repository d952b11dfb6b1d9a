package server

import (
	"testing"

	"github.com/nats-io/nkeys"

	"moonwire/server/config"
)

// TestReviewOfUnknownAccount: an account may change while the first of its users
// waits for it to be taken in. He was let in by the old JWT, and has to be looked
// at again.
func TestReviewOfUnknownAccount(t *testing.T) {
	t.Parallel()
	k, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{TrustedKeys: []string{key}, Resolver: config.Resolver{Type: "memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.operator.Close()
	before := s.rules.Load()
	s.reviewAccount("an account that is not taken in yet")
	if s.rules.Load() == before {
		t.Error("who is admitted meanwhile is not reviewed")
	}
}
