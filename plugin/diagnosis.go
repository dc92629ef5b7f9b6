package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/report"
)

// mostLists bounds how many lists are looked at.
const mostLists = 500

// sources are the flags that say where client URLs come from, and what may be
// asked of the network about them.
type sources struct {
	urls, configs, resolvers []string
	contexts, noDNS, noProbe bool

	origins   []string         // of the lists of a --config file, else empty
	given     []checks.URLList // of --client-url
	resolving []string
}

func (s *sources) flags(cmd *fisk.CmdClause) {
	cmd.Flag("client-url", "The server list of one client, for an account if it is named; can be repeated").PlaceHolder("[ACCOUNT=]URL[,URL…]").StringsVar(&s.urls)
	cmd.Flag("client-config", "File or folder to read client URL lists from; can be repeated").PlaceHolder("[ACCOUNT=]PATH").StringsVar(&s.configs)
	cmd.Flag("contexts", "Also read the URLs of every nats context on this machine").UnNegatableBoolVar(&s.contexts)
	cmd.Flag("resolver", "Ask this DNS server rather than the system's; can be repeated to compare").PlaceHolder("HOST[:PORT]").StringsVar(&s.resolvers)
	cmd.Flag("no-dns", "Do not look up host names").UnNegatableBoolVar(&s.noDNS)
	cmd.Flag("no-probe", "Do not connect to the addresses of client URLs").UnNegatableBoolVar(&s.noProbe)
}

// addresses are those of --client-url that are no names and no WebSocket
// listeners, which greet otherwise, unless connecting is not wanted.
func (s *sources) addresses() []string {
	var out []string
	for _, l := range s.given {
		for _, e := range l.Endpoints {
			if ip, err := netip.ParseAddr(e.Host); err == nil && !s.noProbe && (e.Scheme == "nats" || e.Scheme == "tls") {
				out = append(out, netip.AddrPortFrom(ip, uint16(e.Port)).String()) //nolint:gosec // a port it is
			}
		}
	}
	return out
}

// unread says of addresses in lists that something is there, but not what. It
// may be a server that hangs.
func unread(lists []checks.URLList) []string {
	var out []string
	for _, l := range lists {
		for _, e := range l.Endpoints {
			for _, a := range e.Addresses {
				if l.Hint || a.Contact.Outcome != checks.ContactUnreadable {
					continue
				}
				at := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // a port it is
				said := fmt.Sprintf("%s: who is at %s is not known: %s", e.URL, at, a.Contact.Detail)
				if !slices.Contains(out, said) && len(out) < 10 {
					out = append(out, said)
				}
			}
		}
	}
	return out
}

// any is whether lists were asked for.
func (s *sources) any() bool { return len(s.urls)+len(s.configs) > 0 || s.contexts }

// repeated are the flags for another command, without credentials.
func (s *sources) repeated() string {
	var out []string
	for _, value := range s.urls {
		account, urls := clienturl.SplitAccount(value)
		if urls = clienturl.Redact(urls); account != "" {
			urls = account + "=" + urls
		}
		out = append(out, "--client-url "+quote(urls))
	}
	for _, value := range s.configs {
		out = append(out, "--client-config "+quote(value))
	}
	if s.contexts {
		out = append(out, "--contexts")
	}
	for _, value := range s.resolving {
		out = append(out, "--resolver "+quote(value))
	}
	if s.noDNS {
		out = append(out, "--no-dns")
	}
	if s.noProbe {
		out = append(out, "--no-probe")
	}
	return strings.Join(out, " ")
}

