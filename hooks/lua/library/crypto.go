package library

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"moonwire/hooks/lua/sandbox"
)

const (
	maxRandom = 1024 // bytes of one call
	maxBcrypt = 12   // the cost of a hash, which takes a quarter of a second

	maxPassword = 72 // bytes; bcrypt does not look at more
)

// hashes are the hash functions that scripts can name.
var hashes = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// Encodings by which each value has one text.
var (
	base64Std = base64.StdEncoding.Strict()
	base64URL = base64.RawURLEncoding.Strict()
)

// coding is a way to write bytes as text.
type coding struct {
	name   string // of the table of its functions
	doc    string
	size   func(n int) int // of the text of n bytes
	encode func(string) string
	decode func(string) ([]byte, error)
}

func codings() []coding {
	return []coding{
		{
			"hex", "two hexadecimal digits for each byte, in lower case; upper case is read too", hex.EncodedLen,
			func(s string) string { return hex.EncodeToString([]byte(s)) }, hex.DecodeString,
		},
		{
			"base64", "base64 with padding, without line ends", base64Std.EncodedLen,
			func(s string) string { return base64Std.EncodeToString([]byte(s)) },
			func(s string) ([]byte, error) { return decodeBase64(base64Std, s) },
		},
		{
			"base64url", "base64 for URLs, without padding; padding is read too", base64URL.EncodedLen,
			func(s string) string { return base64URL.EncodeToString([]byte(s)) },
			func(s string) ([]byte, error) {
				if len(s)%4 == 0 {
					s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
				}
				return decodeBase64(base64URL, s)
			},
		},
	}
}

// decodeBase64 refuses line ends, which the library of Go skips.
func decodeBase64(e *base64.Encoding, s string) ([]byte, error) {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return e.DecodeString(s)
}

const forms = `"hex"|"base64"|"base64url"|"raw"?`

// cryptoModule returns the library crypto.
func cryptoModule() *Module {
	form := Param{Name: "form", Type: forms, Doc: "How the bytes are written; hex by default."}
	digest := []Param{{Name: "digest", Type: "string", Doc: "The hash."}}
	data := Param{Name: "data", Type: "string", Doc: "Any bytes."}
	m := &Module{
		Name: "crypto",
		Doc:  "Hashes, signatures by shared secrets, encodings, random numbers and passwords.",
		Functions: []Function{
			{
				Name: "sha256", Doc: "Returns the SHA-256 hash of data.", Params: []Param{data, form}, Returns: digest,
				Example: `assert(crypto.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")`,
				Do:      func(a *sandbox.Args) error { return cryptoHash(a, sha256.New()) },
			},
			{
				Name: "sha512", Doc: "Returns the SHA-512 hash of data.", Params: []Param{data, form}, Returns: digest,
				Example: `assert(#crypto.sha512("abc", "raw") == 64)`,
				Do:      func(a *sandbox.Args) error { return cryptoHash(a, sha512.New()) },
			},
			{
				Name: "hmac", Doc: "Returns the keyed hash (HMAC) of data. Compare it by crypto.equal. sha1 is for the signatures of services that have no better.",
				Params:  []Param{{Name: "hash", Type: `"sha256"|"sha384"|"sha512"|"sha1"`, Doc: "The hash function."}, {Name: "key", Type: "string", Doc: "The shared secret."}, data, form},
				Returns: digest,
				Example: `local mac = crypto.hmac("sha256", "secret", "a message", "base64url")
assert(crypto.equal(mac, "_OeiYIaFm-A_ZgjzA4b1YBPcMPo1fXdovU0dj2vKCqE"))`,
				Do: cryptoHMAC,
			},
			{
				Name: "equal", Doc: "Tells whether two strings are equal, in a time that does not tell where they differ. It does tell whether they are equally long.",
				Params: []Param{{Name: "a", Type: "string", Doc: "A string."}, {Name: "b", Type: "string", Doc: "Another."}}, Returns: []Param{{Name: "yes", Type: "boolean", Doc: "Whether they are equal."}},
				Example: `assert(crypto.equal("secret", "secret") and not crypto.equal("secret", "secreT"))`,
				Do:      cryptoEqual,
			},
			{
				Name: "random", Doc: "Returns bytes that nobody can foretell. The decision is not cached.",
				Params: []Param{{Name: "n", Type: "integer", Doc: "How many, 1 to 1024."}}, Returns: []Param{{Name: "bytes", Type: "string", Doc: "The bytes."}},
				Example: `assert(#crypto.random(16) == 16)`,
				Do:      cryptoRandom,
			},
			{
				Name: "uuid", Doc: "Returns a random UUID (version 4). The decision is not cached.",
				Returns: []Param{{Name: "uuid", Type: "string", Doc: "The UUID, in lower case."}},
				Example: `assert(crypto.uuid():match("^%x+%-%x+%-4%x+%-%x+%-%x+$"))`,
				Do:      cryptoUUID,
			},
			bcryptFunction(),
		},
	}
	for _, c := range codings() {
		m.Functions = append(m.Functions, c.functions()...)
	}
	return m
}

