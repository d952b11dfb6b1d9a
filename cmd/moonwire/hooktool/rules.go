package hooktool

import (
	"fmt"

	"moonwire/server/config"
	"moonwire/server/permission"
)

// whyPublish says which entry of rules lets somebody publish to a subject, or
// keeps them from it. Each entry is asked alone, so that it is the broker's own
// code that decides what it is for.
func whyPublish(p *config.Permissions, subj string) string {
	if p == nil {
		return everything
	}
	may := func(r config.Rules) bool {
		set, err := permission.Compile(&config.Permissions{Publish: r})
		return err == nil && set.Publish([]byte(subj))
	}
	text := why("publish", &p.Publish, p.Responses == nil, may)
	if p.Responses != nil && !may(p.Publish) {
		text += "; answers to what it has received are allowed all the same"
	}
	return text
}

// whySubscribe is whyPublish for a subscription.
func whySubscribe(p *config.Permissions, pattern, queue string) string {
	if p == nil {
		return everything
	}
	may := func(r config.Rules) bool {
		set, err := permission.Compile(&config.Permissions{Subscribe: r})
		return err == nil && set.Subscribe(pattern, queue)
	}
	text := why("subscribe", &p.Subscribe, true, may)
	set, err := permission.Compile(p)
	if err == nil && set.Subscribe(pattern, queue) && set.Filter(pattern, queue) != nil {
		text += "; what deny entries match is left out of what it gets"
	}
	return text
}

const everything = "there are no rules: everything is allowed"

// why says which entry decides. Free is whether everything is allowed without a
// list.
func why(what string, r *config.Rules, free bool, may func(config.Rules) bool) string {
	for _, e := range r.Deny {
		if !may(config.Rules{Deny: []string{e}}) {
			return fmt.Sprintf("%s.deny %q forbids it", what, e)
		}
	}
	if len(r.Allow) == 0 {
		if free {
			return fmt.Sprintf("there is no %s.allow: all is allowed that is not denied", what)
		}
		return fmt.Sprintf("there is no %s.allow, and with allow_responses that allows nothing", what)
	}
	for _, e := range r.Allow {
		if !may(config.Rules{Allow: []string{e}}) {
			continue
		}
		if !may(config.Rules{Allow: r.Allow}) {
			return fmt.Sprintf("%s.allow %q does not count, as other entries are for it in queue groups, and none for this one", what, e)
		}
		return fmt.Sprintf("%s.allow %q allows it", what, e)
	}
	return fmt.Sprintf("no entry of %s.allow is for it", what)
}
