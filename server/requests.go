package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"moonwire/server/account"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/monitor"
)

// The subjects of the system account by which servers are asked what the paths of
// monitoring tell: all of them, this one, or about one account.
const (
	requestPing    = "$SYS.REQ.SERVER.PING"
	requestServer  = "$SYS.REQ.SERVER."
	requestAccount = "$SYS.REQ.ACCOUNT.*."
	requestUser    = "$SYS.REQ.USER.*.INFO"
)

// serveMonitor has the server answer what is asked about it, as the nats client
// and others do that see many servers.
func (s *Server) serveMonitor() {
	y, m := s.system, s.monitor
	for name, f := range map[string]func(*request){
		"IDZ":      s.tellID,
		"STATSZ":   s.tellStats,
		"VARZ":     tell(s, func(*struct{}) (any, error) { return m.Varz(), nil }),
		"CONNZ":    tell(s, func(o *monitor.ConnzOptions) (any, error) { return m.Connz(*o) }),
		"SUBSZ":    tell(s, func(o *monitor.SubszOptions) (any, error) { return m.Subsz(*o) }),
		"ACCOUNTZ": tell(s, func(o *monitor.AccountzOptions) (any, error) { return m.Accountz(*o) }),
		"ROUTEZ":   tell(s, func(*struct{}) (any, error) { return m.Routez(), nil }),
		"GATEWAYZ": tell(s, func(*struct{}) (any, error) { return m.Gatewayz(), nil }),
		"LEAFZ":    tell(s, func(*struct{}) (any, error) { return m.Leafz(), nil }),
		"HEALTHZ":  tell(s, func(*struct{}) (any, error) { return s.health(), nil }),
	} {
		y.handle(requestPing+"."+name, "", f)
		y.handle(requestServer+s.id+"."+name, "", f)
	}
	y.handle(requestPing, "", s.tellStats) // as it was before there were others
	y.handle(requestServer+s.id+".KICK", "", tell(s, s.kick))

	y.handle(requestAccount+"CONNZ", "", tellOf(s, func(o *monitor.ConnzOptions, of string) (any, error) {
		o.Account = of
		return m.Connz(*o)
	}))
	y.handle(requestAccount+"SUBSZ", "", tellOf(s, func(o *monitor.SubszOptions, of string) (any, error) {
		o.Account, o.Subs = of, true
		return m.Subsz(*o)
	}))
	y.handle(requestAccount+"INFO", "", tellOf(s, func(_ *struct{}, of string) (any, error) {
		z, err := m.Accountz(monitor.AccountzOptions{Account: of})
		if err != nil {
			return nil, err
		}
		return z.Account, nil
	}))
	y.handle(requestAccount+"STATZ", "", tellOf(s, s.accountStats))
	y.handle(requestUser, "", s.tellUser)
}

// asked is what every request may say besides its own options: which servers are
// to answer. What it names must be a part of what the server has, or all of it
// where Exact.
type asked struct {
	Name    string   `json:"server_name"`
	Cluster string   `json:"cluster"`
	Host    string   `json:"host"`
	Exact   bool     `json:"exact_match"`
	Tags    []string `json:"tags"`
	Domain  string   `json:"domain"`
}

// means reports whether a server is to answer. It has no cluster, no tags and no
// domain.
func (a *asked) means(s *Server) bool {
	has := func(what, part string) bool {
		return part == "" || what == part || !a.Exact && strings.Contains(what, part)
	}
	return has(s.name, a.Name) && has(s.options().Host, a.Host) && a.Cluster == "" && len(a.Tags) == 0 && a.Domain == ""
}

// told is the answer to a request. Either there are data or an error, or neither.
type told struct {
	Server serverInfo `json:"server"`
	Data   any        `json:"data,omitempty"`
	Stats  any        `json:"statsz,omitempty"` // in place of data
	Error  *fault     `json:"error,omitempty"`
}

// fault is why there is no answer, with the code that HTTP has for it.
type fault struct {
	Code        int    `json:"code"`
	Description string `json:"description,omitempty"`
}

// errSilent is returned by what leaves the answer to others.
var errSilent = errors.New("others answer this")

// tell returns the handler of requests with options that f answers.
func tell[T any](s *Server, f func(*T) (any, error)) func(*request) {
	return tellOf(s, func(o *T, _ string) (any, error) { return f(o) })
}

// tellOf is tell with the account that the subject names.
func tellOf[T any](s *Server, f func(o *T, of string) (any, error)) func(*request) {
	return func(r *request) {
		if r.reply == "" {
			return
		}
		o, code := new(T), http.StatusBadRequest
		var data any
		err := s.understand(r, o)
		if err == nil {
			code = http.StatusInternalServerError
			data, err = f(o, strings.Split(r.subject, ".")[3])
		}
		switch {
		case errors.Is(err, errSilent):
		case err != nil:
			s.system.answer(r, told{Server: s.system.info(), Error: &fault{code, err.Error()}})
		default:
			s.system.answer(r, told{Server: s.system.info(), Data: data})
		}
	}
}