// functions returns the two functions of a coding.
func (c coding) functions() []Function {
	hello := c.encode("hello")
	return []Function{
		{
			Name: c.name + ".encode", Doc: "Writes bytes as " + c.doc + ".",
			Params: []Param{{Name: "bytes", Type: "string", Doc: "Any bytes."}}, Returns: []Param{{Name: "text", Type: "string", Doc: "The text."}},
			Example: fmt.Sprintf(`assert(crypto.%s.encode("hello") == %q)`, c.name, hello),
			Do: func(a *sandbox.Args) error {
				s, err := text(a, 1)
				if err != nil {
					return err
				}
				a.Charge(len(s) + 2*c.size(len(s)))
				a.Return(sandbox.String(c.encode(s)))
				return nil
			},
		},
		{
			Name: c.name + ".decode", Doc: "Reads bytes that are written as " + c.doc + ".",
			Params:  []Param{{Name: "text", Type: "string", Doc: "The text."}},
			Returns: []Param{{Name: "bytes", Type: "string?", Doc: "The bytes, or nil."}, {Name: "err", Type: "string?", Doc: "Why they are not."}},
			Example: fmt.Sprintf(`assert(crypto.%s.decode(%q) == "hello" and not crypto.%s.decode("!"))`, c.name, hello, c.name),
			Do: func(a *sandbox.Args) error {
				s, err := text(a, 1)
				if err != nil {
					return err
				}
				a.Charge(3 * len(s))
				out, err := c.decode(s)
				if err != nil {
					return fail(a, "the text is not "+c.name)
				}
				a.Return(sandbox.Bytes(out))
				return nil
			},
		},
	}
}

// returnBytes returns bytes in the form that argument i asks for.
func returnBytes(a *sandbox.Args, b []byte, i int) error {
	name := "hex"
	if !a.At(i).IsNil() {
		var err error
		if name, err = text(a, i); err != nil {
			return err
		}
	}
	a.Charge(2 * len(b))
	switch name {
	case "hex":
		a.Return(sandbox.String(hex.EncodeToString(b)))
	case "base64":
		a.Return(sandbox.String(base64.StdEncoding.EncodeToString(b)))
	case "base64url":
		a.Return(sandbox.String(base64.RawURLEncoding.EncodeToString(b)))
	case "raw":
		a.Return(sandbox.Bytes(b))
	default:
		return fmt.Errorf("bad argument #%d (unknown form %s; known are hex, base64, base64url, raw)", i, quoteBrief(name))
	}
	return nil
}

// cryptoDigest feeds a string to a hash in pieces, and pays for them.
func cryptoDigest(a *sandbox.Args, h hash.Hash, s string) []byte {
	size := min(len(s), 4096)
	a.Charge(size)
	buf := make([]byte, size)
	for len(s) > 0 {
		n := copy(buf, s)
		a.Step(4 + n/8)
		h.Write(buf[:n])
		s = s[n:]
	}
	return h.Sum(nil)
}

func cryptoHash(a *sandbox.Args, h hash.Hash) error {
	s, err := text(a, 1)
	if err != nil {
		return err
	}
	a.Step(16)
	a.Charge(512)
	return returnBytes(a, cryptoDigest(a, h, s), 2)
}

