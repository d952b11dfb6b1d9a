package hooktool

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/subject"
)

// bench measures what the functions of a script cost.
func (t *tool) bench(args []string) error {
	f := t.flags()
	var from source
	from.defineSettings(f)
	var q question
	q.define(f)
	subj := f.String("subject", "", "the `subject`; by default one that the registration is for")
	payload := f.String("payload", "", "the payload: a `file`, or a number of bytes; by default 128")
	runs := f.Int("runs", 5, "how many `runs` there are of each; the shortest and the median are shown")
	least := f.Duration("time", 200*time.Millisecond, "how `long` a run takes at least")
	files, err := parse(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(files) != 1:
		return usagef("say which script is to be measured; there is one at a time")
	case *runs < 1 || *least <= 0:
		return usagef("-runs and -time are more than 0")
	case *subj != "" && !subject.ValidLiteral(*subj):
		return usagef("-subject: %q is no subject to publish to", *subj)
	}
	of := sample{subject: *subj}
	if of.payload, err = samplePayload(*payload); err != nil {
		return err
	}
	if of.header, err = headerBlock(q.headers); err != nil {
		return usageError{err}
	}
	o, err := t.openScripts(from.settings, files, lua.Options{})
	if err != nil {
		return err
	}
	defer o.close()
	s := o.hooks[0].Engine.(*lua.Script)
	return errors.Join(t.table(s, &q, &of, *runs, *least), s.Close(t.ctx))
}

// table measures the functions of a script, one after another, and prints a line
// for each.
func (t *tool) table(s *lua.Script, q *question, of *sample, runs int, least time.Duration) error {
	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FUNCTION\tPOINT\tSUBJECT\tMIN\tMEDIAN\tALLOCS\tINSTRUCTIONS\tMEMORY\tKEPT\tANSWER")
	var errs []error
	for i, h := range s.Describe() {
		if h.Point == hooks.AtEvent {
			continue // nobody waits for it
		}
		one := *of
		one.choose(&h, q)
		place := fmt.Sprintf("%s:%d", h.File, h.Line)
		if why := one.misses(&h); why != "" {
			fmt.Fprintf(w, "%s\t%v\tit %s\n", place, h.Point, why)
			continue
		}
		m, err := measure(t.ctx, s, i, runs, least, &one)
		if err != nil {
			errs = append(errs, fmt.Errorf("the function at %s fails: %w", place, err))
			continue
		}
		shown := one.subject
		if h.Point == hooks.AtConnect {
			shown = "-"
		}
		fmt.Fprintf(w, "%s\t%v\t%s\t%d ns\t%d ns\t%.1f\t%d\t%d B\t%s\t%s\n", place, h.Point, shown,
			m.min.Nanoseconds(), m.median.Nanoseconds(), m.allocs, m.used.Instructions, m.used.Memory, m.cached(), m.verdict())
	}
	return errors.Join(append([]error{w.Flush()}, errs...)...)
}

// choose sets what was not given so that the function is asked.
func (s *sample) choose(h *lua.Handler, q *question) {
	s.client = &hooks.Client{
		ID: 1, User: orText(q.connect.User, "user"), Account: q.account, Tags: q.tags,
		Name: orText(q.connect.Name, "bench"), Host: q.host, Kind: auth.Standard,
	}
	if s.client.Account == "" {
		s.client.Account = account.Global
		if len(h.Accounts) > 0 {
			s.client.Account = h.Accounts[0]
		}
	}
	if h.Point == hooks.AtConnect {
		s.connect = &hooks.ConnectInfo{
			User: s.client.User, Password: q.connect.Password, Token: q.connect.Token, JWT: q.connect.JWT, Nkey: q.connect.Nkey,
		}
		s.client = &hooks.Client{ID: 1, Name: s.client.Name, Host: s.client.Host, Kind: s.client.Kind}
	}
	if s.subject == "" {
		s.subject = "bench"
		if len(h.Subjects) > 0 {
			s.subject = literal(h.Subjects[0])
		}
	}
}

// misses says why a function would not be asked, "" if it would.
func (s *sample) misses(h *lua.Handler) string {
	concerns := func(pattern string) bool { return subject.Match(pattern, s.subject) }
	size := len(s.header) + len(s.payload)
	switch {
	case h.Point == hooks.AtConnect:
		return ""
	case len(h.Subjects) > 0 && !slices.ContainsFunc(h.Subjects, concerns):
		return fmt.Sprintf("is not asked about %q", s.subject)
	case len(h.Accounts) > 0 && !slices.Contains(h.Accounts, s.client.Account):
		return fmt.Sprintf("is not asked about account %q", s.client.Account)
	case h.MaxPayload > 0 && size > h.MaxPayload:
		return fmt.Sprintf("takes %d bytes, and the message has %d", h.MaxPayload, size)
	}
	return ""
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// literal returns a subject that a pattern matches.
func literal(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		switch token {
		case "*":
			tokens[i] = "one"
		case ">":
			tokens[i] = "some.more"
		}
	}
	return strings.Join(tokens, ".")
}

// samplePayload returns what a flag says: the content of a file, or so many bytes,
// which are JSON if that fits: most functions that look at payloads want it.
func samplePayload(arg string) ([]byte, error) {
	size := 128
	if arg != "" {
		n, err := strconv.Atoi(arg)
		if err != nil {
			b, err := os.ReadFile(arg)
			if err != nil {
				return nil, fmt.Errorf("-payload: it is neither a number of bytes nor a file: %w", err)
			}
			return b, nil
		}
		if size = n; n < 0 || n > maxPayload {
			return nil, usagef("-payload: from 0 to %d bytes", maxPayload)
		}
	}
	frame, err := json.Marshal(map[string]any{"id": "1", "text": ""})
	if err != nil || size < len(frame) {
		return []byte(strings.Repeat("x", size)), err
	}
	return json.Marshal(map[string]any{"id": "1", "text": strings.Repeat("x", size-len(frame))})
}
