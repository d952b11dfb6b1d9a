package hooktool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/server/auth"
)

// replay asks hooks again what a log says that they were asked.
func (t *tool) replay(args []string) error {
	f := t.flags()
	var from source
	from.define(f)
	hook := f.String("hook", "", "look at the decisions of the hook with this `name` only; for a script, its name in the log")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 || len(rest) > 2 {
		return usagef("say which log is to be replayed, and with which script or configuration")
	}
	log := io.Reader(os.Stdin)
	if rest[0] != "-" {
		file, err := os.Open(rest[0])
		if err != nil {
			return err
		}
		defer file.Close()
		log = file
	}
	r, err := t.newReplayer(&from, rest[1:], *hook)
	if err != nil {
		return err
	}
	_, broken, err := readDecisions(log, r.take)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	return r.report(t.Stdout, broken)
}

// replayer compares what hooks said with what they say now.
type replayer struct {
	ctx    context.Context
	opened *opened
	asked  map[string]*replayed // by hook
	alias  string               // what the one script is called in the log; "" for all names
	only   string               // the hook that is looked at; "" for all

	same    int
	changes map[change]*found
	skipped map[string]int // by why
}

// replayed is a hook that is asked again.
type replayed struct {
	set     *hooks.Set
	beyond  hooks.PerPoint[hooks.Field] // what the hook declares to look at that the log does not have
	saw     hooks.Field                 // the same of the question at hand, as it was seen
	answers []string                    // to the question at hand
}

// change is what is different now.
type change struct {
	hook     string
	point    hooks.Point
	old, now string
}

// found is how often, and an example.
type found struct {
	count   int
	example string
}

// newReplayer opens the new version of hooks.
func (t *tool) newReplayer(from *source, scripts []string, only string) (*replayer, error) {
	r := &replayer{ctx: t.ctx, asked: make(map[string]*replayed), only: only, changes: make(map[change]*found), skipped: make(map[string]int)}
	var err error
	if from.conf == "" && len(scripts) > 0 {
		r.opened, err = t.openScripts(from.settings, scripts, lua.Options{NoteReads: true})
	} else {
		r.opened, err = t.open(from, scripts)
	}
	if err != nil {
		return nil, err
	}
	for i, h := range r.opened.hooks {
		if h.Engine == nil {
			continue
		}
		one, err := newReplayed(h)
		if err != nil {
			return nil, errors.Join(err, closeEngines(t.ctx, r.opened.hooks[i:]), r.close())
		}
		r.asked[h.Name] = one
		if len(scripts) > 0 {
			r.alias = h.Name
		}
	}
	return r, nil
}

func (r *replayer) close() error {
	var errs []error
	for _, one := range r.asked {
		errs = append(errs, one.set.Close(r.ctx))
	}
	r.opened.close()
	return errors.Join(errs...)
}

// inLog is what the log has of a question. An answer that depends on more cannot be
// compared.
const inLog = hooks.FieldUser | hooks.FieldAccount | hooks.FieldClient | hooks.FieldHost | hooks.FieldSubject

// newReplayed makes a hook ready to be asked again. Its answers are kept by what the
// log has, so that it is seen when it looks at more.
func newReplayed(h hooks.Hook) (*replayed, error) {
	one := new(replayed)
	for _, r := range h.Engine.Registrations() {
		one.beyond[r.Point] |= r.Fields.Set &^ inLog
		if len(r.Fields.Tags) > 0 {
			one.beyond[r.Point] |= hooks.FieldTags
		}
		if len(r.Fields.Headers) > 0 {
			one.beyond[r.Point] |= hooks.FieldHeaders
		}
	}
	h.Engine, h.Mode = &noted{h.Engine, one}, hooks.Enforce
	var err error
	one.set, err = hooks.Compile([]hooks.Hook{h}, hooks.Options{
		Sampling: hooks.Sampling{Sample: 1, Denied: 1}, Breaker: hooks.BreakerOptions{Threshold: 1},
		Observer: hooks.Observer{Decision: func(d hooks.Decision) {
			said := d.Verdict.String()
			if d.Err != nil {
				said = failedNow
			}
			one.answers = append(one.answers, said)
		}},
	})
	return one, err
}

// failedNow is what a hook said that had no answer.
const failedNow = "failed"

// noted is an engine that is seen to look at more than the log has.
type noted struct {
	hooks.Engine
	of *replayed
}

// Do implements [hooks.Engine].
func (n *noted) Do(ctx context.Context, registration int, calls []*hooks.Call) error {
	err := n.Engine.Do(ctx, registration, calls)
	for _, c := range calls {
		n.of.saw |= c.Beyond()
	}
	return err
}