func cryptoHMAC(a *sandbox.Args) error {
	name, err := text(a, 1)
	if err != nil {
		return err
	}
	key, err := text(a, 2)
	if err != nil {
		return err
	}
	s, err := text(a, 3)
	if err != nil {
		return err
	}
	newHash, known := hashes[name]
	if !known {
		return fmt.Errorf("bad argument #1 (unknown hash %s; known are sha256, sha384, sha512, sha1)", quoteBrief(name))
	}
	a.Step(48 + len(key)/8)
	a.Charge(1024 + len(key))
	return returnBytes(a, cryptoDigest(a, hmac.New(newHash, []byte(key)), s), 4)
}

func cryptoEqual(a *sandbox.Args) error {
	x, err := text(a, 1)
	if err != nil {
		return err
	}
	y, err := text(a, 2)
	if err != nil {
		return err
	}
	a.Charge(len(x) + len(y))
	a.Step((len(x) + len(y)) / 16)
	a.Return(sandbox.Bool(subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1))
	return nil
}

func cryptoRandom(a *sandbox.Args) error {
	n, err := integer(a, 1, 1, maxRandom)
	if err != nil {
		return err
	}
	CallerOf(a).Outside()
	a.Charge(2 * int(n))
	a.Step(32)
	b := make([]byte, n)
	rand.Read(b) // never fails
	a.Return(sandbox.Bytes(b))
	return nil
}

func cryptoUUID(a *sandbox.Args) error {
	CallerOf(a).Outside()
	a.Charge(128)
	a.Step(32)
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	a.Return(sandbox.String(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])))
	return nil
}

// bcryptFunction declares crypto.bcrypt. Hashes are made slow on purpose, so no
// more than half of the processors are busy with them.
func bcryptFunction() Function {
	slots := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	return Function{
		Name: "bcrypt",
		Doc: "Tells whether a password is that of a bcrypt hash. It takes from 1 ms (cost 4) to a quarter of a second (cost 12, the highest that is accepted), so it can be called at connect and event only, " +
			"and at most half of the processors do it at a time.",
		Params:  []Param{{Name: "password", Type: "string", Doc: "At most 72 bytes: bcrypt does not see more."}, {Name: "hash", Type: "string", Doc: "The hash, which begins with $2."}},
		Returns: []Param{{Name: "yes", Type: "boolean", Doc: "Whether it is."}, {Name: "err", Type: "string?", Doc: "Why it cannot be told; nil when only the password is wrong."}},
		Example: `local hash = "$2a$04$Ts4MFCt96QRyjwbQn.11H.TqRIitdplhP50/f0IO.ZkQB007ukd6e"
assert(crypto.bcrypt("correct horse", hash) and not crypto.bcrypt("guess", hash))`,
		Waits: true,
		Do: func(a *sandbox.Args) error {
			password, err := text(a, 1)
			if err != nil {
				return err
			}
			hash, err := text(a, 2)
			if err != nil {
				return err
			}
			if len(password) > maxPassword {
				return badHash(a, "the password is longer than 72 bytes")
			}
			a.Charge(8192)
			cost, err := bcrypt.Cost([]byte(hash[:min(len(hash), 128)]))
			switch {
			case err != nil:
				return badHash(a, "the hash is not one of bcrypt")
			case cost > maxBcrypt:
				return badHash(a, fmt.Sprintf("the cost of the hash is %d; the highest is %d", cost, maxBcrypt))
			}
			a.Step(1000 << max(0, cost-6)) // and look at the clock
			ok, err := compareHash(CallerOf(a).Context(), slots, hash, password)
			if err != nil {
				return badHash(a, err.Error())
			}
			a.Return(sandbox.Bool(ok))
			return nil
		},
	}
}

func badHash(a *sandbox.Args, why string) error {
	a.Charge(len(why))
	a.Return(sandbox.Bool(false), sandbox.String(why))
	return nil
}

// compareHash waits for a slot and compares.
func compareHash(ctx context.Context, slots chan struct{}, hash, password string) (bool, error) {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return false, fmt.Errorf("waiting for a processor: %w", ctx.Err())
	}
	switch err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)); {
	case err == nil:
		return true, nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	default:
		return false, errors.New("the hash is not one of bcrypt")
	}
}
