package sdktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// pointName is the name of a point in the configuration: "publish".
func pointName(p hookv1.Point) string {
	return strings.ToLower(strings.TrimPrefix(p.String(), "POINT_"))
}

// title is the name of a point's method: "Publish".
func title(p hookv1.Point) string {
	n := pointName(p)
	return strings.ToUpper(n[:1]) + n[1:]
}

// eventTypes are all that there are.
var eventTypes = [...]string{"connect", "disconnect", "subscribe", "unsubscribe", "slow_consumer", "auth_error", "reload"}

// check returns why the broker would not load a registration, or nil.
func check(r *hookv1.Registration) error {
	for _, f := range append(slices.Clone(r.GetFields()), r.GetCache().GetBy()...) {
		if _, ok := hookv1.Field_name[int32(f)]; !ok || f == hookv1.Field_FIELD_UNSPECIFIED {
			return fmt.Errorf("%d is no field", f)
		}
	}
	for _, e := range r.GetEvents() {
		if !slices.Contains(eventTypes[:], e) {
			return fmt.Errorf("%q is no event: want %s", e, strings.Join(eventTypes[:], ", "))
		}
	}
	for _, s := range r.GetSubjects() {
		if err := valid(string(s)); err != nil {
			return fmt.Errorf("the subject %q: %w", s, err)
		}
	}
	p := r.GetPoint()
	if p == hookv1.Point_POINT_CONNECT || p == hookv1.Point_POINT_EVENT {
		if len(r.GetSubjects()) > 0 {
			return errors.New("it has no subjects there")
		}
		if p == hookv1.Point_POINT_CONNECT && len(r.GetAccounts()) > 0 {
			return errors.New("it has no accounts there: they are still to be found")
		}
	}
	return checkCache(r)
}

// checkCache is [check] of the cache.
func checkCache(r *hookv1.Registration) error {
	c, p := r.GetCache(), r.GetPoint()
	if c == nil {
		return nil
	}
	if p != hookv1.Point_POINT_REWRITE && p != hookv1.Point_POINT_PUBLISH && p != hookv1.Point_POINT_SUBSCRIBE {
		return errors.New("answers are not kept there")
	}
	if everything(r) {
		return errors.New("it has a cache, so it has to name the fields that it looks at")
	}
	if len(c.GetBy())+len(c.GetTags())+len(c.GetHeaders()) == 0 {
		return errors.New("its cache keeps answers by nothing: name what they depend on")
	}
	for _, f := range c.GetBy() {
		if f > hookv1.Field_FIELD_QUEUE { // the others change from one message to the next
			return fmt.Errorf("no answers are kept by the %s", fieldName(f))
		}
	}
	for _, f := range r.GetFields() {
		if !slices.Contains(c.GetBy(), f) {
			return fmt.Errorf("it is sent the %s, which the cache does not keep answers by", fieldName(f))
		}
	}
	for _, t := range r.GetTags() {
		if !slices.Contains(c.GetTags(), t) {
			return fmt.Errorf("it is sent the tag %q, which the cache does not keep answers by", t)
		}
	}
	for _, h := range r.GetHeaders() {
		if !containsFold(c.GetHeaders(), h) {
			return fmt.Errorf("it is sent the header %q, which the cache does not keep answers by", h)
		}
	}
	return nil
}

func fieldName(f hookv1.Field) string {
	return strings.ToLower(strings.TrimPrefix(f.String(), "FIELD_"))
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, s) })
}

// concerns reports whether the broker would ask a registration.
func concerns(r *hookv1.Registration, q *question) bool {
	if r.GetPoint() != q.point {
		return false
	}
	if q.point == hookv1.Point_POINT_CONNECT {
		return true
	}
	if len(r.GetAccounts()) > 0 && !slices.Contains(r.GetAccounts(), q.client.Account) {
		return false
	}
	if len(r.GetSubjects()) == 0 {
		return true
	}
	return slices.ContainsFunc(r.GetSubjects(), func(p []byte) bool {
		if q.point == hookv1.Point_POINT_SUBSCRIBE {
			return overlap(string(p), q.message.Subject)
		}
		return overlap(string(p), literal(q.message.Subject))
	})
}

// wantsEvent reports whether the broker would tell a registration of an event.
func wantsEvent(r *hookv1.Registration, e *sdk.Event) bool {
	if r.GetPoint() != hookv1.Point_POINT_EVENT || len(r.GetEvents()) > 0 && !slices.Contains(r.GetEvents(), e.Type) {
		return false
	}
	return len(r.GetAccounts()) == 0 || e.Client != nil && slices.Contains(r.GetAccounts(), e.Client.Account)
}

// valid returns what is wrong with a subject or pattern.
func valid(s string) error {
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return errors.New("it has an empty token")
		case t == ">" && i < len(tokens)-1:
			return errors.New("> is not the last token")
		}
	}
	return nil
}

// wild reports whether a subject has a wildcard.
func wild(s string) bool {
	return slices.ContainsFunc(strings.Split(s, "."), func(t string) bool { return t == "*" || t == ">" })
}

// literal is a subject with tokens that no wildcard of a pattern is mistaken for.
func literal(s string) string {
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		if t == "*" || t == ">" {
			tokens[i] = t + "\x00"
		}
	}
	return strings.Join(tokens, ".")
}

// overlap reports whether there is a subject that both patterns match.
func overlap(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(as) && i < len(bs); i++ {
		if as[i] == ">" || bs[i] == ">" {
			return true
		}
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return len(as) == len(bs)
}
