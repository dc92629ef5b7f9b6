package cause

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Open is a URL, or one of its addresses, that may lead to another server.
type Open struct {
	URL string
	// Address is not valid where it is the whole URL; Literal reports whether it is
	// in the URL.
	Address netip.AddrPort
	Literal bool
	Why     OpenReason
	// Detail is what DNS said, or what was seen at the address, or the name of
	// the server that is said to be there; it may be empty.
	Detail string
}

// OpenReason is why it is not known where something leads.
type OpenReason string

const (
	// OpenDNSUnasked means that DNS was not asked for the host.
	OpenDNSUnasked OpenReason = "dns-not-asked"
	// OpenDNSPartly means that DNS did not answer in full.
	OpenDNSPartly OpenReason = "dns-partly"
	// OpenFamily means that it is an address of IPv6, and whether the clients use
	// IPv6 is not known.
	OpenFamily OpenReason = "family"
	// OpenMissing means that a server answers there that did not report.
	OpenMissing OpenReason = "missing-server"
	// OpenUnknown means that a server of the cluster answers there that the audit
	// does not know.
	OpenUnknown OpenReason = "unknown-server"
	// OpenRefused means that it is a server's own address, and refused the connection.
	OpenRefused OpenReason = "refused"
	// OpenTimeout means that nothing answered in time.
	OpenTimeout OpenReason = "timeout"
	// OpenUnroutable means that the auditor has no route there.
	OpenUnroutable OpenReason = "unroutable"
	// OpenUnreadable means that what answers can't be read.
	OpenUnreadable OpenReason = "unreadable"
	// OpenNotProbed means that nobody connected, and no server says that it is there.
	OpenNotProbed OpenReason = "not-probed"
	// OpenChooser means that something chooses there, and did not choose the
	// concentrated server now.
	OpenChooser OpenReason = "chooser"
	// OpenIncomplete means that entries of the list may be missing.
	OpenIncomplete OpenReason = "incomplete"
)

// String is what is open and why, in a clause.
func (o Open) String() string {
	at := o.URL
	if o.Address.IsValid() && !o.Literal {
		at += ": " + o.Address.String()
	}
	detail := strings.TrimSuffix(o.Detail, ".")
	switch o.Why {
	case OpenDNSUnasked:
		return o.URL + ": DNS was not asked"
	case OpenDNSPartly:
		return o.URL + ": " + cmp.Or(detail, "DNS did not answer in full")
	case OpenFamily:
		return at + " is an IPv6 address of " + o.Detail + ", and no client is known to use IPv6"
	case OpenMissing:
		return at + " is a server that did not report"
	case OpenUnknown:
		return at + " is a server of this cluster that the audit does not know"
	case OpenRefused:
		return at + " is an address of " + o.Detail + ", but refused the connection"
	case OpenTimeout:
		return at + " did not answer here, but may answer the clients"
	case OpenUnroutable:
		return o.URL + ": this machine can't get to " + o.Address.String()
	case OpenUnreadable:
		return at + ": " + cmp.Or(detail, "what is there is unknown")
	case OpenChooser:
		return at + " leads to several servers, not now to " + detail + ", and may have led there"
	case OpenIncomplete:
		return "the rest of the list, which " + detail
	case OpenNotProbed:
	}
	return at + " was not probed, and no server says that it is there"
}

// openOf joins what is open for a sentence.
func openOf(r Reach) string {
	var out []string
	for _, o := range r.Open {
		out = append(out, o.String())
	}
	return words.Few(out)
}
