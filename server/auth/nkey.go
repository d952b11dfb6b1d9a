package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/nats-io/nkeys"
)

// nonceSize is the number of random bytes in a nonce.
const nonceSize = 11

// NewNonce returns a nonce for INFO: random bytes as 15 characters of base64url
// without padding. Users with an nkey sign these characters.
func NewNonce() []byte {
	var raw [nonceSize]byte
	_, _ = rand.Read(raw[:]) // never fails
	return base64.RawURLEncoding.AppendEncode(nil, raw[:])
}

var (
	errNoNonce     = errors.New("the connection was given no nonce to sign")
	errNoSignature = errors.New("no signature")
	errNotBase64   = errors.New("signature is not base64")
	errSignature   = errors.New("signature does not fit the key and the nonce")
)

// verify checks sig, in base64 of one of the two kinds that clients use.
func verify(key nkeys.KeyPair, nonce []byte, sig string) error {
	if len(nonce) == 0 {
		return errNoNonce
	}
	if sig == "" {
		return errNoSignature
	}
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(sig)
	}
	if err != nil {
		return errNotBase64
	}
	if key.Verify(nonce, raw) != nil {
		return errSignature
	}
	return nil
}
