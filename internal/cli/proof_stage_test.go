package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// deployed is how many clients are started where all are. With so many, clients
// that choose at random are not concentrated by chance once in a billion times.
const deployed = 60

// proving is a scenario that runs, and the last audit of it.
type proving struct {
	*testing.T
	ctx context.Context
	*lab.Stage
	context string
	args    []string
	doc     report.Document
	finding report.Finding
}

// look audits as the operator does, with the same flags each time.
func (x *proving) look(status int) {
	x.Helper()
	args := []string{"audit", "concentration", "--context", x.context, "--timeout", "20s", "--json", "--all"}
	out, got := x.run(append(args, x.args...)...)
	if got == ExitNotAudited { // servers that have just started may not know each other yet: as an operator, look again
		out, got = x.run(append(args, x.args...)...)
	}
	x.doc, x.finding = report.Document{}, report.Finding{}
	if err := json.Unmarshal([]byte(out), &x.doc); err != nil {
		x.Fatalf("status %d: %v: %s", got, err, out)
	}
	if got != status {
		x.Fatalf("status %d, want %d: ORDERS has %.1f%% on a server, %+v\n%s", got, status, x.share(), x.doc.Coverage, told(x.doc))
	}
	if len(x.doc.Findings) > 0 {
		x.finding = x.doc.Findings[0]
	}
}

// run runs this program and returns what it printed: errors where there is no
// output.
func (x *proving) run(args ...string) (string, int) {
	var stdout, stderr bytes.Buffer
	err := run(Host{Context: x.ctx, Out: &stdout, Err: &stderr}, args)
	if stdout.Len() == 0 && err != nil {
		return err.Error(), ExitStatus(err)
	}
	return stdout.String(), ExitStatus(err)
}

// command runs a printed command of this program, with flags added.
func (x *proving) command(printed string, added ...string) (string, int) {
	x.Helper()
	words := shellWords(x.T, printed)
	if words[0] != "nats-balance" {
		x.Fatalf("a command of another program: %s", printed)
	}
	return x.run(append(words[1:], added...)...)
}

// share is the largest share of a server of the account's connections.
func (x *proving) share() float64 {
	x.Helper()
	at := slices.IndexFunc(x.doc.Accounts, func(r report.RowOf) bool { return r.Account.Name == "ORDERS" && r.Cluster == "C1" })
	if at < 0 {
		x.Fatalf("no row for ORDERS: %+v", x.doc.Accounts)
	}
	return float64(x.doc.Accounts[at].SharePercent)
}

func (x *proving) cause(code string) report.Cause {
	x.Helper()
	at := slices.IndexFunc(x.finding.Causes, func(c report.Cause) bool { return c.Code == code })
	if at < 0 {
		x.Fatalf("%s is no cause", code)
	}
	return x.finding.Causes[at]
}

func (x *proving) remedy(code string) report.Remedy {
	x.Helper()
	at := slices.IndexFunc(x.finding.Remedies, func(r report.Remedy) bool { return r.Code == code })
	if at < 0 {
		x.Fatalf("%s is not printed", code)
	}
	return x.finding.Remedies[at]
}

func isRebalance(r report.Remedy) bool { return r.Code == "rebalance" }

// snippet is what is printed with a remedy in a language.
func (x *proving) snippet(code, lang string) string {
	x.Helper()
	for _, s := range x.remedy(code).Snippets {
		if s.Lang == lang {
			return s.Text
		}
	}
	x.Fatalf("%s has no snippet in %s", code, lang)
	return ""
}

var quotedURL = regexp.MustCompile(`"([a-z]+://[^"]+)"`)

// listed are the URLs of a snippet for clients.
func (x *proving) listed(code string) []string {
	x.Helper()
	var urls []string
	for _, m := range quotedURL.FindAllStringSubmatch(x.snippet(code, "go"), -1) {
		urls = append(urls, m[1])
	}
	if len(urls) == 0 {
		x.Fatalf("%s has no URL", code)
	}
	return urls
}

// passed are the URLs that the operator passes for the account.
func (x *proving) passed() []string {
	x.Helper()
	for i, a := range x.args {
		if list, ok := strings.CutPrefix(a, "ORDERS="); ok && x.args[i-1] == "--client-url" {
			return strings.Split(list, ",")
		}
	}
	x.Fatalf("no list in %q", x.args)
	return nil
}

// zone is the name and the addresses of lines of a zone file.
func (x *proving) zone(text string) (name string, addresses []string) {
	x.Helper()
	z := dns.NewZoneParser(strings.NewReader(text), "", "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		a, isA := rr.(*dns.A)
		if !isA || name != "" && name != a.Hdr.Name {
			x.Fatalf("record %s", rr)
		}
		name, addresses = a.Hdr.Name, append(addresses, a.A.String())
	}
	if z.Err() != nil || name == "" {
		x.Fatalf("%v: %s", z.Err(), text)
	}
	return name, addresses
}

// mostRounds is how often a rebalance may be repeated, as an operator would.
const mostRounds = 5

// rebalance runs the printed commands: the plan, and then the moves. Where it
// stops because this machine is busy, or clients came back to where they were by
// chance, it is run again.
func (x *proving) rebalance() { x.rebalanceWith() }

