package server

import "testing"

// TestReviewOfUnknownAccount: an account may change while the first of its users
// waits for it to be taken in. He was let in by the old JWT, and has to be looked
// at again.
func TestReviewOfUnknownAccount(t *testing.T) {
	t.Parallel()
	s := &Server{claims: make(claims)}
	before := s.rules.Load()
	s.reviewAccount("an account that is not taken in yet")
	if s.rules.Load() == before {
		t.Error("who is admitted meanwhile is not reviewed")
	}
}
