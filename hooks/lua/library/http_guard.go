package library

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// guard says where scripts may connect to. It judges the addresses that are
// connected to, after names were resolved, so that a name which means another
// address each time it is asked for does not help.
type guard struct {
	allow, deny places
	resolver    *net.Resolver
}

// places are hosts and networks.
type places struct {
	hosts    []string // lower case; with a dot in front for all below it
	networks []netip.Prefix
}

// reserved are networks that nobody means to connect to by a name: those of
// machines on the same wire, where clouds tell secrets to whoever asks.
var reserved = [...]netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
}

// translated is the network in which gateways translate to IPv4 (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

// parsePlaces reads hosts, *.hosts, addresses and networks.
func parsePlaces(key string, list []string) (p places, err error) {
	var wrong []error
	for _, s := range list {
		if n, err := netip.ParsePrefix(s); err == nil && !n.Addr().Is4In6() {
			p.networks = append(p.networks, n.Masked())
		} else if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			a = a.Unmap()
			p.networks = append(p.networks, netip.PrefixFrom(a, a.BitLen()))
		} else if h := canonicalHost(strings.TrimPrefix(s, "*.")); validHost(h) {
			if strings.HasPrefix(s, "*.") {
				h = "." + h
			}
			p.hosts = append(p.hosts, h)
		} else {
			wrong = append(wrong, fmt.Errorf("hooks.http.%s: %q is no host such as api.example.com or *.example.com, no address and no network such as 10.0.0.0/8", key, s))
		}
	}
	return p, errors.Join(wrong...)
}

// validHost reports whether s is a host name, in lower case and without a port.
func validHost(s string) bool {
	if last := s[strings.LastIndexByte(s, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return false // an address that was misspelt
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return len(s) <= 253
}

func canonicalHost(s string) string { return strings.TrimSuffix(strings.ToLower(s), ".") }

func (p *places) empty() bool { return len(p.hosts)+len(p.networks) == 0 }

// host reports whether a host is named.
func (p *places) host(name string) bool {
	name = canonicalHost(name)
	for _, h := range p.hosts {
		if h == name || h[0] == '.' && strings.HasSuffix(name, h) {
			return true
		}
	}
	return false
}

// network reports whether an address lies in a network.
func (p *places) network(a netip.Addr) bool {
	for _, n := range p.networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// within reports whether an address lies in a network that itself lies in n.
func (p *places) within(n netip.Prefix, a netip.Addr) bool {
	for _, m := range p.networks {
		if m.Contains(a) && m.Bits() >= n.Bits() {
			return true
		}
	}
	return false
}

// checkHost returns why a host must not be reached at all, or nil. It is asked
// before the name is resolved: a question can tell something, too.
func (g *guard) checkHost(host string) error {
	if g.deny.host(host) {
		return &refusal{host + " is denied by hooks.http.deny"}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if len(g.allow.hosts) > 0 && len(g.allow.networks) == 0 && !g.allow.host(host) {
		return &refusal{host + " is not in hooks.http.allow"}
	}
	return nil
}

// check returns why a host that checkHost does not mind must not be reached at
// an address, or nil.
func (g *guard) check(host string, a netip.Addr) error {
	a = a.Unmap().WithZone("")
	refused := func(why string) error { return &refusal{fmt.Sprintf("%s (%s) %s", host, a, why)} }
	// The unspecified address leads to the machine itself, past a rule for its
	// loopback network.
	if a.IsUnspecified() || a.IsMulticast() {
		return refused("is no address to connect to")
	}
	meant := []netip.Addr{a}
	if translated.Contains(a) {
		b := a.As16()
		meant = append(meant, netip.AddrFrom4([4]byte(b[12:])))
	}
	for _, m := range meant {
		if g.deny.network(m) {
			return refused("is denied by hooks.http.deny")
		}
		for _, n := range reserved {
			if n.Contains(m) && !g.allow.within(n, m) {
				return refused(fmt.Sprintf("is in the reserved network %s; if it is meant, name the address in hooks.http.allow", n))
			}
		}
	}
	if !g.allow.empty() && !g.allow.host(host) && !g.allow.network(a) {
		return refused("is not in hooks.http.allow")
	}
	return nil
}

// refusal is an address that must not be connected to.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// dial connects to where that is allowed.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := g.checkHost(host); err != nil {
		return nil, err
	}
	d := net.Dialer{
		Resolver: g.resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return g.check(host, at.Addr())
		},
	}
	return d.DialContext(ctx, network, address)
}
