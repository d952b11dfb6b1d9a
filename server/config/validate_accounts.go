package config

import (
	"fmt"
	"slices"

	"moonwire/server/subject"
)

// accounts checks the accounts, and what they give to each other.
func (c *checker) accounts() {
	seen := make(map[string]bool)
	for i := range c.Accounts {
		a, at := &c.Accounts[i], place("Accounts", i)
		switch {
		case a.Name == "":
			c.add(`"accounts": an account without a name; must have one`, at, place(at, "Name"))
		case seen[a.Name]:
			c.add(fmt.Sprintf(`"accounts": %q is given twice; must be one account`, a.Name), at)
		}
		seen[a.Name] = true
		for j := range a.Exports {
			c.export(a, &a.Exports[j], place(at, "Exports", j))
		}
		for j := range a.Imports {
			c.imported(a, j, place(at, "Imports", j))
		}
		c.mappings(at, "accounts.mappings", a.Mappings)
	}
	if s := c.SystemAccount; s != "" && s != systemAccount && len(c.Operators) == 0 && c.account(s) == nil {
		c.add(fmt.Sprintf(`"system_account": there is no account %q; must be one of "accounts"`, s), "SystemAccount")
	}
}

// account returns the account of a name, or nil.
func (o *Options) account(name string) *Account {
	i := slices.IndexFunc(o.Accounts, func(a Account) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &o.Accounts[i]
}

func (c *checker) export(a *Account, e *Export, at string) {
	if e.Subject == "" {
		c.add(`"accounts.exports": an export of nothing; must have "stream" or "service"`, at, place(at, "Subject"))
		return
	}
	for i, name := range e.Accounts {
		if c.account(name) == nil {
			c.add(fmt.Sprintf(`"accounts.exports.accounts": there is no account %q; must be one of "accounts"`, name),
				place(at, "Accounts", i))
		}
	}
	if n := e.TokenPosition; n > 0 && nthToken(e.Subject, n) != "*" {
		c.add(fmt.Sprintf(`"accounts.exports.account_token_position": token %d of %q is not "*"; must be`, n, e.Subject),
			place(at, "TokenPosition"))
	}
	if e.Service {
		c.latency(a, e, at)
		return
	}
	for _, of := range []struct {
		set        bool
		key, field string
	}{
		{e.ResponseType != "", "response_type", "ResponseType"},
		{e.ResponseThreshold != 0, "response_threshold", "ResponseThreshold"},
		{e.Latency != nil, "latency", "Latency"},
		{e.AllowTrace, "allow_trace", "AllowTrace"},
	} {
		if of.set {
			c.add(fmt.Sprintf(`"accounts.exports.%s": is of services; must be left out of a stream`, of.key), place(at, of.field))
		}
	}
}

// latency checks where the latency of a service is published.
func (c *checker) latency(a *Account, e *Export, at string) {
	if e.Latency == nil {
		return
	}
	if e.ResponseType != singleton {
		c.add(fmt.Sprintf(`"accounts.exports.latency": is measured of a %q service only`, singleton), place(at, "Latency"), place(at, "ResponseType"))
	}
	for _, other := range a.Exports {
		if other.Service && subject.Match(other.Subject, e.Latency.Subject) {
			c.add(fmt.Sprintf(`"accounts.exports.latency.subject": %q is exported as a service; must be another`, e.Latency.Subject),
				place(at, "Latency", "Subject"))
			return
		}
	}
}

// imported checks the import of account a with that number.
func (c *checker) imported(a *Account, number int, at string) {
	im := &a.Imports[number]
	if im.Account == "" || im.Subject == "" {
		c.add(`"accounts.imports": an import of nothing; must have "stream" or "service"`, at, place(at, "Subject"))
		return
	}
	kind := "stream"
	if im.Service {
		kind = "service"
	}
	from, source := c.account(im.Account), place(at, "Subject")
	switch {
	case from == nil:
		c.add(fmt.Sprintf(`"accounts.imports.%s.account": there is no account %q; must be one of "accounts"`, kind, im.Account),
			place(at, "Account"))
	case !from.exports(im):
		c.add(fmt.Sprintf(`"accounts.imports.%s": account %q exports no %s that covers %q`, kind, im.Account, kind, im.Subject), source)
	case !from.exportsTo(a.Name, im):
		c.add(fmt.Sprintf(`"accounts.imports.%s": account %q does not export %q to %q`, kind, im.Account, im.Subject, a.Name), source)
	}
	if !im.Service && im.To != "" && im.Prefix != "" {
		c.add(`"accounts.imports.to": is set together with "prefix"; must be one of them`, place(at, "To"), place(at, "Prefix"))
	}
	if im.Service && im.AllowTrace {
		c.add(`"accounts.imports.allow_trace": is of streams; must be left out of a service`, place(at, "AllowTrace"))
	}
	if slices.ContainsFunc(a.Imports[:number], im.same) {
		c.add(fmt.Sprintf(`"accounts.imports.%s": %q of account %q is imported twice`, kind, im.Subject, im.Account), source)
	}
}

// same reports whether two imports exclude each other: the same stream, or
// services of one account on one subject.
func (im *Import) same(other Import) bool {
	if im.Service != other.Service || im.Account != other.Account {
		return false
	}
	if im.Service {
		return im.local() == other.local()
	}
	return im.Subject == other.Subject
}

// local is the subject of a service here.
func (im *Import) local() string {
	if im.To != "" {
		return im.To
	}
	return im.Subject
}

// covering returns the exports that an import may be of: those of its very
// subject if there are any, or else all whose subjects cover it.
func (a *Account) covering(im *Import) (exact, covering []*Export) {
	for i := range a.Exports {
		e := &a.Exports[i]
		switch {
		case e.Service != im.Service:
		case e.Subject == im.Subject:
			exact = append(exact, e)
		case subject.Subset(im.Subject, e.Subject):
			covering = append(covering, e)
		}
	}
	return exact, covering
}

// exports reports whether the account exports what is imported.
func (a *Account) exports(im *Import) bool {
	exact, covering := a.covering(im)
	return len(exact) > 0 || len(covering) > 0
}

// exportsTo reports whether it does so to that account.
func (a *Account) exportsTo(name string, im *Import) bool {
	exact, covering := a.covering(im)
	if len(exact) > 0 {
		covering = exact
	}
	return slices.ContainsFunc(covering, func(e *Export) bool {
		if e.TokenPosition > 0 {
			return nthToken(im.Subject, e.TokenPosition) == name
		}
		return len(e.Accounts) == 0 || slices.Contains(e.Accounts, name)
	})
}

// nthToken returns the token of a subject with that number, counted from 1, or "".
func nthToken(s string, number int) string {
	for more := true; more; number-- {
		var t string
		if t, s, more = subject.Next(s); number == 1 {
			return t
		}
	}
	return ""
}

// mappings checks the mappings of an account, or of $G for the path "".
func (c *checker) mappings(at, key string, ms []Mapping) {
	seen := make(map[string]bool)
	for i, m := range ms {
		at := place(at, "Mappings", i)
		switch {
		case m.Source == "":
			c.add(fmt.Sprintf("%q: a mapping of nothing; must have a source", key), at, place(at, "Source"))
			continue
		case seen[m.Source]:
			c.add(fmt.Sprintf("%q: %q is given twice; must be one mapping", key, m.Source), at)
		}
		seen[m.Source] = true
		weights, subjects := make(map[string]int), make(map[string]bool)
		for j, d := range m.Destinations {
			at := place(at, "Destinations", j)
			if why := checkDestination(m.Source, d.Subject); why != "" {
				c.add(fmt.Sprintf("%q: %q is no destination of %q: %s", key, d.Subject, m.Source, why), place(at, "Subject"))
			}
			if subjects[d.Subject] {
				c.add(fmt.Sprintf("%q: %q is given %q twice; must be once", key, m.Source, d.Subject), place(at, "Subject"))
			}
			subjects[d.Subject] = true
			if weights[d.Cluster] += d.Weight; weights[d.Cluster] > 100 && weights[d.Cluster]-d.Weight <= 100 {
				c.add(fmt.Sprintf("%q: the weights of %q are above 100 in sum; must be at most that", key, m.Source), place(at, "Weight"))
			}
		}
	}
}
