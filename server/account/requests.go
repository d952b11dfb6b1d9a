package account

import (
	"slices"

	"moonwire/server/config"
)

// The requests to the server that every account has, by the subjects they have in
// the account. In the system account, where the server answers them, a subject
// names the account: who asks hears of his own.
var ownRequests = [...]struct {
	local, before, behind string
	share                 bool // the server is told who asks
}{
	{local: "$SYS.REQ.USER.INFO", before: "$SYS.REQ.USER.", behind: ".INFO", share: true},
	{local: "$SYS.REQ.ACCOUNT.PING.CONNZ", before: "$SYS.REQ.ACCOUNT.", behind: ".CONNZ"},
	{local: "$SYS.REQ.SERVER.PING.CONNZ", before: "$SYS.REQ.ACCOUNT.", behind: ".CONNZ"},
	{local: "$SYS.REQ.ACCOUNT.PING.STATZ", before: "$SYS.REQ.ACCOUNT.", behind: ".STATZ"},
}

// ownRequests has the account import these requests, but for those that it imports
// from somewhere of its own will. Each counts as an export of its own.
func (d *draft) ownRequests(system *draft) {
	for _, r := range ownRequests {
		if slices.ContainsFunc(d.imports, func(i *imported) bool { return i.Service && i.local == r.local }) {
			continue
		}
		t := &terms{
			export: new(config.Export), subject: r.before + d.Name + r.behind, share: r.share, threshold: defaultThreshold,
		}
		s := newService(d.account, system.account, r.local, t)
		s.Uncounted, s.answers.Uncounted, s.asks.Uncounted = true, true, true
		d.services = append(d.services, s)
	}
}
