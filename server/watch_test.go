package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"moonwire/server/servertest"
)

// monitored is the configuration of a broker that shows itself.
const monitored = "http: \"127.0.0.1:-1\"\n"

// varz is the part of /varz that the tests look at.
type varz struct {
	Connections   int    `json:"connections"`
	Total         uint64 `json:"total_connections"`
	Subscriptions int    `json:"subscriptions"`
	SlowConsumers int64  `json:"slow_consumers"`
	InMsgs        int64  `json:"in_msgs"`
	OutMsgs       int64  `json:"out_msgs"`
	InBytes       int64  `json:"in_bytes"`
	OutBytes      int64  `json:"out_bytes"`
}

// connz is the part of /connz that the tests look at.
type connz struct {
	Conns []struct {
		Reason  string `json:"reason"`
		Name    string `json:"name"`
		OutMsgs int64  `json:"out_msgs"`
	} `json:"connections"`
}

// look reads an endpoint of the broker into out.
func look(t testing.TB, b servertest.Broker, path string, out any) {
	t.Helper()
	get(t, "http://"+b.MonitorAddr().String()+path, out)
}

// get reads the JSON at a URL into out.
func get(t testing.TB, url string, out any) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		t.Fatalf("%s: %v in %.200s", url, err, body)
	}
}

func lookVarz(t testing.TB, b servertest.Broker) (v varz) {
	t.Helper()
	look(t, b, "/varz", &v)
	return v
}

// empty waits until the broker has nothing left of its clients.
func empty(t testing.TB, b servertest.Broker) {
	t.Helper()
	eventually(t, func() string {
		if v := lookVarz(t, b); v.Connections != 0 || v.Subscriptions != 0 {
			return fmt.Sprintf("%d connections and %d subscriptions are left", v.Connections, v.Subscriptions)
		}
		return ""
	})
}
