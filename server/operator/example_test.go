package operator_test

import (
	"encoding/base64"
	"fmt"
	"log"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/operator"
	"moonwire/server/wire"
)

// An operator signs an account, the account signs a user, and the user signs the
// nonce of the server.
func Example() {
	op, opKey := key(nkeys.CreateOperator)
	acct, acctKey := key(nkeys.CreateAccount)
	usr, usrKey := key(nkeys.CreateUser)
	user := jwt.NewUserClaims(usrKey)
	user.Name = "ann"

	a, err := operator.New(&config.Options{
		Operators:       []string{encoded(jwt.NewOperatorClaims(opKey), op)},
		Resolver:        config.Resolver{Type: "memory"},
		ResolverPreload: []config.AccountJWT{{Account: acctKey, JWT: encoded(jwt.NewAccountClaims(acctKey), op)}},
	}, zap.NewNop())
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()

	nonce := []byte("from the INFO of the server")
	sig, err := usr.Sign(nonce)
	if err != nil {
		log.Fatal(err)
	}
	id, err := a.Authenticate(&auth.Request{
		Connect: &wire.Connect{JWT: encoded(user, acct), Sig: base64.RawURLEncoding.EncodeToString(sig)},
		Nonce:   nonce,
		Type:    "STANDARD",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(id.Name, id.User == usrKey, id.Account == acctKey)

	_, err = a.Authenticate(&auth.Request{
		Connect: &wire.Connect{JWT: encoded(user, acct)},
		Nonce:   nonce,
		Type:    "STANDARD",
	})
	fmt.Println(err != nil)
	// Output:
	// ann true true
	// true
}

func key(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
	k, err := create()
	if err != nil {
		log.Fatal(err)
	}
	pub, err := k.PublicKey()
	if err != nil {
		log.Fatal(err)
	}
	return k, pub
}

func encoded(c jwt.Claims, by nkeys.KeyPair) string {
	text, err := c.Encode(by)
	if err != nil {
		log.Fatal(err)
	}
	return text
}
