package sdktest

import (
	"bytes"
	"fmt"
	"time"

	hookv1 "moonwire/plugins/api/v1"
	"moonwire/plugins/sdk"
)

// Client is somebody of whom the plugin is asked.
type Client struct {
	plugin *Plugin
	is     sdk.Client
}

// With is what a question says besides its subject.
type With func(*question)

// question is what a method of Client asks.
type question struct {
	point   hookv1.Point
	client  *sdk.Client
	message sdk.Message
	queue   string
	connect *sdk.Connect
	within  time.Duration
}

// Payload is the payload of a message. The plugin sees it at inspect.
func Payload(text string) With {
	return func(q *question) { q.message.Payload = []byte(text) }
}

// Header is one more header of a message.
func Header(name, value string) With {
	return func(q *question) {
		h := q.message.Header
		if h == nil {
			h = []byte("NATS/1.0\r\n\r\n")
		}
		q.message.Header = fmt.Appendf(bytes.Clone(h[:len(h)-2]), "%s: %s\r\n\r\n", name, value)
	}
}

// Reply is the reply subject of a message.
func Reply(subject string) With { return func(q *question) { q.message.Reply = subject } }

// Original is the subject that the client wrote, where that is another.
func Original(subject string) With { return func(q *question) { q.message.OriginalSubject = subject } }

// MaxPayload is the most bytes that a message may have after a change. Default no
// limit.
func MaxPayload(bytes int) With { return func(q *question) { q.message.MaxPayload = bytes } }

// Within is how long the plugin has for the answer. Default ten seconds.
func Within(d time.Duration) With { return func(q *question) { q.within = d } }

// Connect asks whether the client may come in. What r.Client is does not matter.
func (c *Client) Connect(r sdk.Connect, with ...With) Result {
	c.plugin.t.Helper()
	return c.ask(question{point: hookv1.Point_POINT_CONNECT, connect: &r}, with)
}

// Publish asks whether the client may publish to a subject.
func (c *Client) Publish(subject string, with ...With) Result {
	c.plugin.t.Helper()
	return c.ask(question{point: hookv1.Point_POINT_PUBLISH, message: sdk.Message{Subject: subject}}, with)
}

// Subscribe asks whether the client may subscribe to a pattern, in a queue group
// unless that is "".
func (c *Client) Subscribe(pattern, queue string, with ...With) Result {
	c.plugin.t.Helper()
	return c.ask(question{point: hookv1.Point_POINT_SUBSCRIBE, message: sdk.Message{Subject: pattern}, queue: queue}, with)
}

// Rewrite asks what becomes of the subject that the client publishes to.
func (c *Client) Rewrite(subject string, with ...With) Result {
	c.plugin.t.Helper()
	return c.ask(question{point: hookv1.Point_POINT_REWRITE, message: sdk.Message{Subject: subject}}, with)
}

// Inspect asks what becomes of a message.
func (c *Client) Inspect(subject string, with ...With) Result {
	c.plugin.t.Helper()
	return c.ask(question{point: hookv1.Point_POINT_INSPECT, message: sdk.Message{Subject: subject}}, with)
}

// ask asks all registrations that a question concerns, one after another, as the
// broker does.
func (c *Client) ask(q question, with []With) Result {
	q.client, q.within = &c.is, patience
	for _, w := range with {
		w(&q)
	}
	r := Result{
		Verdict: Pass, Subject: q.message.Subject, Header: q.message.Header, Payload: q.message.Payload,
		t: c.plugin.t, question: q.String(),
	}
	for i, reg := range c.plugin.registrations {
		q.message.Subject, q.message.Header, q.message.Payload = r.Subject, r.Header, r.Payload
		q.message.Size = len(r.Header) + len(r.Payload)
		if !concerns(reg, &q) {
			continue
		}
		r.Asked = true
		if most := reg.GetMaxPayload(); most > 0 && q.message.Size > int(most) {
			r.fail(fmt.Errorf("the message has %d bytes, and the plugin takes %d", q.message.Size, most))
			return r
		}
		request, client := encodeQuestion(i, reg, &q)
		reply, err := c.plugin.ask(request, client, q.within)
		if err != nil {
			r.fail(err)
			return r
		}
		if r.take(&q, reply); r.over() {
			return r
		}
	}
	return r
}

// String says what is asked, for failures.
func (q *question) String() string {
	who := q.client.User
	if who == "" {
		who = "nobody"
	}
	if q.point == hookv1.Point_POINT_CONNECT {
		return fmt.Sprintf("Connect of %q", q.connect.User)
	}
	what := fmt.Sprintf("%s %s", title(q.point), q.message.Subject)
	if q.queue != "" {
		what += " " + q.queue
	}
	return what + " by " + who
}
