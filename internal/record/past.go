package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// KnownPast takes over what earlier watches recorded of servers, of each deployment, the
// last one last, before the first full report.
func (w *Watch) KnownPast(pasts []checks.RecordedPast) {
	if !w.ready {
		w.before = pasts
	}
}

// recall takes over the servers that an earlier watch saw go, that did not say that they
// shut down, and that nobody knows of: others forget one that hangs with its clients, too.
// It returns why it does not where what was recorded is not known to be of this deployment.
// Where that is in doubt, the next full report may tell: an account is known when one of its
// clients is there.
func (w *Watch) recall(d *checks.Deployment, now time.Time) *PastDoubt {
	var past checks.RecordedPast
	var gone []checks.RecordedGone
	kin := checks.Apart
	for _, p := range w.before {
		if g, is := p.Of(d); is >= kin {
			past, gone, kin = p, g, is
		}
	}
	if kin != checks.Doubted {
		w.before = nil
	}
	if len(past.Servers) == 0 {
		return nil
	}
	if kin >= checks.Alike {
		w.recallFormer(past.Former, now)
	}
	for _, g := range gone {
		known := g.IsBack(d) || w.accounted(g.Server, g.Cluster) || slices.ContainsFunc(d.Missing, func(m checks.Missing) bool {
			return m.ID == g.Server.ID && m.ID != "" || m.Name == g.Server.Name && m.MayBeIn(g.Cluster)
		})
		if known || len(w.down) >= mostServers {
			continue
		}
		w.called(g.Cluster, g.Reported)
		if g.Kind == checks.Down && expectsMore(d, &g) {
			w.down[cmp.Or(g.Server.ID, g.Server.Name+" "+g.Cluster)] = stopped{life: life{heard: g.At, lacked: g.Lacked}, ref: g.Server, cluster: g.Cluster, at: now}
			continue
		}
		if g.Kind != checks.Silent || now.Sub(g.At) >= unheard {
			continue
		}
		w.down[cmp.Or(g.Server.ID, g.Server.Name+" "+g.Cluster)] = stopped{life: life{heard: g.At, lacked: g.Lacked}, ref: g.Server, cluster: g.Cluster, at: g.At, silent: true}
		if d.All { // as the operator says, until a server of these is missing
			continue
		}
		w.tell(Change{Kind: Silent, Time: now, Cluster: g.Cluster, Server: g.Server, Who: w.who(d),
			Reason: "it was found silent at " + g.At.UTC().Format("2006-01-02 15:04:05 UTC") + "; now " + unknownTo(d, g.Cluster)})
	}
	return PastDoubtOf(&past, d, kin, now)
}

// name notes what the clusters are called that share a name.
func (w *Watch) name(d *checks.Deployment) {
	for i := range d.Servers {
		w.called(d.Servers[i].Cluster, d.Reported(d.Servers[i].Cluster))
	}
	for i := range d.Missing {
		w.called(d.Missing[i].Cluster, d.Reported(d.Missing[i].Cluster))
	}
}

func (w *Watch) called(cluster, reported string) {
	switch {
	case cluster == reported || reported == "":
		delete(w.clusters, cluster)
	case w.clusters == nil:
		w.clusters = map[string]string{cluster: reported}
	default:
		w.clusters[cluster] = reported
	}
}

// mostWho is of how many servers, and accounts, it is written down that they are of the
// deployment, and mostServerText and mostAccountText how long their names are together:
// a document has to fit into a message of 1 MB, with up to 6 bytes for one of a name.
const (
	mostWho         = 1000
	mostServerText  = 96 << 10
	mostAccountText = 32 << 10
)

// who is what tells the deployment from others.
func (w *Watch) who(d *checks.Deployment) *checks.Identity {
	i := d.Identity()
	i.Servers = upTo(mostServerText, i.Servers, func(s checks.ServerProcess) int { return len(s.ID) + len(s.Name) + len(s.Host) + len(s.Cluster) })
	i.Accounts = upTo(mostAccountText, i.Accounts, func(a string) int { return len(a) })
	return &i
}

// upTo are the first of all that are so long together, and not more than mostWho.
func upTo[T any](bytes int, all []T, long func(T) int) []T {
	n := 0
	for n < min(len(all), mostWho) && bytes >= long(all[n]) {
		bytes -= long(all[n])
		n++
	}
	return all[:n]
}

func documentWho(i *checks.Identity) *DocumentWho {
	if i == nil {
		return nil
	}
	d := &DocumentWho{Servers: []DocumentProcess{}, Accounts: append([]string{}, i.Accounts...), System: i.System}
	for _, s := range i.Servers {
		x := DocumentProcess{Server: documentServer(s.ServerRef), Cluster: s.Cluster}
		if !s.Start.IsZero() {
			t := s.Start.UTC()
			x.Started = &t
		}
		d.Servers = append(d.Servers, x)
	}
	return d
}

// harmless is what tells a deployment from others, for output; nil where there is none.
func (d *DocumentWho) harmless() *DocumentWho {
	if d == nil {
		return nil
	}
	out := &DocumentWho{Servers: []DocumentProcess{}, Accounts: []string{}, System: words.Harmless(d.System)}
	for _, s := range d.Servers {
		out.Servers = append(out.Servers, DocumentProcess{s.Server.Harmless(), words.Harmless(s.Cluster), s.Started})
	}
	for _, a := range d.Accounts {
		out.Accounts = append(out.Accounts, words.Harmless(a))
	}
	return out
}

// Identity is what tells the deployment of documents of one watch from others. Until is
// when the last of them was written.
func Identity(docs []Document) checks.Identity {
	var out checks.Identity
	processes, accounts := map[DocumentServer]int{}, map[string]bool{}
	process := func(s DocumentServer, cluster string, start *time.Time) {
		at, known := processes[s]
		if !known {
			at = len(out.Servers)
			processes[s], out.Servers = at, append(out.Servers, checks.ServerProcess{ServerRef: checks.ServerRef(s), Cluster: cluster})
		}
		if start != nil {
			out.Servers[at].Start = *start
		}
	}
	account := func(id string) {
		if !accounts[id] {
			accounts[id], out.Accounts = true, append(out.Accounts, id)
		}
	}
	for i := range docs {
		d := &docs[i]
		out.Until = d.Time
		if d.Server != nil && d.Cluster != nil {
			process(*d.Server, d.ReportedCluster(), d.Since)
			for _, x := range d.Beside {
				process(x, d.ReportedCluster(), nil)
			}
		}
		if d.Had != nil {
			for _, x := range d.Had.Of {
				account(x.Account.ID)
			}
		}
		if d.Who == nil {
			continue
		}
		out.System = cmp.Or(d.Who.System, out.System)
		for _, x := range d.Who.Servers {
			process(x.Server, x.Cluster, x.Started)
		}
		for _, id := range d.Who.Accounts {
			account(id)
		}
	}
	return out
}