func (s *sources) validate() error {
	for i, value := range s.urls {
		list, err := clienturl.ParseFlag(value)
		if err != nil {
			return err
		}
		if len(s.origins) > 0 {
			list.Origin = s.origins[i]
		}
		s.given = append(s.given, list)
	}
	for _, value := range s.configs {
		_, path := clienturl.SplitAccount(value)
		if path == "" {
			return errors.New("--client-config is empty: pass a file or a folder")
		}
		if _, err := os.Stat(path); err != nil {
			var wrapped *os.PathError
			if errors.As(err, &wrapped) {
				err = wrapped.Err
			}
			return fmt.Errorf("--client-config %s: %w: pass a file or a folder", path, err)
		}
	}
	for _, value := range s.resolvers {
		r, err := dnscheck.Resolver(value)
		if err != nil {
			return fmt.Errorf("--%w", err)
		}
		s.resolving = append(s.resolving, r)
	}
	return nil
}

// lists reads all that were asked for.
func (s *sources) lists(ctx context.Context) (lists []checks.URLList, warnings []string, err error) {
	lists = slices.Clone(s.given)
	add := func(f clienturl.Found) {
		lists, warnings = append(lists, f.Lists...), append(warnings, f.Warnings...)
	}
	for _, value := range s.configs {
		account, path := clienturl.SplitAccount(value)
		f, err := clienturl.Scan(ctx, account, path)
		if errors.Is(err, context.Canceled) {
			return nil, nil, err
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("--client-config %s was not read to the end: %v", path, err))
		}
		add(f)
	}
	if s.contexts {
		f, err := clienturl.Contexts(ctx)
		if errors.Is(err, context.Canceled) {
			return nil, nil, err
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("the nats contexts were not read to the end: %v", err))
		}
		add(f)
	}
	if len(lists) > mostLists {
		warnings = append(warnings, fmt.Sprintf("only the first %d of %d client URL lists were looked at", mostLists, len(lists)))
		lists = lists[:mostLists]
	}
	return lists, warnings, nil
}

// follow finds out what the lists lead to.
func (s *sources) follow(ctx context.Context, d *checks.Deployment, lists []checks.URLList) (warnings []string) {
	o := probe.Options{Own: func(scheme string, at netip.AddrPort, c checks.Contact) checks.Answer {
		return cause.OwnAddress(d, scheme, at, c)
	}}
	if !s.noProbe {
		o.Prober = &probe.Prober{}
	}
	if !s.noDNS {
		system, err := dnscheck.System()
		if err != nil {
			warnings = append(warnings, err.Error())
		}
		if len(s.resolving) > 0 {
			system.Resolvers, system.Fallback = s.resolving, false
		}
		o.DNS = &system
	}
	return append(warnings, probe.Follow(ctx, lists, o)...)
}

// connectedURLs are those that a connection was opened with.
func connectedURLs(nc *nats.Conn) string {
	if len(nc.Opts.Servers) > 0 {
		return strings.Join(nc.Opts.Servers, ",")
	}
	return nc.Opts.Url
}

// hints are the URLs that servers advertise by name, and the one of the audit's
// own connection.
func hints(own string, d *checks.Deployment, clusters []string) []checks.URLList {
	var out []checks.URLList
	add := func(origin, urls string) {
		l, err := clienturl.ParseFlag(urls)
		// A server's own address says nothing of what clients use.
		if named := slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return !e.Literal }); err == nil && l.Account == "" && named {
			l.Origin, l.Hint = origin, true
			out = append(out, l)
		}
	}
	if own != "" {
		add("the URL of this audit's own connection", clienturl.Redact(own))
	}
	seen := map[string]bool{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Details == nil || !slices.Contains(clusters, s.Cluster) {
			continue
		}
		for _, u := range s.Details.ConnectURLs {
			if at, err := netip.ParseAddrPort(u); err == nil && at.IsValid() || seen[u] || len(seen) >= 20 {
				continue
			}
			seen[u] = true
			add("advertised by "+s.Name, u)
		}
	}
	return out
}

// tie gives lists without an account to the only one that they can be for.
func tie(lists []checks.URLList, d *checks.Deployment, asked []string) {
	only := onlyAccount(d)
	if len(asked) == 1 {
		only = asked[0]
	}
	for i := range lists {
		if lists[i].Account == "" && !lists[i].Hint {
			lists[i].Account = only
		}
	}
}

