package library

import (
	"net/netip"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	const (
		reservedWhy = "is in the reserved network"
		deniedWhy   = "is denied by hooks.http.deny"
		notAllowed  = "is not in hooks.http.allow"
		noAddress   = "is no address to connect to"
	)
	for _, tt := range []struct {
		name, allow, deny, host, addr string
		want                          string // within the error; "" is none
	}{
		{"anything", "", "", "api.example.com", "192.0.2.1", ""},
		{"this machine", "", "", "localhost", "127.0.0.1", ""},
		{"this machine in IPv6", "", "", "localhost", "::1", ""},
		{"the address that is none", "", "", "x", "0.0.0.0", noAddress},
		{"the same in IPv6", "", "", "x", "::", noAddress},
		{"the same as IPv4 in IPv6", "", "", "x", "::ffff:0.0.0.0", noAddress},
		{"multicast", "", "", "x", "224.0.0.1", noAddress},
		{"metadata", "", "", "x", "169.254.169.254", reservedWhy + " 169.254.0.0/16"},
		{"metadata as IPv4 in IPv6", "", "", "x", "::ffff:169.254.169.254", reservedWhy},
		{"metadata behind a gateway", "", "", "x", "64:ff9b::a9fe:a9fe", reservedWhy + " 169.254.0.0/16"},
		{"anything behind a gateway", "", "", "x", "64:ff9b::102:304", ""},
		{"link-local", "", "", "x", "fe80::1", reservedWhy + " fe80::/10"},
		{"link-local on an interface", "", "", "x", "fe80::1%eth0", reservedWhy},
		{"metadata of AWS in IPv6", "", "", "x", "fd00:ec2::254", reservedWhy},
		{"metadata of Google in IPv6", "", "", "x", "fd20:ce::254", reservedWhy},
		{"metadata of Azure", "", "", "x", "168.63.129.16", reservedWhy},
		{"its neighbour, which is anybody's", "", "", "x", "168.63.129.17", ""},
		{"metadata of Alibaba", "", "", "x", "100.100.100.200", reservedWhy},
		{"metadata that is meant", "169.254.169.254", "", "x", "169.254.169.254", ""},
		{"the neighbour of one that is meant", "169.254.169.254", "", "x", "169.254.169.253", reservedWhy},
		{"the network that is meant", "169.254.0.0/16", "", "x", "169.254.1.1", ""},
		{"everything does not mean metadata", "0.0.0.0/0 ::/0", "", "x", "169.254.169.254", reservedWhy},
		{"a host does not mean metadata", "x", "", "x", "169.254.169.254", reservedWhy},
		{"meant and denied", "169.254.169.254", "169.254.0.0/16", "x", "169.254.169.254", deniedWhy},
		{"a host that is allowed", "api.example.com", "", "api.example.com", "192.0.2.1", ""},
		{"in other letters", "API.example.com.", "", "api.Example.com.", "192.0.2.1", ""},
		{"another host", "api.example.com", "", "example.com", "192.0.2.1", notAllowed},
		{"a host below", "*.example.com", "", "a.b.example.com", "192.0.2.1", ""},
		{"not the host itself", "*.example.com", "", "example.com", "192.0.2.1", notAllowed},
		{"nor one that ends alike", "*.example.com", "", "badexample.com", "192.0.2.1", notAllowed},
		{"a network that is allowed", "10.0.0.0/8", "", "x", "10.1.2.3", ""},
		{"another network", "10.0.0.0/8", "", "x", "11.1.2.3", notAllowed},
		{"an address written as a host", "a 10.0.0.1", "", "10.0.0.1", "10.0.0.1", ""},
		{"another address, where hosts are allowed", "a", "", "10.0.0.2", "10.0.0.2", notAllowed},
		{"a host that is denied", "", "*.internal", "db.internal", "10.0.0.1", deniedWhy},
		{"a network that is denied", "", "127.0.0.0/8 ::1", "x", "127.0.0.1", deniedWhy},
		{"behind a gateway", "", "127.0.0.0/8", "x", "64:ff9b::7f00:1", deniedWhy},
		{"denied is stronger", "x 10.0.0.1", "10.0.0.0/8", "x", "10.0.0.1", deniedWhy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var g guard
			var err error
			if g.allow, err = parsePlaces("allow", strings.Fields(tt.allow)); err != nil {
				t.Fatal(err)
			}
			if g.deny, err = parsePlaces("deny", strings.Fields(tt.deny)); err != nil {
				t.Fatal(err)
			}
			if err = g.checkHost(tt.host); err == nil {
				err = g.check(tt.host, netip.MustParseAddr(tt.addr))
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestGuardAfterDNS: what a name means when the connection is made counts, each
// time.
func TestGuardAfterDNS(t *testing.T) {
	t.Parallel()
	n := local()
	n.to["rebind.test"] = []string{"127.0.0.1", "169.254.169.254"}
	n.to["meta.test"] = []string{"169.254.169.254"}
	w := newWeb(t, HTTPOptions{Resolver: n.resolver(), Deny: []string{"two.test"}}, echo)
	const why = " (169.254.169.254) is in the reserved network 169.254.0.0/16; if it is meant, name the address in hooks.http.allow"
	w.check(t, `out(http.get("http://meta.test/"))`, nil, "meta.test"+why)
	w.check(t, `out(http.get("http://169.254.169.254/"))`, nil, "169.254.169.254"+why)
	w.check(t, `out(http.get("http://[::ffff:169.254.169.254]/"))`, nil, "::ffff:169.254.169.254"+why)
	w.check(t, `out(http.get("TWO/"))`, nil, "two.test is denied by hooks.http.deny")
	w.check(t, `out(http.get((("URL/"):gsub("one", "rebind"))).status)`, 200.0)
	w.s.http.client.CloseIdleConnections()
	w.check(t, `out(http.get((("URL/"):gsub("one", "rebind"))))`, nil, "rebind.test"+why)
}

// TestGuardBeforeDNS: a name that cannot be reached is not asked for.
func TestGuardBeforeDNS(t *testing.T) {
	t.Parallel()
	n := local()
	n.to["secret.evil.test"] = []string{"127.0.0.1", "169.254.169.254"}
	w := newWeb(t, HTTPOptions{Resolver: n.resolver(), Allow: []string{"one.test"}}, echo)
	w.check(t, `out(http.get("URL/").status)`, 200.0)
	w.check(t, `out(http.get("http://secret.evil.test/"))`, nil, "secret.evil.test is not in hooks.http.allow")
	if len(n.to["secret.evil.test"]) != 2 {
		t.Error("the name was asked for")
	}
}