// rebalanceWith is rebalance with more flags.
func (x *proving) rebalanceWith(flags ...string) {
	x.Helper()
	commands := x.remedy("rebalance").Commands
	if len(commands) != 2 {
		x.Fatalf("commands %q", commands)
	}
	if out, status := x.command(commands[0], flags...); status != ExitPass {
		x.Fatalf("%s: status %d: %s", commands[0], status, out)
	}
	again := false
	for round := range mostRounds {
		out, status := x.command(commands[1], append(flags, "--yes", "--json", "--timeout", "30s")...)
		var doc report.Rebalance
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			x.Fatalf("%s: status %d: %v: %s", commands[1], status, err, out)
		}
		said := fmt.Sprintf("round %d: %s, %d planned, share %.1f%%", round+1, doc.Outcome, doc.Plan.Moves, doc.Before.SharePercent)
		if doc.After != nil {
			said += fmt.Sprintf(", predicted %.1f%%, after %.1f%%", doc.Predicted.SharePercent, doc.After.SharePercent)
		}
		if doc.Stop != nil {
			said += ", stopped: " + doc.Stop.Text
		}
		x.Log(said)
		wasStopped := again
		// nats.go shuffles its list for an address that it has never seen. One that was
		// taken out and put in again, as when servers close a route that they have
		// twice, is the last in the list of all clients: they flock to the other.
		again = doc.Outcome == "finding" || doc.Stop != nil && slices.Contains([]string{"server-suffers", "clients-came-back", "clients-flock"}, doc.Stop.Code)
		if round == 0 && len(doc.Refusals) == 1 && doc.Refusals[0].Code == "coverage" { // this machine is busy
			x.Logf("%+v", doc.Coverage)
			again = true
		}
		switch {
		case status == ExitPass && (doc.Outcome == "balanced" || wasStopped && doc.Outcome == "nothing-to-do"):
			return
		case !again:
			x.Fatalf("%s: status %d, %s: %+v", commands[1], status, doc.Outcome, doc.Refusals)
		}
	}
	x.Fatalf("not balanced after %d rounds", mostRounds)
}

// tooEarly checks what is printed with the rebalance, that it is for later: the
// command refuses until then.
func (x *proving) tooEarly() {
	x.Helper()
	r := x.remedy("rebalance")
	if !strings.HasPrefix(r.Why, "Only after ") {
		x.Errorf("%q", r.Why)
	}
	out, status := x.command(r.Commands[1], "--yes", "--json")
	var doc report.Rebalance
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != ExitNotAudited || doc.Outcome != "refused" {
		x.Errorf("%s: status %d, %v: %s", r.Commands[1], status, err, out)
	}
}

// stop stops all clients of the account.
func (x *proving) stop() {
	x.Helper()
	if err := x.CloseClients(x.ctx, "ORDERS"); err != nil {
		x.Fatal(err)
	}
}

// restart stops all clients of the account and starts others, of six services,
// with a list.
func (x *proving) restart(urls []string) {
	x.Helper()
	x.stop()
	for _, name := range []string{"svc-a", "svc-b", "svc-c", "svc-d", "svc-e", "svc-f"} {
		x.connect(lab.Clients{URLs: urls, Count: deployed / 6, Name: name})
	}
	x.connected(deployed)
}

// byFirstAddress starts clients that take the first address of a name.
func (x *proving) byFirstAddress(name string, c lab.RawClients) {
	x.Helper()
	c.Account, c.Count = "ORDERS", 1
	for range deployed {
		addresses, err := x.DNS.Resolver().LookupHost(x.ctx, name)
		if err != nil {
			x.Fatal(err)
		}
		at := slices.IndexFunc(x.Servers(), func(s *lab.Server) bool { return s.Host() == addresses[0] })
		if at < 0 {
			x.Fatalf("no server is on %s", addresses[0])
		}
		c.Server = x.Servers()[at]
		// They try again, as devices do, while JetStream elects its leaders.
		x.until(func() error {
			_, err := x.ConnectRaw(x.ctx, c)
			return err
		})
	}
	x.connected(deployed)
}

func (x *proving) connect(c lab.Clients) {
	x.Helper()
	c.Account, c.Subscriptions = "ORDERS", 1
	if x.DNS != nil {
		c.Resolver = x.DNS.Resolver()
	}
	if _, err := x.Connect(x.ctx, c); err != nil {
		x.Fatal(err)
	}
}

// connected waits until the servers count so many clients of the account.
func (x *proving) connected(n int) {
	x.Helper()
	x.until(func() error {
		have := 0
		for _, s := range x.Servers() {
			have += s.Connections("ORDERS")
		}
		if have != n {
			return fmt.Errorf("ORDERS has %d connections, not %d", have, n)
		}
		return nil
	})
}

// until calls check until it returns nil.
func (x *proving) until(check func() error) {
	x.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err := check(); err != nil; err = check() {
		select {
		case <-tick.C:
		case <-x.ctx.Done():
			x.Fatal(err)
		}
	}
}

// shellWords splits a command line as a POSIX shell does, of which it knows
// blanks, single quotes and the backslash.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	word, begun, quoted, escaped := "", false, false, false
	for _, r := range line {
		switch {
		case escaped:
			word, escaped = word+string(r), false
		case r == '\'':
			quoted, begun = !quoted, true
		case quoted:
			word += string(r)
		case r == '\\':
			escaped, begun = true, true
		case r == ' ':
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		case strings.ContainsRune("\"$`;&|<>()*?[]#~%\t\n", r):
			t.Fatalf("a shell does something about %q in %s", r, line)
		default:
			word, begun = word+string(r), true
		}
	}
	if quoted || escaped {
		t.Fatalf("no end of a quote in %s", line)
	}
	if begun {
		words = append(words, word)
	}
	return words
}
