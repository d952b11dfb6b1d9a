package operator

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"

	"moonwire/server/subject"
)

// offers reports whether the importer may have the import i of the account a: nil
// or why not. The time is when the answer may become another without a change of
// either account; zero for never.
//
// That a token is of this import, for this importer and by this exporter is
// known from the check of the importer's JWT.
func (a *account) offers(i *jwt.Import, importer string, now time.Time) (time.Time, error) {
	e := a.export(i)
	switch {
	case e == nil:
		return time.Time{}, errors.New("no export has its subject")
	case e.AccountTokenPosition > 0 || !e.TokenReq:
		return time.Time{}, nil // the name in the subject is for the account to check
	case i.Token == "":
		return time.Time{}, errors.New("the export asks for an activation token")
	}
	c, err := jwt.DecodeActivationClaims(i.Token)
	if err != nil {
		return time.Time{}, fmt.Errorf("its activation token is of no use: %w", faultOf(err))
	}
	if c.IssuerAccount != "" {
		if _, ok := a.signer(c.Issuer); !ok || c.IssuerAccount != a.key {
			return time.Time{}, fmt.Errorf("its activation token is signed by %s, which is no key of the exporter", c.Issuer)
		}
	}
	switch {
	case revoked(e.Revocations, c.Subject, c.IssuedAt):
		return time.Time{}, errors.New("its activation token is revoked")
	case c.Expires > 0 && c.Expires <= now.Unix():
		return time.Time{}, fmt.Errorf("its activation token expired at %s", stamp(c.Expires))
	case c.NotBefore > now.Unix():
		return time.Unix(c.NotBefore, 0), fmt.Errorf("its activation token is not valid before %s", stamp(c.NotBefore))
	case c.Expires > 0:
		return time.Unix(c.Expires, 0), nil
	}
	return time.Time{}, nil
}

// export returns what is offered of the kind and with the subject of i: the
// export of just that subject, else one that it lies within, else nil.
func (a *account) export(i *jwt.Import) *jwt.Export {
	want := i.Subject
	if old := jwt.Subject(i.GetTo()); i.IsService() && old != "" {
		want = old
	}
	var wide *jwt.Export
	for _, e := range a.claims.Exports {
		switch {
		case e.Type != i.Type:
		case e.Subject == want:
			return e
		case wide == nil && subject.Subset(string(want), string(e.Subject)):
			wide = e
		}
	}
	return wide
}
