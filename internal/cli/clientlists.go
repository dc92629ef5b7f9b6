package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/words"
)

// clientListFlags say where client URLs come from, and what may be asked of the
// network about them.
type clientListFlags struct {
	urls, configs, resolvers []string
	contexts, noDNS, noProbe bool

	origins []string // of urls from a --config file, else empty
}

func (s *clientListFlags) flags(cmd *fisk.CmdClause) {
	cmd.Flag("client-url", "The server list of one client, for an account if it is named; can be repeated").PlaceHolder("[ACCOUNT=]URL[,URL…]").StringsVar(&s.urls)
	cmd.Flag("client-config", "File or folder to read client URL lists from, - for standard input; can be repeated").PlaceHolder("[ACCOUNT=]PATH").StringsVar(&s.configs)
	cmd.Flag("contexts", "Also read the URLs of every nats context on this machine").UnNegatableBoolVar(&s.contexts)
	cmd.Flag("resolver", "Ask this DNS server rather than the system's; can be repeated to compare").PlaceHolder("HOST[:PORT]").StringsVar(&s.resolvers)
	cmd.Flag("no-dns", "Do not look up host names").UnNegatableBoolVar(&s.noDNS)
	cmd.Flag("no-probe", "Do not connect to the addresses of client URLs").UnNegatableBoolVar(&s.noProbe)
}

// lists validates the flags, and returns what they ask for.
func (s *clientListFlags) lists(ctx context.Context, h Host) (audit.ClientLists, error) {
	l := audit.ClientLists{Contexts: s.contexts, DNS: !s.noDNS, Probe: !s.noProbe, Stdin: os.Stdin}
	for i, value := range s.urls {
		list, err := clienturl.ParseFlag(value)
		if err != nil {
			return l, fmt.Errorf("--client-url %w", err)
		}
		if len(s.origins) > 0 {
			list.Origin = s.origins[i]
		}
		l.Given = append(l.Given, list)
	}
	stdin := false
	for _, value := range s.configs {
		account, path := clienturl.SplitAccount(value)
		switch {
		case path == "":
			return l, errors.New("--client-config is empty: pass a file or a folder, or --client-config=- for standard input")
		case path == clienturl.Stdin && stdin:
			return l, errors.New("--client-config - is given twice: standard input can be read only once")
		case path == clienturl.Stdin:
			stdin = true
			l.Paths = append(l.Paths, audit.ClientPath{Account: account, Path: path})
			continue
		}
		_, err := reading(ctx, h, "--client-config", path, func() (os.FileInfo, error) {
			info, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("--client-config %s: %w: pass a file or a folder", path, withoutPath(err))
			}
			return info, nil
		})
		if err != nil {
			return l, err
		}
		l.Paths = append(l.Paths, audit.ClientPath{Account: account, Path: path})
	}
	for _, value := range s.resolvers {
		r, err := dnscheck.Resolver(value)
		if err != nil {
			return l, fmt.Errorf("--%w", err)
		}
		l.Resolvers = append(l.Resolvers, r)
	}
	l.Flags = s.repeated(l.Resolvers)
	return l, nil
}

// repeated are the flags for another command, without credentials and without
// standard input.
func (s *clientListFlags) repeated(resolvers []string) string {
	var out []string
	for _, value := range s.urls {
		account, urls := clienturl.SplitAccount(value)
		if urls = clienturl.Redact(urls); account != "" {
			urls = account + "=" + urls
		}
		out = append(out, "--client-url "+words.Shell(urls))
	}
	for _, value := range s.configs {
		if _, path := clienturl.SplitAccount(value); path != clienturl.Stdin { // it can't be read again
			out = append(out, "--client-config "+words.Shell(value))
		}
	}
	if s.contexts {
		out = append(out, "--contexts")
	}
	for _, value := range resolvers {
		out = append(out, "--resolver "+words.Shell(value))
	}
	if s.noDNS {
		out = append(out, "--no-dns")
	}
	if s.noProbe {
		out = append(out, "--no-probe")
	}
	return strings.Join(out, " ")
}
