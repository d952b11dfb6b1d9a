package server_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// stage is a configuration with users, and what its scenes are made of.
type stage struct {
	config string
	// users are the fields of CONNECT that name them.
	users    []string
	subjects []string // literal
	patterns []string // besides the subjects
	// replies are literal subjects that nobody is denied: the reference delivers
	// a 503 where no message would be. Nor does anybody who needs leave to answer
	// publish to them: the reference gives it before a message has left.
	replies []string
	// unqueued: without queue groups, whose members are not alike.
	unqueued bool
	// unlimited: without UNSUB max.
	unlimited bool
	// final: answers ask nothing back.
	final bool
	// single: each connection has one subscription.
	single bool
}

// scene is what the connections of a stage do, one after the other.
type scene struct {
	*stage
	rng *rand.Rand
	n   int // publishes so far
}

// act is a step of a scene: what one connection sends in one piece. It may be
// told of the latest reply subject that it received, in place of %R.
type act struct {
	by    int
	lines string
}

// lastReply stands for the latest reply subject that the connection received.
const lastReply = "%R"

// newScene makes the steps of a seed for so many connections.
func newScene(st *stage, seed uint64, connections int) []act {
	s := scene{stage: st, rng: rand.New(rand.NewPCG(seed, 0x7573657273))}
	var acts []act
	if s.yes(4) {
		acts = append(acts, act{s.rng.IntN(connections), s.stranger()})
	}
	for i := range connections {
		acts = append(acts, act{i, s.connect()})
		if s.yes(2) {
			acts = append(acts, act{i, s.sub()})
		}
	}
	for range 10 + s.rng.IntN(20) {
		a := act{by: s.rng.IntN(connections)}
		for range 1 + s.rng.IntN(4) {
			a.lines += s.op()
		}
		acts = append(acts, a)
		if s.yes(12) {
			// On its own: the reference looks whether there are mappings once
			// for each read.
			acts = append(acts, act{s.rng.IntN(connections), s.connect()})
		}
	}
	return acts
}

func (s *scene) pick(list ...string) string { return list[s.rng.IntN(len(list))] }

func (s *scene) yes(one int) bool { return s.rng.IntN(one) == 0 }

// stranger begins with wrong credentials, or without any. It is before anybody
// subscribes, as the reference tells the account, in a message.
func (s *scene) stranger() string {
	if s.yes(2) {
		return s.op()
	}
	return "CONNECT {" + s.pick(`"user":"all","pass":"x"`, `"user":"nobody"`, `"user":"all"`, `"pass":"all"`, `"auth_token":"all"`,
		`"user":"all","pass":"all","protocol":2`) + "}\r\n"
}

// connect names a user, or nobody where that is one.
func (s *scene) connect() string {
	user := s.pick(s.users...)
	fields := []string{fmt.Sprintf(`"verbose":%t`, s.yes(3)), fmt.Sprintf(`"pedantic":%t`, s.yes(3))}
	if user != "" {
		fields = append(fields, user)
	}
	if !s.yes(6) {
		fields = append(fields, `"headers":true`)
		if s.yes(2) {
			fields = append(fields, `"no_responders":true`)
		}
	}
	if s.yes(4) {
		fields = append(fields, `"echo":false`)
	}
	if s.yes(2) {
		fields = append(fields, `"protocol":1`)
	}
	return "CONNECT {" + strings.Join(fields, ",") + "}\r\n"
}

func (s *scene) op() string {
	switch p := s.rng.IntN(100); {
	case p < 24:
		return s.sub()
	case p < 32:
		return s.unsub()
	case p < 70:
		return s.pub(s.subject())
	case p < 80:
		return s.hpub()
	case p < 92:
		return s.pub(lastReply)
	}
	return "PING\r\n"
}

func (s *scene) subject() string {
	if s.yes(10) {
		return s.pick("$NRG.a", "_GR_.a", "$GR.a", "_R_.a", "$JS.ACK.a", "$SYS.a", "a..b", "a.", "x", "'\"\\")
	}
	return s.pick(s.subjects...)
}

// sub subscribes. Members of queue groups have names that begin with q.
func (s *scene) sub() string {
	pattern := s.subject()
	if s.yes(2) {
		pattern = s.pick(s.patterns...)
	}
	switch {
	case s.single:
		return "SUB " + pattern + " 1\r\n"
	case s.yes(3) && !s.unqueued:
		return "SUB " + pattern + " " + s.pick("g", "h", "h.x", "no", "_sys_") + " " + s.pick("q1", "q2") + "\r\n"
	}
	return "SUB " + pattern + " " + s.pick("1", "2", "3", "4") + "\r\n"
}

func (s *scene) unsub() string {
	if sid := s.pick("1", "2", "3", "4", "q1", "q2", "9"); s.unlimited || sid[0] == 'q' || s.yes(3) {
		return "UNSUB " + sid + "\r\n"
	} else {
		return "UNSUB " + sid + " " + s.pick("1", "2", "3", "4", "6") + "\r\n"
	}
}

// args returns the subject and, maybe, a reply: one that was never there, so
// that whether it may be lastReply is decided once.
func (s *scene) args(subj string) string {
	s.n++
	if s.final && subj == lastReply {
		return subj
	}
	switch s.rng.IntN(8) {
	case 0, 1, 2:
		return fmt.Sprintf("%s r.%d", subj, s.n)
	case 3:
		if len(s.replies) == 0 {
			return subj
		}
		return subj + " " + s.pick(s.replies...)
	case 4:
		if s.yes(4) {
			return subj + " " + s.pick("_R_.x", "$JS.ACK.x", "_GR_.x", "$GR.x")
		}
	}
	return subj
}

func (s *scene) pub(subj string) string {
	args := s.args(subj)
	p := fmt.Sprintf("<%d>", s.n)
	return fmt.Sprintf("PUB %s %d\r\n%s\r\n", args, len(p), p)
}

func (s *scene) hpub() string {
	args := s.args(s.subject())
	h, p := "NATS/1.0\r\nA: b\r\n\r\n", fmt.Sprintf("<%d>", s.n)
	return fmt.Sprintf("HPUB %s %d %d\r\n%s%s\r\n", args, len(h), len(h)+len(p), h, p)
}
