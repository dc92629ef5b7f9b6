package remedy

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// mostRecords bounds the zone lines; zoneTTL is in seconds.
	mostRecords = 50
	zoneTTL     = 300
)

// zoneName is a host name that a zone file takes without escapes.
var zoneName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+$`)

// shared is a host name of the lists that is no server's own, or else the first
// that there is; ok is false where there is none.
func (x *facts) shared() (e checks.Endpoint, ok bool) {
	if x.hints && !x.strong(cause.SingleAddressDNS) {
		return e, false // no client is known to use it
	}
	for _, l := range x.lists {
		arrivals := l.Reach.Arrivals
		for _, candidate := range l.Endpoints {
			if candidate.Literal || !validHost(candidate.Host) || strings.EqualFold(candidate.Host, "localhost") {
				continue
			}
			if slices.ContainsFunc(arrivals, func(a cause.Arrival) bool { return a.URL == candidate.URL && !a.OwnName }) {
				return candidate, true
			}
			// A name that leads nowhere may be what is to be repaired.
			if !slices.ContainsFunc(arrivals, func(a cause.Arrival) bool { return a.URL == candidate.URL }) && !ok {
				e, ok = candidate, true
			}
		}
	}
	return e, ok
}

// dns gives one name the addresses of all servers.
func (x *facts) dns() (Remedy, bool) {
	e, known := x.shared()
	host := "nats.example"
	if known {
		host = strings.ToLower(strings.TrimSuffix(e.Host, "."))
	}
	k := x.kubernetes()
	r := Remedy{Title: "Let " + host + " have the addresses of all servers"}
	if !known {
		r.Title = "Give clients one name with the addresses of all servers"
	}
	var why []string
	if cause.KubernetesService(host) {
		why = append(why, host+" is a service of Kubernetes: the headless service has the address of every pod.",
			"Clients take its name, "+headlessHost(k)+".")
	} else {
		r.Snippets = append(r.Snippets, Snippet{Lang: "zone", Text: x.zone(host, e)})
		if !known {
			why = append(why, "No host name of the clients is known: nats.example stands for it.")
		}
		why = append(why, "Clients take one of its addresses, and the list need not change with the cluster.")
		if n := x.withoutIP(); len(n) > 0 {
			why = append(why, "The addresses of "+on(n)+" are unknown: fill them in.")
		}
		if x.Missing > 0 {
			why = append(why, "Add the servers that are missing from this audit.")
		}
		if x.portsDiffer() {
			why = append(why, "The servers listen on different ports, which a name does not have: list them one by one, as in client-config.")
		}
	}
	if known {
		why = append(why, "Connected clients do not look the name up again: move them when the old TTL is over.")
		r.Commands, r.Checks = x.digs(host), x.digs(host)
	}
	if k.found {
		r.Snippets = append(r.Snippets, Snippet{Lang: "yaml", Text: headless(k, x.port())})
	}
	r.Why = strings.Join(why, " ")
	return r, true
}

// zone are the lines for a zone file, with what is there now as comments.
func (x *facts) zone(host string, e checks.Endpoint) string {
	owner := host + "."
	if !zoneName.MatchString(owner) {
		owner = "nats.example."
	}
	var b strings.Builder
	var aliases []string
	if e.Name != nil {
		for _, a := range e.Name.Answers[:min(len(e.Name.Answers), 8)] {
			if len(a.CNAME) > 0 {
				if to := strings.TrimSuffix(a.CNAME[0], ".") + "."; zoneName.MatchString(to) && !slices.Contains(aliases, to) {
					aliases = append(aliases, to)
				}
			}
			var now []string
			for _, ip := range a.Addresses {
				s := ip.IP.String()
				if ip.TTL != nil {
					s += fmt.Sprintf(" (TTL %d)", *ip.TTL)
				}
				now = append(now, s)
			}
			fmt.Fprintf(&b, "; now, by %s: %s\n", shown(a.Resolver), cmp.Or(words.Few(now), "no address"))
		}
	}
	for _, to := range aliases { // a name has an alias or addresses, not both
		fmt.Fprintf(&b, "; take out: %s IN CNAME %s\n", owner, to)
	}
	var wanted []netip.Addr
	for _, p := range x.places {
		switch {
		case !p.ip.IsValid():
			fmt.Fprintf(&b, "; %s  %d  IN  A  <%s's address>\n", owner, zoneTTL, p.label)
		case slices.Contains(wanted, p.ip):
		case len(wanted) == mostRecords:
			fmt.Fprintf(&b, "; and %s more\n", words.Plural(len(x.places)-mostRecords, "server"))
			return b.String()
		default:
			wanted = append(wanted, p.ip)
			kind := "AAAA"
			if p.ip.Is4() {
				kind = "A"
			}
			fmt.Fprintf(&b, "%s  %d  IN  %s  %s  ; %s\n", owner, zoneTTL, kind, p.ip.WithZone(""), p.label)
		}
	}
	for _, a := range e.Addresses {
		if o := a.Contact.Outcome; (o == checks.ContactRefused || o == checks.ContactClosed) && !slices.Contains(wanted, a.IP.Unmap()) {
			fmt.Fprintf(&b, "; take out %s: no server answers there\n", a.IP)
		}
	}
	return b.String()
}

// digs look a name up where the audit did.
func (x *facts) digs(host string) []string {
	if len(x.Resolvers) == 0 {
		return []string{"dig +noall +answer " + host}
	}
	var out []string
	for _, at := range x.Resolvers {
		server, port, ok := hostPort(at)
		if !ok {
			continue
		}
		dig := "dig @" + server
		if port != 53 {
			dig += fmt.Sprintf(" -p %d", port)
		}
		out = append(out, dig+" +noall +answer "+host)
	}
	return out
}

func (x *facts) withoutIP() []*checks.Server {
	var out []*checks.Server
	for _, p := range x.places {
		if !p.ip.IsValid() {
			out = append(out, p.server)
		}
	}
	return out
}

func (x *facts) portsDiffer() bool {
	return slices.ContainsFunc(x.places, func(p place) bool { return p.host != "" && p.port != x.port() })
}

// port is what the concentrated server listens on for clients.
func (x *facts) port() int {
	for _, p := range x.places {
		if p.server == x.Server {
			return p.port
		}
	}
	return defaultPort
}

// headlessHost is the name of the headless service.
func headlessHost(k kube) string {
	if k.namespace == "" {
		return headlessName(k)
	}
	return headlessName(k) + "." + k.namespace + "." + cmp.Or(k.domain, "svc")
}

func headlessName(k kube) string {
	return strings.TrimSuffix(cmp.Or(k.service, k.set, "nats"), "-headless") + "-headless"
}

// headless is a Service of Kubernetes without an address of its own: DNS gives
// those of the pods.
func headless(k kube, port int) string {
	namespace := ""
	if k.namespace != "" {
		namespace = "\n  namespace: \"" + k.namespace + "\""
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: "%s"%s
spec:
  clusterIP: None
  selector:
    app.kubernetes.io/name: nats
  ports:
    - name: nats
      port: %d
`, headlessName(k), namespace, port)
}
