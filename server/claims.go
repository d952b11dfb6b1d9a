package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"moonwire/server/operator"
)

// The subjects of the system account by which accounts are pushed, listed,
// deleted and asked for, as nats-server has them. A star stands for an account.
const (
	claimsUpdate    = "$SYS.REQ.CLAIMS.UPDATE"
	claimsUpdateOf  = "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE"
	claimsUpdateOld = "$SYS.ACCOUNT.*.CLAIMS.UPDATE"
	claimsList      = "$SYS.REQ.CLAIMS.LIST"
	claimsDelete    = "$SYS.REQ.CLAIMS.DELETE"
	claimsPack      = "$SYS.REQ.CLAIMS.PACK"
	claimsLookup    = "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"
	// packers is the queue group of the servers that answer claimsPack: they all
	// have the same.
	packers = "responder"
)

// serveClaims has the server answer requests about the JWTs of accounts, as far
// as its resolver goes.
func (s *Server) serveClaims() {
	y := s.system
	y.handle(claimsUpdateOf, "", s.updateClaims)
	y.handle(claimsUpdateOld, "", s.updateClaims)
	kind := s.operator.Kind()
	if kind != "full" && kind != "cache" {
		return
	}
	y.handle(claimsUpdate, "", s.updateClaims)
	y.handle(claimsList, "", s.listClaims)
	y.handle(claimsDelete, "", s.deleteClaims)
	s.operator.OnMiss(s.askForClaims)
	if kind == "cache" {
		return
	}
	y.handle(claimsLookup, "", s.lookUpClaims)
	y.handle(claimsPack, packers, s.packClaims)
}

// claimsAnswer is what is answered to a request that changes something.
type claimsAnswer struct {
	Server serverInfo   `json:"server"`
	Data   *claimsDone  `json:"data,omitempty"`
	Error  *claimsFault `json:"error,omitempty"`
}

type claimsDone struct {
	Account string `json:"account,omitempty"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type claimsFault struct {
	Account     string `json:"account,omitempty"`
	Code        int    `json:"code"`
	Description string `json:"description"`
}

// The codes of answers, as those of HTTP.
const (
	claimsOK     = 200
	claimsFailed = 500
)

func (s *Server) answerClaims(r *request, a operator.Answer) {
	answer := claimsAnswer{Server: s.system.info()}
	if a.Err == nil {
		answer.Data = &claimsDone{Account: a.Account, Code: claimsOK, Message: a.Message}
	} else {
		answer.Error = &claimsFault{Account: a.Account, Code: claimsFailed, Description: fmt.Sprintf("%s - %v", a.Message, a.Err)}
	}
	s.system.answer(r, answer)
}

func (s *Server) updateClaims(r *request) {
	s.answerClaims(r, s.operator.Update(accountIn(r.subject), string(r.body)))
}

func (s *Server) deleteClaims(r *request) {
	s.answerClaims(r, s.operator.Delete(string(r.body)))
}

// accountIn returns the account that a subject names; "" for none.
func accountIn(subject string) string {
	tokens := strings.Split(subject, ".")
	if n := len(tokens); n > 4 {
		return tokens[n-3]
	}
	return ""
}

func (s *Server) listClaims(r *request) {
	if r.reply == "" {
		return
	}
	keys, err := s.operator.List()
	if err != nil {
		s.log.Error(fmt.Sprintf("Accounts cannot be listed: %v", err))
		return // in silence, as nats-server does
	}
	s.system.answer(r, struct {
		Data   []string   `json:"data"`
		Server serverInfo `json:"server"`
	}{keys, s.system.info()})
}

// lookUpClaims answers with nothing for an account that is not there, so that
// nobody waits in vain.
func (s *Server) lookUpClaims(r *request) {
	text, err := s.operator.Claims(accountIn(r.subject))
	if err != nil && !errors.Is(err, operator.ErrNoAccount) {
		s.log.Error(fmt.Sprintf("An account cannot be read: %v", err))
		return
	}
	if r.reply != "" {
		s.system.publish(r.reply, "", []byte(text))
	}
}

// packClaims answers with one message for each account, and an empty one at the
// end.
func (s *Server) packClaims(r *request) {
	if r.reply == "" {
		return
	}
	listened := true // until the asker is gone
	err := s.operator.Pack(r.body, func(key, text string) bool {
		listened = s.system.publish(r.reply, "", []byte(key+"|"+text))
		return listened
	})
	switch {
	case err != nil: // who asks must not take a part for the whole
		s.log.Error(fmt.Sprintf("Accounts cannot be packed: %v", err))
	case listened:
		s.system.publish(r.reply, "", nil)
	}
}

// askForClaims asks others for the JWT of an account.
func (s *Server) askForClaims(ctx context.Context, key string) (string, error) {
	text, err := s.system.ask(ctx, strings.Replace(claimsLookup, "*", key, 1), nil)
	if errors.Is(err, errNobody) || err == nil && len(text) == 0 {
		return "", fmt.Errorf("%w anywhere", operator.ErrNoAccount)
	}
	return string(text), err
}
