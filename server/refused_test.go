package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"moonwire/server/servertest"
)

// TestRefusedAreShown: monitoring shows who was not let in, as nats-server does,
// but no secret.
func TestRefusedAreShown(t *testing.T) {
	t.Parallel()
	const config = `authorization { users: [ {user: ann, password: secret} ] }`
	hellos := []string{
		`CONNECT {"verbose":false,"user":"ann","pass":"wrong","name":"app","lang":"go","version":"1"}`,
		`CONNECT {"verbose":false,"user":"nobody","pass":"secret","name":"other"}`,
		`CONNECT {"verbose":false,"auth_token":"guess"}`,
	}
	b := servertest.Start(t, monitored+config)
	theirs := startReference(t, monitored+config)
	type shown struct {
		Conns []struct {
			User    string `json:"authorized_user"`
			Name    string `json:"name"`
			Version string `json:"version"`
			Reason  string `json:"reason"`
		} `json:"connections"`
	}
	list := func(s shown) (lines []string) {
		for _, c := range s.Conns {
			lines = append(lines, fmt.Sprintf("%s|%s|%s|%s", c.User, c.Name, c.Version, c.Reason))
		}
		slices.Sort(lines)
		return lines
	}
	for _, addr := range []string{b.Addr(), theirs.Addr().String()} {
		for _, hello := range hellos {
			c, err := dial(addr)
			must(t, err)
			must(t, c.send(hello+"\r\n"))
			_, err = c.ended()
			must(t, err)
			c.close()
		}
	}
	const path = "/connz?state=closed&auth=1"
	want := []string{
		"[REDACTED]|||Authentication Failure", "ann|app|1|Authentication Failure", "nobody|other||Authentication Failure",
	}
	eventually(t, func() string {
		var ours shown
		look(t, b, path, &ours)
		if got := list(ours); !slices.Equal(got, want) {
			return fmt.Sprintf("got %q, want %q", got, want)
		}
		return ""
	})
	eventually(t, func() string {
		var s shown
		get(t, "http://"+theirs.MonitorAddr().String()+path, &s)
		if got := list(s); !slices.Equal(got, want) {
			return fmt.Sprintf("nats-server shows %q, want %q", got, want)
		}
		return ""
	})
}

// TestLameDuckIsNotHealthy: probes take a server out of service that takes no more
// clients.
func TestLameDuckIsNotHealthy(t *testing.T) {
	t.Parallel()
	b := servertest.Start(t, monitored)
	c := connect(t, b.Addr()) // that keeps it alive
	must(t, c.sync(nil))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	status := func() int {
		resp, err := client.Get("http://" + b.MonitorAddr().String() + "/healthz")
		must(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Fatalf("in service: %d", got)
	}
	b.LameDuck()
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("in lame duck mode: %d", got)
	}
}
