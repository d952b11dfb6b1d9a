package monitor_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	reference "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"moonwire/server/monitor"
)

// jsonField is a field as it shows in JSON.
type jsonField struct {
	name, kind string
	omit       bool // when it is empty
	typ        reflect.Type
}

// jsonFields lists the fields of a struct type in order.
func jsonFields(t *testing.T, typ reflect.Type) (list []jsonField) {
	t.Helper()
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		if !tagged {
			t.Fatalf("%v.%s has no JSON name", typ, f.Name)
		}
		name, options, _ := strings.Cut(tag, ",")
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		kind := "number"
		switch {
		case of == reflect.TypeFor[time.Time](), of == reflect.TypeFor[monitor.RTT](), of.Kind() == reflect.String:
			kind = "string"
		case of.Kind() == reflect.Struct, of.Kind() == reflect.Map:
			kind = "object"
		case of.Kind() == reflect.Slice:
			kind = "array"
			of = of.Elem()
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
		case of.Kind() == reflect.Bool:
			kind = "bool"
		}
		list = append(list, jsonField{name, kind, options != "" && kind != "object", of})
	}
	return list
}

// checkShape fails unless the fields of ours are among those of theirs, in the
// same order, of the same kind, and left out when empty likewise.
func checkShape(t *testing.T, ours, theirs reflect.Type) {
	t.Helper()
	own := map[string]bool{"moonwire": true, "rtt": true} // rtt: theirs is never empty
	list := jsonFields(t, theirs)
	last := -1
	for _, f := range jsonFields(t, ours) {
		i := slices.IndexFunc(list, func(other jsonField) bool { return other.name == f.name })
		if i < 0 {
			if !own[f.name] {
				t.Errorf("%v: nats-server has no field %q", ours, f.name)
			}
			continue
		}
		if i < last {
			t.Errorf("%v: field %q stands before %q in nats-server", ours, f.name, list[last].name)
		}
		last = i
		if f.kind != list[i].kind || f.omit != list[i].omit && !own[f.name] {
			t.Errorf("%v: field %q is %s, left out when empty %v; nats-server: %s, %v",
				ours, f.name, f.kind, f.omit, list[i].kind, list[i].omit)
		}
		if f.typ.Kind() == reflect.Struct && f.typ != reflect.TypeFor[time.Time]() {
			checkShape(t, f.typ, list[i].typ)
		}
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	checkShape(t, reflect.TypeFor[monitor.Varz](), reflect.TypeFor[reference.Varz]())
	checkShape(t, reflect.TypeFor[monitor.Connz](), reflect.TypeFor[reference.Connz]())
	checkShape(t, reflect.TypeFor[monitor.Health](), reflect.TypeFor[reference.HealthStatus]())
	checkShape(t, reflect.TypeFor[monitor.ConnzOptions](), reflect.TypeFor[reference.ConnzOptions]())
	for ours, theirs := range map[monitor.ConnState]reference.ConnState{
		monitor.ConnOpen: reference.ConnOpen, monitor.ConnClosed: reference.ConnClosed, monitor.ConnAny: reference.ConnAll,
	} {
		if int(ours) != int(theirs) {
			t.Errorf("state %d is %d in nats-server", ours, theirs)
		}
	}
}

// startReference runs nats-server with clients: five that stay, of which number i
// has i+1 subscriptions and has sent itself i+1 messages of i+1 bytes, and two that
// have left. It returns a function that asks its monitoring endpoints.
func startReference(t *testing.T) func(target string) (int, []byte) {
	t.Helper()
	a, b := reference.NewAccount("A"), reference.NewAccount("B")
	s, err := reference.NewServer(&reference.Options{
		ServerName: "ref", Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1,
		NoSigs: true, NoLog: true, DisableShortFirstPing: true,
		Accounts: []*reference.Account{a, b},
		Users: []*reference.User{
			{Username: "alice", Password: "x", Account: a},
			{Username: "bob", Password: "x", Account: b},
		},
		Cluster:  reference.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: -1},
		LeafNode: reference.LeafNodeOpts{Host: "127.0.0.1", Port: -1},
		Tags:     []string{"x:y"}, Metadata: map[string]string{"k": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: new(http.Transport)}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		s.Shutdown()
		s.WaitForShutdown()
	})
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats-server does not start")
	}
	for i := range 7 {
		c, err := nats.Connect(s.ClientURL(), nats.UserInfo([]string{"alice", "bob"}[i%2], "x"), nats.Name(fmt.Sprint("client ", i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for n := range i + 1 {
			if _, err := c.SubscribeSync(fmt.Sprintf("s.%d.%d", i, n)); err != nil {
				t.Fatal(err)
			}
		}
		for range i + 1 {
			if err := c.Publish(fmt.Sprintf("s.%d.0", i), make([]byte, i+1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		if i%4 == 2 { // numbers 2 and 6
			c.Close()
		}
	}
	return func(target string) (int, []byte) {
		t.Helper()
		r, err := client.Get("http://" + s.MonitorAddr().String() + target)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, data
	}
}

// strict decodes JSON into v, which must have all the fields.
func strict(t *testing.T, data []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
}

// settled asks until both clients are known to have left and all round trips have
// been measured: from then on the answers do not change.
func settled(t *testing.T, ask func(string) (int, []byte)) monitor.Connz {
	t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		var c monitor.Connz
		_, data := ask("/connz?state=any&auth=1&subs=detail")
		strict(t, data, &c)
		closed, unknown := 0, 0
		for _, ci := range c.Conns {
			if ci.Stop != nil {
				closed++
			} else if ci.RTT == 0 {
				unknown++
			}
		}
		if closed == 2 && unknown == 0 {
			return c
		}
	}
	t.Fatal("nats-server does not settle")
	return monitor.Connz{}
}

// TestReference decodes what nats-server answers into our types: encoded again it
// must be the same bytes. Then a Monitor of the same connections must answer
// queries as nats-server does.
func TestReference(t *testing.T) {
	t.Parallel()
	ask := startReference(t)
	all := settled(t, ask)

	again := func(target string, v any) {
		t.Helper()
		_, data := ask(target)
		strict(t, data, v)
		got, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(data), string(got)); diff != "" {
			t.Errorf("%s (-nats-server +ours):\n%s", target, diff)
		}
	}
	again("/varz", new(monitor.Varz))
	again("/connz?state=any&auth=1&subs=detail", new(monitor.Connz))
	again("/connz?state=any&subs=1", new(monitor.Connz))
	again("/subsz", new(monitor.Subsz))
	again("/subscriptionsz?subs=1&acc=B&limit=3&offset=1", new(monitor.Subsz))
	again("/accountz", new(monitor.Accountz))
	again("/accstatz?unused=1", new(monitor.AccountStatz))
	again("/routez", new(monitor.Routez))
	again("/gatewayz", new(monitor.Gatewayz))
	again("/leafz", new(monitor.Leafz))
	var health monitor.Health
	_, data := ask("/healthz")
	strict(t, data, &health)

	source := &fakeSource{subs: make(map[uint64][]monitor.SubDetail), health: health}
	for _, ci := range all.Conns {
		source.subs[ci.CID] = ci.SubsDetail
		plain := *ci
		plain.Subs, plain.SubsDetail = nil, nil
		source.conns = append(source.conns, plain)
	}
	m := monitor.New(source, monitor.Options{})
	if r := get(t, m, "/healthz"); body(t, r) != string(data) {
		t.Errorf("/healthz differs from %s", data)
	}
	queries := []string{
		"", "state=open", "state=closed", "state=any", "state=ALL", "auth=1", "auth=true&state=any", "subs=1", "subs=detail",
		"subs=detail&state=closed", "subs=true&state=any&auth=T", "limit=2", "limit=2&offset=1&state=any", "offset=4", "offset=99",
		"offset=-1&limit=-1", "limit=0", "acc=A&state=any", "acc=B", "user=alice", "user=bob&state=any&auth=1", "user=nobody",
		"acc=A&user=bob", "sort=stop&state=closed", "sort=stop&state=closed&limit=1", "sort=uptime&state=any",
	}
	for _, key := range []string{"cid", "start", "subs", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime"} {
		queries = append(queries, "sort="+key, "sort="+key+"&state=any", "sort="+key+"&limit=2&offset=1")
	}
	for _, ci := range all.Conns {
		queries = append(queries, fmt.Sprintf("cid=%d", ci.CID), fmt.Sprintf("cid=%d&state=any&subs=1", ci.CID))
	}
	for _, q := range queries {
		var theirs, ours monitor.Connz
		_, data := ask("/connz?" + q)
		strict(t, data, &theirs)
		decode(t, get(t, m, "/connz?"+q), &ours)
		normalize(&theirs)
		normalize(&ours)
		if diff := gocmp.Diff(theirs, ours); diff != "" {
			t.Errorf("/connz?%s (-nats-server +ours):\n%s", q, diff)
		}
	}
	for _, q := range []string{"sort=x", "sort=stop", "sort=reason&state=any", "state=x", "auth=x", "subs=x", "limit=x", "offset=x", "cid=-1"} {
		code, _ := ask("/connz?" + q)
		if r := get(t, m, "/connz?"+q); r.StatusCode != code {
			t.Errorf("/connz?%s: status %d, nats-server %d", q, r.StatusCode, code)
		}
	}
}

// normalize takes out what differs between any two answers: the time and what
// depends on it, such as bytes that are about to be written, the server, and the
// order of subscriptions.
func normalize(c *monitor.Connz) {
	c.ID, c.Now = "", time.Time{}
	for _, ci := range c.Conns {
		ci.Uptime, ci.Idle, ci.Pending = "", "", 0
		slices.Sort(ci.Subs)
		slices.SortFunc(ci.SubsDetail, func(a, b monitor.SubDetail) int { return cmp.Compare(a.Sid, b.Sid) })
	}
}