// Registrations implements [hooks.Engine].
func (n *noted) Registrations() []hooks.Registration {
	list := slices.Clone(n.Engine.Registrations())
	for i := range list {
		if r := &list[i]; r.Cache != nil || replayable(r.Point) && r.Fields.Set == 0 && len(r.Fields.Tags)+len(r.Fields.Headers) == 0 {
			r.Cache = &hooks.CachePolicy{By: hooks.Fields{Set: inLog}, TTL: time.Hour, NegativeTTL: time.Hour}
		}
	}
	return list
}

// replayable reports whether the log may have all of a question.
func replayable(p hooks.Point) bool {
	return p == hooks.AtRewrite || p == hooks.AtPublish || p == hooks.AtSubscribe
}

// take takes a line of the log.
func (r *replayer) take(l *logged) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.only != "" && l.Hook != r.only {
		return nil
	}
	name := cmp.Or(r.alias, l.Hook)
	if r.alias != "" && r.only == "" && l.Hook != r.alias {
		r.skipped[fmt.Sprintf("they are of hook %q; -hook says that the script is that one", l.Hook)]++
		return nil
	}
	one := r.asked[name]
	switch {
	case one == nil:
		r.skipped[fmt.Sprintf("there is no hook %q now", name)]++
		return nil
	case l.point == hooks.AtConnect:
		r.skipped["connect: what clients present is not in the log"]++
		return nil
	case l.point == hooks.AtInspect:
		r.skipped["inspect: messages are not in the log"]++
		return nil
	case !replayable(l.point):
		r.skipped[l.Point+" is not asked again"]++
		return nil
	}
	said, missing := one.ask(r.ctx, l)
	if missing != 0 {
		r.skipped[fmt.Sprintf("%v: the hook looks at %s, which the log does not have", l.point, inWords(missing))]++
		return nil
	}
	if slices.Contains(said, l.said()) {
		r.same++
		return nil
	}
	r.differs(l, strings.Join(said, ", "))
	return nil
}

// inWords names fields.
func inWords(f hooks.Field) string {
	text := strings.ReplaceAll((f &^ hooks.FieldOther).String(), ",", ", ")
	switch {
	case f&hooks.FieldOther == 0:
		return text
	case text != "":
		text += ", "
	}
	return text + "what is in no call (kv, the time, chance)"
}

// ask asks the hook again, and returns what each of its functions says, and what
// they look at that the log does not have.
func (one *replayed) ask(ctx context.Context, l *logged) (said []string, missing hooks.Field) {
	c := hooks.NewCall()
	defer c.Done()
	c.Client = &hooks.Client{ID: l.Client, User: l.User, Account: l.Account, Host: l.Host, Kind: auth.Standard}
	c.Subject = []byte(l.Subject)
	one.answers, one.saw = nil, one.beyond[l.point]
	one.set.Table(l.Account).Do(ctx, new(hooks.Session), l.point, []*hooks.Call{c})
	if len(one.answers) == 0 {
		one.answers = []string{"not asked"}
	}
	return one.answers, one.saw
}

func (r *replayer) differs(l *logged, now string) {
	k := change{l.Hook, l.point, l.told(), now}
	f := r.changes[k]
	if f == nil {
		f = &found{example: fmt.Sprintf("line %d: %q by user %q of account %q", l.line, l.Subject, l.User, l.Account)}
		if why := cmp.Or(l.Error, l.Reason); why != "" {
			f.example += fmt.Sprintf(", then because of %q", why)
		}
		r.changes[k] = f
	}
	f.count++
}

// report prints what is different, and returns an error if anything is.
func (r *replayer) report(w io.Writer, broken int) error {
	var list []change
	differing, skipped := 0, 0
	for k, f := range r.changes {
		list = append(list, k)
		differing += f.count
	}
	slices.SortFunc(list, func(a, b change) int {
		return cmp.Or(cmp.Compare(r.changes[b].count, r.changes[a].count), strings.Compare(a.hook, b.hook),
			cmp.Compare(a.point, b.point), strings.Compare(a.old+a.now, b.old+b.now))
	})
	for _, k := range list {
		fmt.Fprintf(w, "%s at %v: %s → %s, %s\n    %s\n", k.hook, k.point, k.old, k.now, count(r.changes[k].count, "time"), r.changes[k].example)
	}
	if broken > 0 {
		r.skipped["they are no JSON of a log; log_format json is what is read"] = broken
	}
	var why []string
	for text, n := range r.skipped {
		skipped += n
		why = append(why, text)
	}
	slices.SortFunc(why, func(a, b string) int { return cmp.Or(cmp.Compare(r.skipped[b], r.skipped[a]), strings.Compare(a, b)) })
	fmt.Fprintf(w, "%s as before, %d different, %d not replayed\n", count(r.same, "decision"), differing, skipped)
	for _, text := range why {
		fmt.Fprintf(w, "    %d: %s\n", r.skipped[text], text)
	}
	if differing > 0 {
		return errFailed
	}
	if r.same == 0 {
		return errors.New("nothing was replayed")
	}
	return nil
}
