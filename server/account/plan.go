package account

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moonwire/server/config"
	"moonwire/server/interest"
	"moonwire/server/subject"
)

// plan is what options say of accounts, checked before anything is changed.
type plan struct {
	drafts map[string]*draft
	order  []*draft // as configured
	errs   []error
}

// draft is one account as it is to be.
type draft struct {
	*config.Account
	account  *Account // as it is, or a new one
	mappings *subject.Mappings
	streams  []*stream
	services []*service
	imports  []*imported
}

// imported is an import with the subjects it has here and there.
type imported struct {
	*config.Import
	by, from *draft
	local    string // pattern
}

// String names the import in errors.
func (i *imported) String() string {
	return fmt.Sprintf("account %q: import of the %s %q from account %q", i.by.Name, kind(i.Service), i.Subject, i.Account)
}

func kind(service bool) string {
	if service {
		return "service"
	}
	return "stream"
}

func (p *plan) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

// newPlan checks what o says. existing returns the account of a name, which it
// makes if there is none.
func newPlan(o *config.Options, existing func(name string) *Account) (*plan, error) {
	p := &plan{drafts: make(map[string]*draft)}
	global := &draft{Account: &config.Account{Name: Global}}
	p.add(global)
	p.add(&draft{Account: &config.Account{Name: systemAccount(o)}})
	seen := make(map[string]bool)
	for i := range o.Accounts {
		c := &o.Accounts[i]
		switch {
		case c.Name == "":
			p.fail("accounts: an account has no name")
			continue
		case seen[c.Name]:
			p.fail("account %q is there twice; leave one out", c.Name)
			continue
		}
		seen[c.Name] = true
		if d := p.drafts[c.Name]; d != nil {
			d.Account = c
		} else {
			p.add(&draft{Account: c})
		}
	}
	if name := systemAccount(o); name != System && !seen[name] {
		p.fail("system_account: there is no account %q", name)
	}
	for _, d := range p.order {
		d.account = existing(d.Name)
		rules := d.Mappings
		if d == global {
			rules = append(slices.Clone(rules), o.Mappings...)
		}
		p.mappings(d, rules)
		for i := range d.Exports {
			p.checkExport(d, &d.Exports[i])
		}
	}
	for _, d := range p.order {
		for i := range d.Imports {
			p.link(d, &d.Imports[i])
		}
	}
	for _, d := range p.order {
		if system := p.drafts[systemAccount(o)]; d != system {
			d.ownRequests(system)
		}
	}
	p.checkCycles()
	return p, errors.Join(p.errs...)
}

// systemAccount returns the name of the account for the server's own messages.
func systemAccount(o *config.Options) string {
	if o.SystemAccount != "" {
		return o.SystemAccount
	}
	return System
}

func (p *plan) add(d *draft) {
	p.drafts[d.Name] = d
	p.order = append(p.order, d)
}

func (p *plan) mappings(d *draft, list []config.Mapping) {
	rules := make([]subject.MapRule, 0, len(list))
	for _, m := range list {
		r := subject.MapRule{Source: m.Source}
		for _, to := range m.Destinations {
			r.Destinations = append(r.Destinations, subject.MapDestination{Subject: to.Subject, Weight: to.Weight, Cluster: to.Cluster})
		}
		rules = append(rules, r)
	}
	var err error
	if d.mappings, err = subject.NewMappings(rules, ""); err != nil {
		p.fail("account %q: %w", d.Name, err)
	}
}

// checkExport checks an export by itself.
func (p *plan) checkExport(d *draft, e *config.Export) {
	fail := func(format string, args ...any) {
		what := fmt.Sprintf("account %q: export of the %s %q: ", d.Name, kind(e.Service), e.Subject)
		p.fail(what+"%w", fmt.Errorf(format, args...))
	}
	if !subject.ValidPattern(e.Subject) {
		fail("this is not a valid subject")
		return
	}
	for _, name := range e.Accounts {
		if p.drafts[name] == nil {
			fail("there is no account %q to export to", name)
		}
	}
	tokens := strings.Split(e.Subject, string(subject.Separator))
	if at := e.TokenPosition; at != 0 && (at < 1 || at > len(tokens) || tokens[at-1] != "*") {
		fail("account_token_position is %d; it must be that of a * in the subject", at)
	}
	switch e.ResponseType {
	case "", "singleton", "stream", "chunked":
	default:
		fail("response is %q; allowed are singleton, stream and chunked", e.ResponseType)
	}
}

// link checks an import and prepares it.
func (p *plan) link(d *draft, c *config.Import) {
	i := &imported{Import: c, by: d, from: p.drafts[c.Account]}
	e, err := i.export()
	if err == nil {
		err = i.prepare(e)
	}
	if err != nil {
		p.fail("%v: %w", i, err)
		return
	}
	for _, o := range d.imports {
		switch {
		case o.Service != i.Service || o.Account != i.Account:
		case !i.Service && o.Subject == i.Subject:
			p.fail("%v: it is there twice; leave one out", i)
		case i.Service && o.local == i.local:
			p.fail("%v: the subject %q here is already that of %q there", i, i.local, o.Subject)
		}
	}
	d.imports = append(d.imports, i)
}

