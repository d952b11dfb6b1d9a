package config

import "fmt"

// authorization checks who may connect, in general.
func (c *checker) authorization() {
	if c.Token != "" && (c.Username != "" || c.Password != "") {
		c.add(`"authorization.token": is set together with a user or password; must be either a token or a user with a password`,
			"Token", "Username", "Password")
	}
	if c.Password != "" && c.Username == "" {
		c.add(`"authorization.password": is set without a user; must come with "authorization.user"`, "Password", "Username")
	}
	if c.hasUsers() {
		if c.Username != "" {
			c.add(`"authorization.user": is set together with users; must be either one user or users`, "Username")
		}
		if c.Token != "" {
			c.add(`"authorization.token": is set together with users; must be either a token or users`, "Token")
		}
	}
	c.noAuthUser("no_auth_user", "NoAuthUser", c.NoAuthUser)
}

// eachUser calls f for all users, with the key and the path of each.
func (o *Options) eachUser(f func(u *User, key, at string)) {
	for i := range o.Users {
		f(&o.Users[i], "authorization.users", place("Users", i))
	}
	for i := range o.Accounts {
		for j := range o.Accounts[i].Users {
			f(&o.Accounts[i].Users[j], "accounts.users", place("Accounts", i, "Users", j))
		}
	}
}

func (o *Options) hasUsers() bool {
	found := false
	o.eachUser(func(*User, string, string) { found = true })
	return found
}

// noAuthUser checks that there is the user that clients without credentials are.
func (c *checker) noAuthUser(key, at, name string) {
	if name == "" {
		return
	}
	if len(c.Operators) > 0 {
		c.add(fmt.Sprintf("%q: is set in operator mode; must be left out", key), at)
		return
	}
	found := false
	c.eachUser(func(u *User, _, _ string) { found = found || u.Username == name || u.Nkey == name })
	if !found {
		c.add(fmt.Sprintf("%q: there is no user %s; must be the name or nkey of one of the users", key, quote(name)), at)
	}
}

// users checks each user, and that no two have the same name or nkey.
func (c *checker) users() {
	seen := make(map[string]bool)
	c.eachUser(func(u *User, key, at string) {
		name, field := u.Username, place(at, "Username")
		if u.Nkey != "" {
			name, field = u.Nkey, place(at, "Nkey")
		}
		switch {
		case name == "":
			c.add(fmt.Sprintf(`%q: a user without a name; must have "user" or "nkey"`, key), at, place(at, "Username"), place(at, "Nkey"))
		case u.Nkey != "" && (u.Username != "" || u.Password != ""):
			c.add(fmt.Sprintf("%q: %s has a name or password besides the nkey; must be either", key, quote(name)), field)
		case seen[name]:
			c.add(fmt.Sprintf("%q: %s is given twice; must be one user", key, quote(name)), field)
		}
		seen[name] = true
		if a := u.Account; a != "" && a != globalAccount && a != systemAccount && c.account(a) == nil {
			c.add(fmt.Sprintf("%q: %s is of account %q, which is not there; must be one of the accounts", key, quote(name), a), at)
		}
	})
}

// operatorMode checks that nothing is set that JWTs say.
func (c *checker) operatorMode() {
	if len(c.Operators) == 0 {
		if c.DefaultSentinel != "" {
			c.add(`"default_sentinel": is set without operators; must come with "operator"`, "DefaultSentinel")
		}
		return
	}
	if len(c.TrustedKeys) > 0 {
		c.add(`"trusted_keys": are set together with "operator"; must be one of them`, "TrustedKeys")
	}
	if len(c.Accounts) > 0 {
		c.add(`"accounts": are set in operator mode; must be left to the resolver`, "Accounts")
	}
	if len(c.Users) > 0 {
		c.add(`"authorization.users": are set in operator mode; must be left to JWTs`, "Users")
	}
}

// pointless finds what says who may connect, where JWTs say it.
func (c *checker) pointless() {
	if len(c.Operators)+len(c.TrustedKeys) == 0 {
		return
	}
	for _, of := range []struct {
		set        bool
		key, field string
	}{
		{c.Username != "", "authorization.user", "Username"},
		{c.Token != "", "authorization.token", "Token"},
		{len(c.Users) > 0, "authorization.users", "Users"},
		{c.DefaultPermissions != nil, "authorization.default_permissions", "DefaultPermissions"},
		{len(c.Accounts) > 0, "accounts", "Accounts"},
		{c.WebSocket.Username != "", "websocket.authorization.user", place("WebSocket", "Username")},
		{c.WebSocket.Token != "", "websocket.authorization.token", place("WebSocket", "Token")},
	} {
		if of.set {
			c.add(fmt.Sprintf("%q: has no effect in operator mode, where JWTs say who may connect", of.key), of.field)
		}
	}
}

// resolver checks that the resolver has what its type needs, and nothing else.
func (c *checker) resolver() {
	r := &c.Resolver
	needs := func(set bool, key, field string) {
		if !set {
			c.add(fmt.Sprintf(`"resolver.%s": is missing; a resolver of type %q needs it`, key, r.Type), place("Resolver", field), place("Resolver", "Type"))
		}
	}
	excludes := func(set bool, key, field string) {
		if set {
			c.add(fmt.Sprintf(`"resolver.%s": has no meaning for a resolver of type %q; must be left out`, key, r.Type), place("Resolver", field))
		}
	}
	switch r.Type {
	case resolverFromURL:
		needs(r.URL != "", "url", "URL")
	case resolverFull:
		needs(r.Dir != "", "dir", "Dir")
		excludes(r.TTL != 0, "ttl", "TTL")
		if r.HardDelete && !r.AllowDelete {
			c.add(`"resolver.hard_delete": has no effect; must come with "allow_delete"`, place("Resolver", "HardDelete"))
		}
	case resolverCache:
		needs(r.Dir != "", "dir", "Dir")
		excludes(r.Interval != 0, "interval", "Interval")
		excludes(r.AllowDelete, "allow_delete", "AllowDelete")
		excludes(r.HardDelete, "hard_delete", "HardDelete")
	}
	seen := make(map[string]bool)
	for i, p := range c.ResolverPreload {
		switch at := place("ResolverPreload", i); {
		case p.Account == "" || p.JWT == "":
			c.add(`"resolver_preload": half an entry; must have an account and its JWT`, at, place(at, "Account"), place(at, "JWT"))
		case seen[p.Account]:
			c.add(fmt.Sprintf(`"resolver_preload": %s is given twice; must be once`, quote(p.Account)), at)
		}
		seen[p.Account] = true
	}
}
