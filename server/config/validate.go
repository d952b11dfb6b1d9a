package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// conflict is a problem between several fields.
type conflict struct {
	fields []string // paths; the first one that was set is where it is reported
	text   string
}

// checker collects what is wrong between the fields of complete options.
type checker struct {
	*Options
	found []conflict
}

// add adds a conflict. Fields are paths as place makes them.
func (c *checker) add(text string, fields ...string) {
	c.found = append(c.found, conflict{fields, text})
}

// place returns the path of a field: names, and numbers of elements behind the
// names of lists.
func place(parts ...any) string {
	var b strings.Builder
	for i, p := range parts {
		switch p := p.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(p) + "]")
		case string:
			if i > 0 && p != "" && b.Len() > 0 {
				b.WriteString(delimiter)
			}
			b.WriteString(p)
		}
	}
	return b.String()
}

// conflicts returns what is wrong between fields that are each fine alone.
func (o *Options) conflicts() []conflict {
	d := o.WithDefaults()
	c := &checker{Options: &d}
	c.limits()
	c.listeners()
	c.authorization()
	c.users()
	c.accounts()
	c.mappings("", "mappings", d.Mappings)
	c.operatorMode()
	c.resolver()
	c.hooks()
	return c.found
}

func (c *checker) limits() {
	if c.MaxPending > 0 && int64(c.MaxPayload) > c.MaxPending {
		c.add(fmt.Sprintf(`"max_payload": %d is above "max_pending" (%d); must be at most that`, c.MaxPayload, c.MaxPending),
			"MaxPayload", "MaxPending")
	}
	if c.LameDuckDuration > 0 && c.LameDuckGracePeriod >= c.LameDuckDuration {
		c.add(fmt.Sprintf(`"lame_duck_grace_period": %s is not below "lame_duck_duration" (%s); must be less than that`,
			showDuration(c.LameDuckGracePeriod), showDuration(c.LameDuckDuration)), "LameDuckGracePeriod", "LameDuckDuration")
	}
}

// largePayload is the payload size above which memory use deserves a warning.
const largePayload = 8 << 20

// longAuthTimeout is the time above which an auth timeout looks like a slip.
const longAuthTimeout = time.Minute

// doubts returns what is allowed but probably not meant.
func (o *Options) doubts() []conflict {
	c := &checker{Options: o}
	if o.MaxPayload > largePayload {
		c.add(fmt.Sprintf(`"max_payload": %d is above %d (8 MiB); large messages cost memory in every queue they wait in`,
			o.MaxPayload, largePayload), "MaxPayload")
	}
	if o.MaxConnections < 0 {
		c.add(`"max_connections": lets no client connect; leave the key out for the default`, "MaxConnections")
	}
	if o.AuthTimeout > longAuthTimeout {
		c.add(fmt.Sprintf(`"authorization.timeout": %s is long; if that is not meant, mind that in NATS syntax a duration needs quotes: 1m is the number 1000000`,
			showDuration(o.AuthTimeout)), "AuthTimeout")
	}
	c.pointless()
	for i := range o.Accounts {
		for j, im := range o.Accounts[i].Imports {
			switch at := place("Accounts", i, "Imports", j); {
			case im.Service && im.Prefix != "":
				c.add(`"accounts.imports.prefix": has no effect on a service; use "to"`, place(at, "Prefix"))
			case !im.Service && im.Share:
				c.add(`"accounts.imports.share": has no effect on a stream`, place(at, "Share"))
			}
		}
	}
	return c.found
}
