package plugins

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"moonwire/hooks"
	hookv1 "moonwire/plugins/api/v1"
)

// TestEncode: what is written by hand is what the generated code reads, and
// nothing is there that was not wanted.
func TestEncode(t *testing.T) {
	t.Parallel()
	c := &hooks.Call{
		Client: bob(), Subject: []byte("s.\xff"), OriginalSubject: []byte("o"), Reply: []byte("r"), Queue: []byte("q"),
		Header: []byte("NATS/1.0\r\nA: 1\r\nb: 2\r\na: 3\r\n\r\n"), Payload: make([]byte, 300), Size: 333, MaxPayload: 1000,
		Connect: &hooks.ConnectInfo{
			User: "u\xff", Password: "p", Token: "t", JWT: "j", Nkey: "k", Signature: "s", Nonce: "n",
			TLS: &hooks.TLSInfo{Version: "1.3", CommonName: "cn", DNSNames: []string{"d"}, URIs: []string{"u"}, Fingerprint: "f"},
		},
	}
	all := &hookv1.Request{
		Id: 1<<placeBits | 5, Registration: 3, Point: hookv1.Point_POINT_INSPECT, Client: 9,
		Subject: c.Subject, OriginalSubject: c.OriginalSubject, Reply: c.Reply, Queue: c.Queue,
		Header: c.Header, Payload: c.Payload, Size: 333, TimeoutMs: 50, MaxPayload: 1000,
		Connect: &hookv1.Connect{User: "u\uFFFD", Nkey: "k", Nonce: "n", Tls: &hookv1.TLS{
			Version: "1.3", CommonName: "cn", DnsNames: []string{"d"}, Uris: []string{"u"}, Fingerprint: "f",
		}},
	}
	few := &hookv1.Request{
		Id: 2 << placeBits, Point: hookv1.Point_POINT_PUBLISH, Subject: c.Subject, TimeoutMs: 50,
		Header: []byte("NATS/1.0\r\nA: 1\r\na: 3\r\n\r\n"), Connect: &hookv1.Connect{},
	}
	a := &encoder{registration: 3, point: hooks.AtInspect, number: hookv1.Point_POINT_INSPECT, fields: everything}
	b := &encoder{point: hooks.AtPublish, number: hookv1.Point_POINT_PUBLISH, fields: hooks.FieldSubject, headers: []string{"a"}}
	data := a.appendRequest(nil, all.GetId(), 9, c, 50*time.Millisecond)
	data = b.appendRequest(data, few.GetId(), 0, c, 50*time.Millisecond)
	got := new(hookv1.Batch)
	if err := proto.Unmarshal(data, got); err != nil {
		t.Fatal(err)
	}
	want := &hookv1.Batch{Requests: []*hookv1.Request{all, few}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