// export returns the export that lets the import be.
func (i *imported) export() (*config.Export, error) {
	switch {
	case i.from == nil:
		return nil, errors.New("there is no such account")
	case !subject.ValidPattern(i.Subject):
		return nil, errors.New("this is not a valid subject")
	}
	found := false
	for n := range i.from.Exports {
		e := &i.from.Exports[n]
		if e.Service != i.Service || !subject.Subset(i.Subject, e.Subject) {
			continue
		}
		if i.allowed(e) {
			return e, nil
		}
		found = true
	}
	if found {
		return nil, fmt.Errorf("it is private: its export does not allow account %q", i.by.Name)
	}
	return nil, fmt.Errorf("account %q has no such export", i.Account)
}

// allowed reports whether e is for the importing account.
func (i *imported) allowed(e *config.Export) bool {
	if e.TokenPosition > 0 {
		tokens := strings.Split(i.Subject, string(subject.Separator))
		return e.TokenPosition <= len(tokens) && tokens[e.TokenPosition-1] == i.by.Name
	}
	return e.Accounts == nil || slices.Contains(e.Accounts, i.by.Name)
}

// prepare sets what the import is here, and adds it to its account's draft.
func (i *imported) prepare(e *config.Export) error {
	to := i.To
	switch {
	case i.Prefix != "" && i.Service:
		return errors.New("a prefix is for streams; use to")
	case i.Prefix != "" && i.To != "":
		return errors.New("it has both to and prefix; leave one out")
	case i.Prefix != "":
		prefix := strings.TrimSuffix(i.Prefix, string(subject.Separator))
		if !subject.ValidLiteral(prefix) {
			return fmt.Errorf("the prefix %q is not a subject without wildcards", i.Prefix)
		}
		to = prefix + string(subject.Separator) + i.Subject
	case to == "":
		to = i.Subject
	}
	if i.Service {
		return i.prepareService(to, e)
	}
	return i.prepareStream(to)
}

func (i *imported) prepareStream(to string) error {
	there, back, local, err := transforms(i.Subject, to)
	if err != nil {
		return err
	}
	i.local = local
	st := &stream{from: i.from.account, remote: i.Subject, local: to, back: back}
	if to != i.Subject {
		st.name = renamer{there}
	}
	i.by.streams = append(i.by.streams, st)
	return nil
}

// defaultThreshold is how long a service may take that says nothing.
const defaultThreshold = 2 * time.Minute

func (i *imported) prepareService(to string, e *config.Export) error {
	t := &terms{export: e, share: i.Share, many: e.ResponseType == "stream" || e.ResponseType == "chunked", threshold: e.ResponseThreshold}
	if t.threshold <= 0 {
		t.threshold = defaultThreshold
	}
	if i.local = to; subject.HasWildcard(i.Subject) {
		var err error
		if _, t.rename, i.local, err = transforms(i.Subject, to); err != nil {
			return err
		}
	} else if t.subject = i.Subject; !subject.ValidPattern(to) {
		return fmt.Errorf("%q is not a valid subject", to)
	}
	i.by.services = append(i.by.services, newService(i.by.account, i.from.account, i.local, t))
	return nil
}

// transforms returns the transform from the pattern remote to local, which may
// have $1 and the like in it, its reverse, and the pattern of what it makes.
func transforms(remote, local string) (there, back *subject.Transform, pattern string, err error) {
	if there, err = subject.NewStrictTransform(remote, local); err != nil {
		return nil, nil, "", err
	}
	if back, err = there.Reverse(); err != nil {
		return nil, nil, "", err
	}
	pattern, _ = there.Pattern(string(subject.AnyTail))
	return there, back, pattern, nil
}

// checkCycles refuses imports that lead back to themselves: what came by them
// would come again.
func (p *plan) checkCycles() {
	const (
		open = iota + 1
		done
	)
	state := make(map[*imported]int)
	var visit func(i *imported)
	visit = func(i *imported) {
		state[i] = open
		for _, next := range i.from.imports {
			if next.Service != i.Service || !subject.Overlap(i.Subject, next.local) {
				continue
			}
			switch state[next] {
			case 0:
				visit(next)
			case open:
				p.fail("%v: it forms a cycle with what account %q imports as %q from account %q; leave one out", i, next.by.Name, next.local, next.Account)
			}
		}
		state[i] = done
	}
	for _, d := range p.order {
		for _, i := range d.imports {
			if state[i] == 0 {
				visit(i)
			}
		}
	}
}

// apply makes the account what its draft says.
func (d *draft) apply() {
	limits := d.Limits
	d.account.Limits.Store(&limits)
	d.account.Config.Store(d.Account)
	d.account.Mappings.Store(d.mappings)
	d.account.linkStreams(d.streams)
	d.account.linkServices(d.services)
}

var _ interest.Renamer = renamer{}
