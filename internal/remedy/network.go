package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// loadBalancer switches session persistence off.
func (x *facts) loadBalancer() Remedy {
	r := Remedy{Title: "Switch off that the load balancer keeps clients on one server"}
	if addr, ok := x.BehindAddress(); ok {
		r.Title = fmt.Sprintf("Find out what %s is: if a load balancer, have it choose evenly", addr)
	}
	why := []string{"Choose by the number of connections instead. A balancer moves no connection that is open: close the excess after that. " +
		"Which balancer it is can't be seen from here: take what fits."}
	k := x.kubernetes()
	service := cmp.Or(k.service, "SERVICE")
	patch := fmt.Sprintf(`kubectl%s patch service %s -p '{"spec":{"sessionAffinity":"None"}}'`, k.option(), service)
	if k.service != "" {
		r.Commands = append(r.Commands, patch)
	} else {
		r.ByHand = "its setting for persistence, stickiness or session affinity: off"
	}
	if addr, ok := x.BehindAddress(); ok {
		why = append([]string{fmt.Sprintf("To servers a load balancer at %s and a NAT look the same. Behind a NAT the clients share a list that leads to %s: give them all servers.", addr, x.here)}, why...)
	} else if url, often, ok := x.balancerURL(); ok {
		why = append([]string{url + " leads to " + x.here + " " + often + "."}, why...)
		if name := cmp.Or(x.f.Account.Name, x.f.Account.ID); pasteable(name) {
			r.Checks = []string{x.Tool + " audit urls " + option("--client-url", name+"="+url)}
			r.Commands = append(r.Commands, r.Checks...)
			why = append(why, "The last command tries its address again.")
		}
	}
	var haproxy, nginx strings.Builder
	for _, p := range x.places[:min(len(x.places), mostURLs)] {
		at := p.at()
		comment := ""
		if p.host == "" {
			comment, at = "# ", "ADDRESS_OF_"+p.label+":"+fmt.Sprint(p.port)
		}
		fmt.Fprintf(&haproxy, "    %sserver %s %s check\n", comment, p.label, at)
		fmt.Fprintf(&nginx, "    %sserver %s;\n", comment, at)
	}
	r.Snippets = []Snippet{
		{Lang: "sh", Text: "# Kubernetes\n" + patch + "\n# AWS NLB; ARN is that of the target group\n" +
			"aws elbv2 modify-target-group-attributes --target-group-arn ARN \\\n  --attributes Key=stickiness.enabled,Value=false\n"},
		{Lang: "haproxy", Text: "# no \"balance source\", no \"stick-table\", no \"stick on\"\nbackend nats\n    mode tcp\n    balance leastconn\n" + haproxy.String()},
		{Lang: "nginx", Text: "# in the block stream: no \"hash $remote_addr\"\nupstream nats {\n    least_conn;\n" + nginx.String() + "}\n"},
	}
	r.Why = strings.Join(why, " ") + x.addresses()
	return r
}

// balancerURL is a URL of the lists whose address is no server's own and leads
// to the concentrated server, and hardly ever elsewhere.
func (x *facts) balancerURL() (url, often string, ok bool) {
	for _, l := range x.lists {
		for _, a := range l.Reach.Arrivals {
			if x.d.Servers[a.Server].ID != x.Server.ID || a.Own != checks.No || !a.Steady() {
				continue
			}
			for _, e := range l.Endpoints {
				if e.URL == a.URL && validHost(e.Host) && validPort(e.Port) && slices.Contains([]string{"nats", "tls", "ws", "wss"}, e.Scheme) {
					p := place{server: x.Server, host: e.Host, port: e.Port}
					if a.Tries < a.AllTries {
						return e.Scheme + "://" + p.at(), fmt.Sprintf("in %d of %d tries", a.Tries, a.AllTries), true
					}
					return e.Scheme + "://" + p.at(), "every time", true
				}
			}
		}
	}
	return "", "", false
}

// placement is for clients that connect to the server near them.
func (x *facts) placement() Remedy {
	r := Remedy{Title: "Decide whether clients are to stay near, and give them a server elsewhere"}
	var why []string
	if n := x.networks(); n != "" {
		why = append(why, n)
	}
	why = append(why, "It may be wanted, as near servers answer faster. Then accept it, and see that the clients know a server elsewhere with room for all of them"+x.spare()+
		". Otherwise give every place two servers or more, run the account's services in several places, or let clients choose among all servers.",
		"Placement tags steer JetStream, not where clients connect.")
	k := x.kubernetes()
	service := cmp.Or(k.service, "SERVICE")
	commands := []string{
		fmt.Sprintf(`kubectl%s patch service %s --type merge -p '{"spec":{"internalTrafficPolicy":"Cluster","trafficDistribution":null}}'`, k.option(), service),
		fmt.Sprintf("kubectl%s annotate service %s service.kubernetes.io/topology-mode-", k.option(), service),
	}
	if k.service != "" {
		r.Commands = commands
		why = append(why, "The commands let the service lead to pods anywhere.")
	} else {
		r.Snippets = []Snippet{{Lang: "sh", Text: "# Kubernetes, where the clients come through a service: lead to pods anywhere\n" + strings.Join(commands, "\n") + "\n"}}
	}
	r.Why = strings.Join(why, " ")
	return r
}

// networks says where the clients of the concentrated server come from.
func (x *facts) networks() string {
	p := x.Profile
	if p == nil {
		return ""
	}
	var from []string
	groups := slices.Clone(p.Networks)
	slices.SortStableFunc(groups, func(a, b checks.Group) int { return cmp.Compare(first(b.Counts), first(a.Counts)) })
	for _, g := range groups {
		if n := first(g.Counts); n > 0 && !g.Other && len(from) < 3 {
			from = append(from, fmt.Sprintf("%s from %s", words.Count(n), shown(g.Key)))
		}
	}
	if len(from) == 0 {
		return ""
	}
	return "On " + x.here + " are " + words.Few(from) + "."
}

func first(counts []int) int {
	if len(counts) == 0 {
		return 0
	}
	return counts[0]
}

// spare returns how much room there is on the other servers, where it is known.
func (x *facts) spare() string {
	free := 0
	for _, s := range x.f.Impact.Survivors {
		if s.Now == nil || s.Limit == nil {
			return ""
		}
		free += max(0, *s.Limit-*s.Now)
	}
	if len(x.f.Impact.Survivors) == 0 {
		return ""
	}
	return fmt.Sprintf(" (there is room for %s)", words.Count(free))
}
