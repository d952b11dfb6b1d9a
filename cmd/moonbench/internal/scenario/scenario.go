package scenario

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the shape of a load.
type Kind int

// The shapes.
const (
	Publish Kind = iota // publishers and subscribers
	Request             // requesters and a responder
	Idle                // connections and subscriptions that do nothing: memory
	Connect             // connections that come and go
)

// Fan says which subscribers get a publisher's messages.
type Fan int

// The fans.
const (
	Broadcast Fan = iota // each subscriber gets each message
	Pairs                // publisher n's messages go to subscriber n
	Queue                // each message goes to one member of one queue group
	Partition            // the subjects are dealt out to the subscribers in turn
	Nobody               // no subscriber; a PING after each block keeps the pace
)

// Churn says what kind of subscriptions come and go beside the load.
type Churn int

// The kinds of churn.
const (
	ChurnLiteral  Churn = iota // subjects that nobody publishes to
	ChurnWildcard              // patterns that begin like the subjects in use, but match none
)

// Units that a cost is divided by.
const (
	UnitDelivery   = "delivered message"
	UnitPublish    = "published message"
	UnitRequest    = "request"
	UnitConnection = "connection"
	UnitIdle       = "idle connection"
	UnitSub        = "subscription"
)

// Scenario is one load. The zero value of a field means "none of it".
type Scenario struct {
	Name   string   // as given to --scenario
	Title  string   // one line for people
	Groups []string // other names it is selected by
	Kind   Kind
	Fan    Fan
	Goals  Goals  // what must hold
	Beside string // name of the scenario that is Calm of this one; may be empty

	Publishers  int // connections that publish, or that send requests
	Subscribers int // connections that receive, or that answer requests
	Payload     int // bytes of payload in each message, at least MinPayload
	Header      int // bytes of header block in each message
	Subjects    int // distinct subjects that each publisher uses in turn; 0 is 1
	Background  int // subscriptions to subjects that nobody publishes to
	Bystanders  int // idle connections beside the load
	Stuck       int // subscribers that never read
	Churn       int // SUBs, and as many UNSUBs, in a second
	ChurnKind   Churn

	// Rate is how many messages all publishers together send in a second; 0
	// means as many as back-pressure allows. RatePercent instead takes a share
	// of what the slower of the compared servers can do. What is due within
	// 0.1 ms goes out together, unless Unbatched.
	Rate        int
	RatePercent int
	Unbatched   bool // each message is a write of its own

	// Settle is the shortest warm-up: an idle connection is one that has been
	// idle for a while, in which a server may have come to rest.
	Settle time.Duration

	InFlight int // requests that each requester has under way
	Window   int // bytes that a publisher may be ahead of its slowest receiver; 0 is DefaultWindow

	Connections   int // Idle: connections to open. Connect: how many at the same time
	Subscriptions int // Idle: subscriptions spread over the connections

	// Slow is how many subscribers read slowly, SlowRate bytes a second each,
	// whatever is sent to them.
	Slow     int
	SlowRate int

	// TLS has the clients speak TLS. A server that cannot is left out.
	TLS bool
}

// MinPayload is the smallest payload: it holds a message's number and its
// publisher.
const MinPayload = 12

// DefaultWindow is how many bytes a publisher may be ahead of its slowest
// receiver if a scenario does not say otherwise.
const DefaultWindow = 512 << 10

// Unit is what a cost is divided by.
func (s *Scenario) Unit() string {
	switch {
	case s.Kind == Request:
		return UnitRequest
	case s.Kind == Connect:
		return UnitConnection
	case s.Kind == Idle && s.Subscriptions > 0:
		return UnitSub
	case s.Kind == Idle:
		return UnitIdle
	case s.Fan == Nobody:
		return UnitPublish
	}
	return UnitDelivery
}

// Copies is how many deliveries one published message causes.
func (s *Scenario) Copies() int {
	if s.Kind == Publish && s.Fan == Broadcast {
		return s.Subscribers
	}
	return 1
}

// Paced reports whether messages are sent to a schedule. Such runs have
// latencies; the others run at the edge of what the server takes.
func (s *Scenario) Paced() bool { return s.Rate > 0 || s.RatePercent > 0 }

// HasLatency reports whether a run yields latencies.
func (s *Scenario) HasLatency() bool { return s.Paced() || s.Kind == Request }

// Forwardable reports whether a forwarder that only copies a publisher's bytes
// to its subscribers can serve the scenario.
func (s *Scenario) Forwardable() bool {
	oneEach := s.Fan == Pairs || s.Fan == Broadcast && s.Publishers == 1
	return s.Kind == Publish && oneEach && s.Subjects <= 1 && s.Churn == 0 && s.Stuck == 0 && s.Slow == 0 && !s.TLS
}

// Unpaced returns the scenario at full speed.
func (s *Scenario) Unpaced() Scenario {
	u := *s
	u.Rate, u.RatePercent, u.Unbatched = 0, 0, false
	return u
}

// Calm returns the scenario without the trouble in it: subscribers that do not
// read, or slowly.
func (s *Scenario) Calm() Scenario {
	c := *s
	c.Name, c.Stuck, c.Slow, c.SlowRate, c.Beside, c.Goals = s.Beside, 0, 0, 0, "", Goals{}
	return c
}

// Validate reports everything that contradicts itself.
func (s *Scenario) Validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf("scenario %q: "+format, append([]any{s.Name}, args...)...))
		}
	}
	traffic := s.Kind == Publish || s.Kind == Request
	bad(s.Name == "", "has no name")
	bad(traffic && s.Publishers < 1, "needs a publisher")
	bad(traffic && s.Fan != Nobody && s.Subscribers < 1, "needs a subscriber")
	bad(traffic && s.Payload < MinPayload, "payload of %d B is below %d B", s.Payload, MinPayload)
	bad(s.Fan == Nobody && s.Subscribers > 0, "has subscribers but nobody to listen")
	bad(s.Fan == Nobody && s.Paced(), "cannot be paced without a subscriber")
	bad(s.Fan == Pairs && s.Publishers != s.Subscribers, "needs as many subscribers as publishers")
	bad(s.Fan == Partition && s.Subjects < s.Subscribers, "needs a subject for each subscriber")
	bad(s.Fan == Partition && s.Subscribers > 0 && s.Subjects%s.Subscribers != 0, "must deal out its subjects evenly")
	bad(s.Header != 0 && s.Header < MinHeader, "header block of %d B is below %d B", s.Header, MinHeader)
	bad(s.Kind == Request && s.InFlight < 1, "needs requests in flight")
	bad(s.Rate < 0 || s.RatePercent < 0 || s.RatePercent > 100, "has an impossible rate")
	bad(s.Unbatched && !s.Paced(), "is unbatched but not paced")
	bad((s.Kind == Idle || s.Kind == Connect) && s.Connections < 1, "needs connections")
	bad(s.Slow < 0 || s.Slow > 0 != (s.SlowRate > 0), "needs a rate for its slow readers, and slow readers for the rate")
	bad(s.TLS && (s.Kind == Connect || s.Stuck > 0 || s.Slow > 0), "has TLS together with connections that come and go or do not keep up")
	return errors.Join(errs...)
}

// MinHeader is the smallest header block that a scenario may ask for.
const MinHeader = 32
