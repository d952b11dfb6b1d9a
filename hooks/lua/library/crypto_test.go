package library

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"moonwire/hooks/lua/sandbox"
)

func TestCrypto(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, s, want string }{
		{"sha256 of nothing", `crypto.sha256(s)`, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"sha256 of many bytes", `crypto.sha256(s)`, strings.Repeat("a", 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
		{"sha512", `crypto.sha512(s)`, "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"base64", `crypto.sha256(s, "base64")`, "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
		{"base64url", `crypto.sha256(s, "base64url")`, "abc", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"},
		{"raw", `crypto.hex.encode(crypto.sha256(s, "raw"))`, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		// RFC 4231, test case 2; RFC 2202, test case 2.
		{"hmac sha256", `crypto.hmac("sha256", "Jefe", s)`, "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"hmac sha384", `crypto.hmac("sha384", "Jefe", s)`, "what do ya want for nothing?", "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		{"hmac sha512", `crypto.hmac("sha512", "Jefe", s)`, "what do ya want for nothing?", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		{"hmac sha1", `crypto.hmac("sha1", "Jefe", s)`, "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"equal", `crypto.equal(s, "abc"), crypto.equal(s, "abd"), crypto.equal(s, "ab"), crypto.equal("", "")`, "abc", "<true> <false> <false> <true>"},
		{"hex", `crypto.hex.decode(s)`, "00FFab", "\x00\xff\xab"},
		{"odd hex", `crypto.hex.decode(s)`, "abc", "<nil> the text is not hex"},
		{"base64 read", `crypto.base64.decode(s)`, "+/8=", "\xfb\xff"},
		{"base64 without padding", `crypto.base64.decode(s)`, "+/8", "<nil> the text is not base64"},
		{"base64 with a line end", `crypto.base64.decode(s)`, "+/8=\n", "<nil> the text is not base64"},
		{"base64 with bits that count for nothing", `crypto.base64.decode(s)`, "+/9=", "<nil> the text is not base64"},
		{"base64url read", `crypto.base64url.decode(s)`, "-_8", "\xfb\xff"},
		{"base64url with padding", `crypto.base64url.decode(s)`, "-_8=", "\xfb\xff"},
		{"base64url with too much padding", `crypto.base64url.decode(s)`, "-_8==", "<nil> the text is not base64url"},
		{"base64url with other letters", `crypto.base64url.decode(s)`, "+/8", "<nil> the text is not base64url"},
		{"base64url with a line end", `crypto.base64url.decode(s)`, "-_\r8", "<nil> the text is not base64url"},
		{"random", `#crypto.random(1024), crypto.random(16) ~= crypto.random(16)`, "", "<1024> <true>"},
		{"uuid", `crypto.uuid():match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") ~= nil, crypto.uuid() ~= crypto.uuid()`, "", "<true> <true>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := pureText(t, tt.expression, tt.s); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, form := range []string{"hex", "base64", "base64url"} {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		if got := pureText(t, "crypto."+form+".decode(crypto."+form+".encode(s))", string(all)); got != string(all) {
			t.Errorf("%s: there and back: %s", form, hex.EncodeToString([]byte(got)))
		}
	}
	for expression, want := range map[string]string{
		`crypto.sha256()`:              "bad argument #1 (string expected, got no value)",
		`crypto.sha256("", "binary")`:  `bad argument #2 (unknown form "binary"; known are hex, base64, base64url, raw)`,
		`crypto.hmac("md5", "", "")`:   `bad argument #1 (unknown hash "md5"; known are sha256, sha384, sha512, sha1)`,
		`crypto.hmac("sha1", "")`:      "bad argument #3 (string expected, got no value)",
		`crypto.random(0)`:             "bad argument #1 (0 is not a whole number from 1 to 1024)",
		`crypto.random(1025)`:          "bad argument #1 (1025 is not a whole number from 1 to 1024)",
		`crypto.equal("")`:             "bad argument #2 (string expected, got no value)",
		`crypto.hex.encode({})`:        "bad argument #1 (string expected, got table)",
		`crypto.base64.decode()`:       "bad argument #1 (string expected, got no value)",
		`crypto.bcrypt("", {})`:        "bad argument #2 (string expected, got table)",
		`crypto.sha256("", {})`:        "bad argument #2 (string expected, got table)",
		`rawset(crypto.hex, "x", "y")`: "this table is read-only; copy it, or use kv for what is to last",
	} {
		if got := pureError(t, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// TestCryptoOutside: what depends on chance is not cached.
func TestCryptoOutside(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"crypto.random(1)": true, "crypto.uuid()": true, `crypto.sha256("")`: false, `crypto.equal("", "")`: false,
	} {
		s := newPure(t, "hook(function() return "+expression+" end)")
		s.call(t)
		if got := s.outside > 0; got != want {
			t.Errorf("%s: outside is %v", expression, got)
		}
	}
}

func TestBcrypt(t *testing.T) {
	t.Parallel()
	generated, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	hash := string(generated)
	for _, tt := range []struct{ name, password, hash, want string }{
		{"right", "correct horse", hash, "<true>"},
		{"wrong", "correct hors", hash, "<false>"},
		{"as other programs write it", "correct horse", "$2y" + hash[3:], "<true>"},
		{"empty", "", hash, "<false>"},
		{"too long", strings.Repeat("x", 73), hash, "<false> the password is longer than 72 bytes"},
		{"too costly", "correct horse", "$2a$13" + hash[6:], "<false> the cost of the hash is 13; the highest is 12"},
		{"no hash", "x", "x", "<false> the hash is not one of bcrypt"},
		{"no version of bcrypt", "x", "$9a" + hash[3:], "<false> the hash is not one of bcrypt"},
		{"no salt", "x", hash[:7] + strings.Repeat("!", 53), "<false> the hash is not one of bcrypt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newPure(t, pureShow+"hook(function(...) return show(crypto.bcrypt(...)) end)")
			got, _ := s.call(t, sandbox.String(tt.password), sandbox.String(tt.hash)).Text()
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestBcryptWaits: it is not for messages, and waits no longer than the call may.
func TestBcryptWaits(t *testing.T) {
	t.Parallel()
	s := newPure(t, `hook(function() return crypto.bcrypt("a", "b") end)`)
	s.hurry = true
	_, err := s.vm.Call(s.fn, unhurried)
	if err == nil || !strings.Contains(err.Error(), "crypto.bcrypt can be called at connect and event only") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	full := make(chan struct{}, 1)
	full <- struct{}{}
	if _, err := compareHash(ctx, full, "", ""); err == nil || !strings.Contains(err.Error(), "waiting for a processor") {
		t.Errorf("with no processor free: got %v", err)
	}
}

func TestCryptoHostile(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for _, tt := range []struct{ name, source, input string }{
		{"hashing", "while true do crypto.sha512(s) end", large},
		{"hashing little", "while true do crypto.sha256(s) end", "x"},
		{"hmac", `while true do crypto.hmac("sha512", s, s) end`, large},
		{"hmac of little", `while true do crypto.hmac("sha1", s, s) end`, "x"},
		{"equal", "while true do crypto.equal(s, s) end", large},
		{"equal and short", "while true do crypto.equal(s, s) end", ""},
		{"hex", "while true do s = crypto.hex.encode(s) end", "x"},
		{"base64", "while true do crypto.base64.encode(s) end", large},
		{"base64url read", "while true do crypto.base64url.decode(s) end", large},
		{"line ends", "while true do crypto.base64.decode(s) end", strings.Repeat("\n", 1<<20)},
		{"random", "while true do crypto.random(1024) end", ""},
		{"uuid", "while true do crypto.uuid() end", ""},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, tt.input) })
	}
}
