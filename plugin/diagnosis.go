package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/remedy"
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

	stdin    io.Reader // nil: os.Stdin
	progress func(clienturl.Progress)
	read     clienturl.Read // what lists read
}

func (s *sources) flags(cmd *fisk.CmdClause) {
	cmd.Flag("client-url", "The server list of one client, for an account if it is named; can be repeated").PlaceHolder("[ACCOUNT=]URL[,URL…]").StringsVar(&s.urls)
	cmd.Flag("client-config", "File or folder to read client URL lists from, - for standard input; can be repeated").PlaceHolder("[ACCOUNT=]PATH").StringsVar(&s.configs)
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
	stdin := false
	for _, value := range s.configs {
		_, path := clienturl.SplitAccount(value)
		switch {
		case path == "":
			return errors.New("--client-config is empty: pass a file or a folder, or --client-config=- for standard input")
		case path == clienturl.Stdin && stdin:
			return errors.New("--client-config - is there twice: standard input can be read once only")
		case path == clienturl.Stdin:
			stdin = true
			continue
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
	s.read = clienturl.Read{}
	add := func(f clienturl.Found) {
		lists, warnings = append(lists, f.Lists...), append(warnings, f.Warnings...)
		s.read.Merge(f.Read)
	}
	scanner := clienturl.Scanner{Stdin: s.stdin, Progress: s.progress}
	if scanner.Stdin == nil {
		scanner.Stdin = os.Stdin
	}
	for _, value := range s.configs {
		account, path := clienturl.SplitAccount(value)
		f, err := scanner.Scan(ctx, account, path)
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
		return checks.OwnAddress(d, scheme, at, c)
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

// diagnose finds out why, for the worst findings in depth, and sets what
// follows from it.
func (a *concentration) diagnose(ctx context.Context, from source, d *checks.Deployment, findings []checks.Finding, lists []checks.URLList) ([]checks.URLList, []string, error) {
	var suspects []gather.Suspect
	clusters := clustersOf(findings)
	for _, f := range findings[:min(len(findings), inDepth)] {
		suspects = append(suspects, gather.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if !a.sources.any() && from.kind() != "archive" { // which is to be read without a network
		lists = hints(from.url(), d, clusters)
	}
	var (
		wg       sync.WaitGroup
		warnings []string
		reports  []gather.Report
		failed   error
		accounts map[gather.Suspect]map[string]checks.AccountOn
	)
	wg.Go(func() { warnings = a.sources.follow(ctx, d, lists) })
	wg.Go(func() { reports, accounts, failed = from.examine(ctx, d, suspects) })
	wg.Wait()
	if failed != nil {
		return nil, nil, failed
	}
	for i := range findings {
		f := &findings[i]
		c := checks.Case{Finding: *f, Deployment: d, Lists: lists, ToTell: toTell(from), ThresholdPercent: a.parameters.For(f.Account).ThresholdPercent}
		if i < len(suspects) {
			c.Profile, c.Accounts = reports[i].Profile, accounts[suspects[i]]
			f.Impact.SubscriptionsLost = reports[i].Subscriptions
			c.Finding = *f
		}
		f.Causes = checks.Diagnose(c)
		f.Impact, f.Priority = checks.FailOver(c, f.Causes)
		c.Finding = *f
		a.advise(f, c, from)
	}
	if n := len(findings) - len(suspects); n > 0 {
		warnings = append(warnings, fmt.Sprintf("the connections of the %d worst findings were read; the causes of the other %d are judged without them: pass --account or --cluster for those", len(suspects), n))
	}
	checks.SortFindings(findings)
	return lists, warnings, nil
}

// toTell is what to do so that servers tell of themselves, by the source.
func toTell(from source) string {
	switch from.(type) {
	case *ownAccount:
		return "audit with a user of the system account"
	case *archived:
		return "gather without --no-server-endpoints"
	case *monitoring:
		return "pass a longer --timeout"
	}
	return ""
}

// advise sets what to do about a finding.
func (a *concentration) advise(f *checks.Finding, c checks.Case, from source) {
	in := remedy.Input{Case: c, Tool: "nats-balance", Flags: a.host.Flags(), Again: from.again(), Sources: a.sources.repeated(), Operator: nkeys.IsValidPublicAccountKey(f.Account.ID)}
	switch from.(type) {
	case systemAccount:
	case *ownAccount: // whose flags lead elsewhere
		in.Flags, in.NoSystem = "", true
	default:
		in.NoSystem = true
	}
	var byCause map[string][]string
	f.Remedies, byCause, f.Forecast = remedy.For(in)
	for i := range f.Causes {
		f.Causes[i].Remedies = byCause[f.Causes[i].Code]
	}
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
