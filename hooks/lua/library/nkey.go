package library

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"moonwire/hooks/lua/sandbox"
)

// nkeyKinds are the kinds of keys that scripts can ask for.
var nkeyKinds = map[string]nkeys.PrefixByte{
	"account": nkeys.PrefixByteAccount, "cluster": nkeys.PrefixByteCluster, "curve": nkeys.PrefixByteCurve,
	"operator": nkeys.PrefixByteOperator, "server": nkeys.PrefixByteServer, "user": nkeys.PrefixByteUser,
}

// verifyCost is what the check of an Ed25519 signature counts, in instructions.
const verifyCost = 3000

// nkeyModule returns the library nkey.
func nkeyModule() *Module {
	return &Module{
		Name: "nkey",
		Doc:  "Checks the keys and signatures of NATS clients.",
		Functions: []Function{
			{
				Name: "verify",
				Doc: "Tells whether the holder of a public key signed data. At connect, nkey.verify(req.nkey, req.nonce, req.signature) tells whether the client has the key that it names. " +
					"Whether that key may connect is another question, and the script's.",
				Params: []Param{
					{Name: "public", Type: "string", Doc: "The public key, which begins with U for a user."},
					{Name: "data", Type: "string", Doc: "What was signed."},
					{Name: "signature", Type: "string", Doc: "Its 64 bytes, or base64 or base64url of them, as clients send it."},
				},
				Returns: []Param{
					{Name: "yes", Type: "boolean", Doc: "Whether it is so."},
					{Name: "err", Type: "string?", Doc: "Why not."},
				},
				Example: `local key = "UBFFCVYETRRDHMJRCXXFJDAIYTMFMPZ2JLJIAXSAYBKGRPHGRC6JPXKP"
local signature = "rbzwW_qBbiFQbcBADBMUfyKfXMdIfSc5VDkwcvFU0fq788CiRlEhwF1Ki-dVUo1J3xxw8OvOb_7uuabJn0r9Cw"
assert(nkey.verify(key, "nonce", signature) and not nkey.verify(key, "another", signature))`,
				Do: nkeyVerify,
			},
			{
				Name: "valid",
				Doc:  "Tells whether a text is a public key, by its checksum. Seeds and private keys are not.",
				Params: []Param{
					{Name: "public", Type: "string", Doc: "Any text."},
					{Name: "kind", Type: `"account"|"cluster"|"curve"|"operator"|"server"|"user"?`, Doc: "The kind of key; any by default."},
				},
				Returns: []Param{{Name: "yes", Type: "boolean", Doc: "Whether it is so."}},
				Example: `local key = "UBFFCVYETRRDHMJRCXXFJDAIYTMFMPZ2JLJIAXSAYBKGRPHGRC6JPXKP"
assert(nkey.valid(key) and nkey.valid(key, "user") and not nkey.valid(key, "account"))`,
				Do: nkeyValid,
			},
		},
	}
}

func nkeyVerify(a *sandbox.Args) error {
	public, err := text(a, 1)
	if err != nil {
		return err
	}
	data, err := text(a, 2)
	if err != nil {
		return err
	}
	signature, err := text(a, 3)
	if err != nil {
		return err
	}
	a.Step(verifyCost + len(data)/8)
	a.Charge(len(data) + 512) // a copy
	if err := verifyNkey(public, data, signature); err != nil {
		a.Return(sandbox.Bool(false), sandbox.String(err.Error()))
		return nil
	}
	a.Return(sandbox.Bool(true))
	return nil
}

func verifyNkey(public, data, signature string) error {
	if !validNkey(public, "") || validNkey(public, "curve") {
		return errors.New("the key is not a public key that signs")
	}
	key, err := nkeys.FromPublicKey(public)
	if err != nil {
		return err
	}
	sig, ok := rawSignature(signature)
	if !ok {
		return errors.New("the signature is not 64 bytes, nor base64 of them")
	}
	if key.Verify([]byte(data), sig) != nil {
		return errors.New("the signature is not that of the key")
	}
	return nil
}

// rawSignature returns the bytes of a signature, which clients send in one of
// two forms of base64. The forms are longer than the bytes, so nothing is read
// in two ways.
func rawSignature(s string) ([]byte, bool) {
	const size = 64
	if len(s) == size {
		return []byte(s), true
	}
	if len(s) > 2*size {
		return nil, false
	}
	sig, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		sig, err = base64.StdEncoding.DecodeString(s)
	}
	return sig, err == nil && len(sig) == size
}

func nkeyValid(a *sandbox.Args) error {
	public, err := text(a, 1)
	if err != nil {
		return err
	}
	kind := ""
	if !a.At(2).IsNil() {
		if kind, err = text(a, 2); err != nil {
			return err
		}
		if _, known := nkeyKinds[kind]; !known {
			return fmt.Errorf("bad argument #2 (unknown kind %s; known are %s)", quoteBrief(kind), strings.Join(slices.Sorted(maps.Keys(nkeyKinds)), ", "))
		}
	}
	a.Step(64)
	a.Return(sandbox.Bool(validNkey(public, kind)))
	return nil
}

// validNkey reports whether a text is a public key of a kind; "" is any.
func validNkey(public, kind string) bool {
	if len(public) != 56 || !nkeys.IsValidPublicKey(public) {
		return false
	}
	return kind == "" || nkeys.Prefix(public) == nkeyKinds[kind]
}
