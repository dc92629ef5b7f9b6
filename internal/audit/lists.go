package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/within"
	"github.com/nats-balance/nats-balance/internal/words"
)

// lateness is what reading files may take to hand over what it has, once it is
// to end.
const lateness = 250 * time.Millisecond

// mostLists bounds how many lists are looked at.
const mostLists = 500

// ClientLists says where clients' URL lists are to be found, and what may be
// asked of the network about them. It is validated.
type ClientLists struct {
	Given     []checks.URLList
	Paths     []ClientPath
	Contexts  bool     // read those of the nats CLI too
	Resolvers []string // the system's where there is none
	DNS       bool     // look up host names
	Probe     bool     // connect to addresses
	// Flags are the flags that say all this, for commands that are printed; without
	// credentials and quoted for a shell.
	Flags string
	// Stdin is standard input, for the path [clienturl.Stdin].
	Stdin io.Reader
	// Progress is told how much was read, by several goroutines; nil is fine.
	Progress func(clienturl.Progress)
}

// ClientPath is a file or a folder with lists, for an account if it is named.
type ClientPath struct{ Account, Path string }

// Any reports whether lists were asked for.
func (s ClientLists) Any() bool { return len(s.Given)+len(s.Paths) > 0 || s.Contexts }

// piped reports whether some are read from standard input.
func (s ClientLists) piped() bool {
	return slices.ContainsFunc(s.Paths, func(p ClientPath) bool { return p.Path == clienturl.Stdin })
}

// strangers warns of lists that are given for an account that no server reported.
func (s ClientLists) strangers(d *checks.Deployment) []string {
	var out []string
	warn := func(flag, account string) {
		if account == "" || slices.ContainsFunc(d.Accounts, func(a checks.Account) bool { return a.ID == account || a.Name == account }) {
			return
		}
		out = appendOnce(out, fmt.Sprintf("%s is for account %s, which no server reported, so it is not used: check the name", flag, account))
	}
	for _, l := range s.Given {
		warn("--client-url", l.Account)
	}
	for _, p := range s.Paths {
		warn("--client-config", p.Account)
	}
	return out
}

// Read reads all that were asked for, and tells what it read.
func (s ClientLists) Read(ctx context.Context) (lists []checks.URLList, read clienturl.Read, warnings []string, err error) {
	lists = slices.Clone(s.Given)
	add := func(f clienturl.Found) {
		lists, warnings = append(lists, f.Lists...), append(warnings, f.Warnings...)
		read.Merge(f.Read)
	}
	scanner := clienturl.Scanner{Stdin: s.Stdin, Progress: s.Progress}
	for _, p := range s.Paths {
		f, err := within.Context(ctx, lateness, func() (clienturl.Found, error) { return scanner.Scan(ctx, p.Account, p.Path) })
		if errors.Is(err, context.Canceled) {
			return nil, read, nil, err
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("--client-config %s was not read to the end: %s", p.Path, unfinished(p.Path, err)))
		}
		add(f)
	}
	if s.Contexts {
		f, err := within.Context(ctx, lateness, func() (clienturl.Found, error) { return clienturl.Contexts(ctx) })
		if errors.Is(err, context.Canceled) {
			return nil, read, nil, err
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("the nats contexts were not read to the end: %v", err))
		}
		add(f)
	}
	if len(lists) > mostLists {
		warnings = append(warnings, fmt.Sprintf("the audit checked only the first %s of %s client URL lists", words.Count(mostLists), words.Count(len(lists))))
		lists = lists[:mostLists]
	}
	return lists, read, warnings, nil
}

// unfinished says why a path was not read to the end.
func unfinished(path string, err error) string {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err.Error()
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		return "it is a pipe, and who writes into it had not ended when --timeout was over: pass a longer one, or a file"
	}
	return "--timeout was over before: pass a longer one, or less to read"
}

// Follow finds out what the lists lead to.
func (s ClientLists) Follow(ctx context.Context, d *checks.Deployment, lists []checks.URLList) (warnings []string) {
	o := probe.Options{Own: func(scheme string, at netip.AddrPort, c checks.Contact) checks.Answer {
		return cause.OwnAddress(d, scheme, at, c)
	}, Budget: probe.Budget{Names: source.ForNames.Of, Resolver: source.OneResolver.AtMost(source.LongestResolver),
		Address: source.OneAddress.AtMost(source.LongestAddress)}}
	if s.Probe {
		o.Prober = &probe.Prober{}
	}
	if s.DNS {
		system, err := dnscheck.System()
		if err != nil {
			warnings = append(warnings, err.Error())
		}
		if len(s.Resolvers) > 0 {
			system.Resolvers, system.Fallback = s.Resolvers, false
		}
		o.DNS = &system
	}
	return append(warnings, probe.Follow(ctx, lists, o)...)
}

// signs are the URLs of lists that the model's only account may have clients with,
// where a server is expected. Names are left out where DNS, or this machine's, is
// not to be asked.
func (s ClientLists) signs(d *checks.Deployment, lists []checks.URLList) []string {
	var out []string
	for _, l := range lists {
		if l.Hint || l.Unused != "" || l.ByPattern || l.Account != "" && !slices.ContainsFunc(d.Accounts, func(a checks.Account) bool { return a.Is(l.Account) }) {
			continue
		}
		for _, e := range l.Endpoints {
			named := !e.Literal && (!s.DNS || len(s.Resolvers) > 0)
			if !named && slices.Contains([]string{"nats", "tls", "ws", "wss"}, e.Scheme) {
				out = appendOnce(out, e.Scheme+"://"+net.JoinHostPort(e.Host, strconv.Itoa(e.Port)))
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
				said := fmt.Sprintf("%s: who is at %s is unknown: %s", e.URL, at, a.Contact.Detail)
				if !slices.Contains(out, said) && len(out) < 10 {
					out = append(out, said)
				}
			}
		}
	}
	return out
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

// tie gives lists without an account to the only one that has clients. To ask for one
// account alone says nothing of whose lists they are.
func tie(lists []checks.URLList, d *checks.Deployment) {
	only := onlyAccount(d)
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
