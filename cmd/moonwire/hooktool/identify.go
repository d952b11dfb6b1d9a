package hooktool

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/wire"
)

// users are those of a configuration.
type users struct {
	options *config.Options
	// who compares what is presented; nil in operator mode, where the users are in
	// JWTs.
	who      *auth.Authenticator
	accounts *account.Set
}

func newUsers(o *config.Options) (*users, error) {
	u := &users{options: o}
	var err error
	if u.accounts, err = account.NewSet(o); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	if len(o.Operators)+len(o.TrustedKeys) > 0 {
		return u, nil
	}
	if u.who, err = auth.New(o); err != nil {
		return nil, fmt.Errorf("authorization: %w", err)
	}
	return u, nil
}

// known is a user as a configuration knows it.
type known struct {
	name, account string
	rules         *config.Permissions // nil: everything
	maxPayload    int                 // of its account; 0: that of the server
}

// find returns the user of a name or nkey.
func (u *users) find(name string) (known, bool) {
	o := u.options
	lists := []struct {
		account  string
		users    []config.User
		defaults *config.Permissions
	}{{account.Global, o.Users, o.DefaultPermissions}}
	for i := range o.Accounts {
		a := &o.Accounts[i]
		lists = append(lists, struct {
			account  string
			users    []config.User
			defaults *config.Permissions
		}{a.Name, a.Users, a.DefaultPermissions})
	}
	for _, l := range lists {
		i := slices.IndexFunc(l.users, func(c config.User) bool { return name != "" && c.Username+c.Nkey == name })
		if i >= 0 {
			c := &l.users[i]
			return u.of(cmp.Or(c.Account, l.account), name, cmp.Or(c.Permissions, l.defaults)), true
		}
	}
	if name != "" && name == o.Username {
		return u.of(account.Global, name, nil), true
	}
	return known{}, false
}

// of returns a user of an account, which has its limits from there.
func (u *users) of(account, name string, rules *config.Permissions) known {
	k := known{name: name, account: account, rules: rules}
	for i := range u.options.Accounts {
		if a := &u.options.Accounts[i]; a.Name == account {
			k.maxPayload = a.Limits.MaxPayload
		}
	}
	return k
}

// authenticate says who the sender of a CONNECT is, and how that was found. Who
// presents no secret is taken for who it says it is: a secret is not at hand for
// whoever asks about somebody else.
func (u *users) authenticate(c *wire.Connect) (known, string, error) {
	if u.who == nil {
		return known{}, "", errors.New("users are in JWTs, as the configuration names operators; give the account by --account, and what hooks decide is explained")
	}
	if c.User != "" && c.Password == "" && c.Token == "" {
		if k, ok := u.find(c.User); ok {
			return k, fmt.Sprintf("user %q of the configuration, in account %q; no password is given, and none was compared", k.name, k.account), nil
		}
	}
	r := &auth.Request{Connect: c, Type: auth.Standard, Addr: netip.MustParseAddr(desk), Time: time.Now()}
	id, err := u.who.Authenticate(r)
	if err != nil {
		return known{}, "", err
	}
	k := u.of(id.Account, id.User, nil)
	if found, ok := u.find(id.User); ok {
		k.rules = found.rules
	}
	if k.name == "" {
		return k, fmt.Sprintf("nobody in particular, in account %q", k.account), nil
	}
	return k, fmt.Sprintf("user %q of the configuration, in account %q", k.name, k.account), nil
}

// desk is the address that questions at a desk come from.
const desk = "127.0.0.1"

// identity is what hooks are told of k.
func (k *known) identity() *hooks.Identity {
	return &hooks.Identity{User: k.name, Account: k.account, Limits: hooks.Limits{MaxPayload: max(k.maxPayload, 0)}}
}
