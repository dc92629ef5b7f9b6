package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
)

// expectFlags are the flags that say what an audit must see to be one.
type expectFlags struct {
	servers string
	system  bool

	count int // of servers
	names []string
}

// mostExpected bounds how many servers can be expected by a flag.
const mostExpected = 100_000

func (e *expectFlags) flags(cmd *fisk.CmdClause) {
	e.serversFlag(cmd)
	cmd.Flag("require-system", "Refuse credentials that are not of the system account, with which only one account can be audited").UnNegatableBoolVar(&e.system)
}

func (e *expectFlags) serversFlag(cmd *fisk.CmdClause) {
	cmd.Flag("expect-servers", "How many servers there are, or their names: one that does not report is missing").PlaceHolder("N|NAME[,NAME…]").
		Validator(notEmpty("expect-servers", "a number of servers, or their names")).StringVar(&e.servers)
}

func (e *expectFlags) validate() error {
	if e.servers == "" {
		return nil
	}
	if n, err := strconv.Atoi(e.servers); err == nil {
		if n < 1 || n > mostExpected {
			return fmt.Errorf("--expect-servers is %d: pass a whole number from 1 to 100000, or names of servers", n)
		}
		e.count = n
		return nil
	}
	e.names = nil
	for name := range strings.SplitSeq(e.servers, ",") {
		if name = strings.TrimSpace(name); name == "" {
			return errors.New("--expect-servers has an empty name: pass a number of servers, or their names")
		}
		if slices.Contains(e.names, name) {
			return fmt.Errorf("--expect-servers has %s twice: pass each name once, or the number of servers", words.Harmless(name))
		}
		e.names = append(e.names, name)
	}
	return nil
}

// expected are the servers that there should be: those of the flag, of an earlier
// document, and of the connection's own URLs.
func (e *expectFlags) expected(from *origin, past *report.Past, probe bool) audit.Expected {
	out := from.expected(probe)
	out.Count, out.Names = e.count, e.names
	if past != nil {
		out.EarlierAt, out.Called = past.Time, map[string]string{}
		for _, s := range past.Servers {
			out.Called[s.Cluster] = s.Reported
			if s.Unnamed {
				out.EarlierUnnamed++
				continue
			}
			out.Earlier = append(out.Earlier, audit.EarlierServer{Name: s.Name, Host: s.Host, Cluster: s.Cluster})
		}
	}
	return out
}

// expected are the servers of the connection's own URLs.
func (o *origin) expected(probe bool) audit.Expected {
	out := audit.Expected{NoProbe: !probe}
	if o.nc == nil {
		return out
	}
	plain := func(text string) string {
		u, err := url.Parse(text)
		if err != nil {
			return ""
		}
		u.User = nil
		return u.String()
	}
	learnt := o.nc.DiscoveredServers()
	for _, text := range o.nc.Servers() {
		if shown := plain(sysreq.Passed(o.nc, text)); shown != "" && !slices.Contains(learnt, text) {
			out.URLs = append(out.URLs, shown)
		}
	}
	out.ConnectedURL, out.ConnectedAddress = plain(sysreq.URL(o.nc)), o.nc.ConnectedAddr()
	return out
}