// onlyAccount is the id of the only ordinary account that has clients; empty
// where there are several, or a server that may have others is missing.
func onlyAccount(d *checks.Deployment) string {
	if len(d.Missing) > 0 {
		return ""
	}
	only := ""
	for i := range d.Servers {
		for _, u := range d.Servers[i].Usage {
			a := d.Accounts[u.Account]
			switch {
			case u.Connections == 0 || a.System || a.ID == only:
			case only != "":
				return ""
			default:
				only = a.ID
			}
		}
	}
	return only
}

// diagnosed are findings with what was found out about each, those to look at
// first first, and the lists that were followed for it.
type diagnosed struct {
	findings  []checks.Finding
	explained []report.Explained
	lists     []checks.URLList
	warnings  []string
}

// diagnose finds out why, for the worst findings in depth, and what to do.
func (a *concentration) diagnose(ctx context.Context, from source, d *checks.Deployment, findings []checks.Finding, lists []checks.URLList) (diagnosed, error) {
	var suspects []gather.Suspect
	clusters := clustersOf(findings)
	for _, f := range findings[:min(len(findings), inDepth)] {
		suspects = append(suspects, gather.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if !a.sources.any() && from.kind() != "archive" { // which is to be read without a network
		lists = hints(from.url(), d, clusters)
	}
	out := diagnosed{lists: lists}
	var (
		wg       sync.WaitGroup
		reports  []gather.Report
		failed   error
		accounts map[gather.Suspect]map[string]checks.AccountOn
	)
	wg.Go(func() { out.warnings = a.sources.follow(ctx, d, lists) })
	wg.Go(func() { reports, accounts, failed = from.examine(ctx, d, suspects) })
	wg.Wait()
	if failed != nil {
		return diagnosed{}, failed
	}
	type pair struct {
		finding checks.Finding
		found   report.Explained
	}
	var all []pair
	for i, f := range findings {
		c := cause.Case{Finding: f, Deployment: d, Lists: lists, Gap: from.gap(), ThresholdPercent: a.parameters.For(f.Account).ThresholdPercent}
		var subscriptions *int
		if i < len(suspects) {
			c.Profile, c.Accounts = reports[i].Profile, accounts[suspects[i]]
			subscriptions = reports[i].Subscriptions
		}
		diagnosis := cause.Diagnose(c)
		all = append(all, pair{f, report.Explained{Subscriptions: subscriptions, Diagnosis: &diagnosis, Advice: a.advise(diagnosis, from)}})
	}
	if n := len(findings) - len(suspects); n > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("the connections of the %d worst findings were read; the causes of the other %d are judged without them: pass --account or --cluster for those", len(suspects), n))
	}
	slices.SortFunc(all, func(a, b pair) int {
		return cmp.Or(checks.ComparePriorities(a.found.Diagnosis.Priority, b.found.Diagnosis.Priority), checks.CompareFindings(a.finding, b.finding))
	})
	for _, p := range all {
		out.findings, out.explained = append(out.findings, p.finding), append(out.explained, p.found)
	}
	return out, nil
}

// advise is what to do about a finding.
func (a *concentration) advise(d cause.Diagnosis, from source) remedy.Advice {
	in := remedy.Input{Diagnosis: d, Tool: "nats-balance", Flags: a.host.Flags(), Again: from.again(), Sources: a.sources.repeated(), Operator: nkeys.IsValidPublicAccountKey(d.Finding.Account.ID)}
	switch from.(type) {
	case systemAccount:
	case *ownAccount: // whose flags lead elsewhere
		in.Flags, in.NoSystem = "", true
	default:
		in.NoSystem = true
	}
	return remedy.For(in)
}

func clustersOf(findings []checks.Finding) []string {
	var out []string
	for _, f := range findings {
		if !slices.Contains(out, f.Cluster) {
			out = append(out, f.Cluster)
		}
	}
	return out
}
