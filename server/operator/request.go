package operator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"
)

// Answer is what is said to a request about accounts. The texts are those of
// nats-server, where it has one.
type Answer struct {
	// Account is the key of the account that the request is about, "n/a" for a
	// JWT that does not say it, "" for a request about several.
	Account string
	// Message is what was done, or what was not.
	Message string
	// Err is why it was not done; nil if it was. It may quote what was asked, and
	// is for the asker alone.
	Err error
}

// wording is what a resolver calls what becomes of an update.
type wording struct{ updated, skipped, failed, invalid string }

func (a *Authenticator) wording() *wording {
	switch a.kind {
	case kindFull:
		return &wording{"jwt updated", "", "jwt update resulted in error", "jwt validation failed"}
	case kindCache:
		return &wording{"jwt updated cache", "jwt update cache skipped", "jwt update cache resulted in error", "jwt update cache validation failed"}
	}
	return &wording{"jwt updated", "jwt update skipped", "jwt update resulted in error", "jwt update resulted in error"}
}

// Kind returns the type of the resolver: memory, url, full or cache.
func (a *Authenticator) Kind() string { return a.kind }

// Update takes the JWT of an account that somebody pushes, in place of what is
// there; key is the account it is to be of, "" for any. One that is not signed by
// a trusted operator, not valid, or not valid at this time is refused. A full
// directory takes any account; the other resolvers skip those that nobody asked
// for. A resolver of type url stores nothing: the account is known until the next
// look-up. When Update returns, the functions of OnUpdate have heard of it; they
// must not call it.
func (a *Authenticator) Update(key, text string) Answer {
	say, log := a.wording(), a.log.Named("claims")
	if text == "" && a.dir == nil {
		return Answer{key, "jwt update error", errors.New("request body is empty")}
	}
	c, err := jwt.DecodeAccountClaims(text)
	if err != nil {
		if key == "" || a.kind == kindFull {
			key = "n/a"
		}
		log.Warn("a pushed JWT is of no use", zap.Error(faultOf(err)))
		return Answer{key, say.failed, err}
	}
	if key == "" {
		key = c.Subject
	}
	answer := a.update(key, c, text, say)
	if answer.Err != nil {
		log.Warn("a pushed JWT is refused", zap.String("account", named(key)), zap.Error(answer.Err))
	} else {
		log.Info(answer.Message, zap.String("account", key))
	}
	return answer
}

// named returns the key of an account for a log: all of it only if it is one.
func named(key string) string {
	if nkeys.IsValidPublicAccountKey(key) {
		return key
	}
	return shorten(key)
}

// update is Update for a JWT that could be read.
func (a *Authenticator) update(key string, c *jwt.AccountClaims, text string, say *wording) Answer {
	switch {
	case !nkeys.IsValidPublicAccountKey(c.Subject):
		return Answer{key, say.failed, errors.New("invalid public key")}
	case c.Subject != key:
		return Answer{key, say.failed, errors.New("subject does not match jwt content")}
	case a.trust.strict[c.Issuer]:
		return Answer{key, say.failed, errors.New("operator requires issuer to be a signing key")}
	case a.kind != kindFull && !a.isWanted(key):
		return Answer{key, say.skipped, nil}
	}
	acct, err := newAccount(key, text, a.trust, time.Now())
	if err == nil {
		err = a.store(acct)
	}
	var v invalid
	switch {
	case err == nil:
		a.settle()
		return Answer{key, say.updated, nil}
	case errors.As(err, &v):
		return Answer{key, say.invalid, fmt.Errorf("validation errors: %v", []string(v))}
	}
	return Answer{key, say.failed, err}
}

// isWanted reports whether somebody asked for an account, or an import misses it.
func (a *Authenticator) isWanted(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wants(key)
}

// Delete takes a request to forget accounts, which is a JWT that an operator
// issued to himself: the claim "accounts" lists their keys. It needs a directory
// that allows it, and the system account stays. An account that is not there is
// no fault. When Delete returns, the functions of OnUpdate have heard of it; they
// must not call it.
func (a *Authenticator) Delete(request string) Answer {
	log := a.log.Named("claims")
	c, err := decodeRequest(request)
	if err != nil {
		log.Warn("a request to delete accounts is of no use", zap.Error(faultOf(err)))
		return Answer{"", "delete accounts request by  failed", err}
	}
	keys, err := a.deletion(c)
	if err != nil {
		log.Warn("a request to delete accounts is refused", zap.Error(err))
		return Answer{"", fmt.Sprintf("delete accounts request by %s failed", c.Subject), err}
	}
	var failed []string
	for _, key := range keys {
		if err := a.remove(key); err != nil {
			failed = append(failed, err.Error())
			log.Warn("account is not deleted", zap.String("account", key), zap.Error(err))
		} else {
			log.Info("account is deleted", zap.String("account", key))
		}
	}
	a.settle()
	message := fmt.Sprintf("deleted %d accounts", len(keys)-len(failed))
	if len(failed) > 0 {
		return Answer{"", fmt.Sprintf("%s, failed for %d", message, len(failed)), errors.New(strings.Join(failed, "\n"))}
	}
	return Answer{"", message, nil}
}

// decodeRequest is [jwt.DecodeGeneric], which panics at a JWT of the first version
// that has a type and no claims.
func decodeRequest(text string) (c *jwt.GenericClaims, err error) {
	defer func() {
		if recover() != nil {
			c, err = nil, errors.New("malformed request")
		}
	}()
	return jwt.DecodeGeneric(text)
}

// deletion returns the accounts that a request lists, or why it is refused.
func (a *Authenticator) deletion(c *jwt.GenericClaims) (keys []string, err error) {
	_, trusted := a.trust.keys[c.Issuer]
	switch {
	case a.dir == nil || !a.dir.mayDelete:
		return nil, errors.New("delete must be enabled in server config")
	case c.Subject != c.Issuer:
		return nil, errors.New("not self signed")
	case !trusted:
		return nil, errors.New("not trusted")
	case c.Expires > 0 && c.Expires < time.Now().Unix():
		return nil, errors.New("expired")
	}
	malformed := errors.New("malformed request")
	list, ok := c.Data["accounts"].([]any)
	if !ok {
		return nil, malformed
	}
	for _, entry := range list {
		key, _ := entry.(string)
		switch {
		case !nkeys.IsValidPublicAccountKey(key):
			return nil, malformed
		case key == a.trust.system:
			return nil, errors.New("not allowed to delete system account")
		}
		keys = append(keys, key)
	}
	return keys, nil
}