// understand decodes the options of a request. It returns errSilent if that means
// other servers.
func (s *Server) understand(r *request, o any) error {
	if len(r.body) == 0 {
		return nil
	}
	var to asked
	if err := cmp.Or(json.Unmarshal(r.body, o), json.Unmarshal(r.body, &to)); err != nil {
		return err
	}
	if !to.means(s) {
		return errSilent
	}
	return nil
}

// tellID says who the server is, and no more.
func (s *Server) tellID(r *request) {
	s.system.answer(r, struct {
		Name string `json:"name"`
		Host string `json:"host"`
		ID   string `json:"id"`
	}{s.name, s.options().Host, s.id})
}

func (s *Server) tellStats(r *request) {
	switch err := s.understand(r, new(struct{})); {
	case err == nil:
		s.system.answer(r, told{Server: s.system.info(), Stats: s.monitor.Statsz()})
	case !errors.Is(err, errSilent):
		s.system.answer(r, told{Server: s.system.info(), Error: &fault{http.StatusBadRequest, err.Error()}})
	}
}

// health is what monitoring says of the health, with the code of its answer.
func (s *Server) health() any {
	h := s.monitor.Healthz()
	return struct {
		monitor.Health
		Code int `json:"status_code"`
	}{h, h.Code()}
}

// kicked names a connection.
type kicked struct {
	ID uint64 `json:"cid"`
}

// kick closes a connection.
func (s *Server) kick(k *kicked) (any, error) {
	s.mu.Lock()
	c := s.mu.clients[k.ID]
	s.mu.Unlock()
	if c == nil {
		return nil, errors.New("there is no such connection")
	}
	c.Close(conn.Kicked)
	return nil, nil
}

// accountStats says what goes on in an account; PING is all of them. Nothing is
// said of accounts without connections unless they are asked for.
func (s *Server) accountStats(o *monitor.AccountStatzOptions, of string) (any, error) {
	if of != "PING" {
		o.Accounts = []string{of}
	}
	z := s.monitor.AccountStatz(*o)
	if len(z.Accounts) == 0 && !o.Unused {
		return nil, errSilent
	}
	return z, nil
}

// userInfo is what users are told about themselves.
type userInfo struct {
	User        string           `json:"user"`
	Account     string           `json:"account"`
	AccountName string           `json:"account_name,omitempty"`
	UserName    string           `json:"user_name,omitempty"`
	Permissions *userPermissions `json:"permissions,omitempty"` // nil: everything
	Expires     time.Duration    `json:"expires,omitempty"`     // from now
}

type userPermissions struct {
	Publish   *userRules     `json:"publish"`
	Subscribe *userRules     `json:"subscribe"`
	Responses *userResponses `json:"responses,omitempty"`
}

type userRules struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

type userResponses struct {
	Max     int           `json:"max"`
	Expires time.Duration `json:"ttl"`
}

// tellUser tells users about themselves. The account that passed the request on
// says who it is.
func (s *Server) tellUser(r *request) {
	if r.reply == "" {
		return
	}
	who, ok := account.RequestInfo(r.header)
	s.mu.Lock()
	c := s.mu.clients[who.ID]
	s.mu.Unlock()
	if !ok || c == nil {
		s.system.answer(r, told{Server: s.system.info(), Error: &fault{Code: http.StatusBadRequest, Description: "the request does not say who asks"}})
		return
	}
	u := userInfo{User: who.User, Account: who.Account, AccountName: who.Account, UserName: who.NameTag}
	if s.operator != nil {
		u.AccountName = s.operator.AccountName(who.Account)
	}
	if id := c.Identity(); id != nil {
		u.Permissions = permissionsOf(id.Permissions.Of())
		if !id.Expires.IsZero() {
			u.Expires = time.Until(id.Expires)
		}
	}
	s.system.answer(r, told{Server: s.system.info(), Data: u})
}

func permissionsOf(p *config.Permissions) *userPermissions {
	if p == nil {
		return nil
	}
	u := &userPermissions{Publish: rulesOf(p.Publish), Subscribe: rulesOf(p.Subscribe)}
	if p.Responses != nil {
		u.Responses = &userResponses{p.Responses.Max, p.Responses.Expires}
	}
	return u
}

func rulesOf(r config.Rules) *userRules {
	if len(r.Allow)+len(r.Deny) == 0 {
		return nil
	}
	return &userRules{slices.Clone(r.Allow), slices.Clone(r.Deny)}
}
