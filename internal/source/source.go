// Package source is where the data of an audit comes from: what all sources have
// in common. Each source has a package of its own, which brings what servers say
// of themselves into the model of package checks: which servers there are, and
// what every account has on each.
//
// A source is honest about coverage: a message that is missing, late, doubled,
// malformed or an error is counted and named, and a server that is known but has
// no whole report is in the model as missing, never as empty. It judges nothing
// and prints nothing, and it only ever sends requests that read.
package source

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Source is where an audit's data comes from. What it can't see stays unknown in
// the model. It is for one audit at a time.
type Source interface {
	// Kind and Detail are what the document says of it, without credentials: what
	// matters most first.
	Kind() Kind
	Detail() []string
	// Limits are what it can't see, and what can't be done with it.
	Limits() Limits
	// Deployment gathers the model.
	Deployment(ctx context.Context) (*checks.Deployment, error)
	// Knows adds an account by that id to the model if any server knows it.
	Knows(ctx context.Context, d *checks.Deployment, account string) error
	// Details adds what the servers of clusters say of themselves.
	Details(ctx context.Context, d *checks.Deployment, clusters []string) error
	// Examine reads who is connected of suspects, and which servers know their
	// accounts, by the server's id.
	Examine(ctx context.Context, d *checks.Deployment, of []Suspect) ([]Report, map[Suspect]map[string]checks.AccountOn, error)
	// Connections reads only who is connected, of other accounts than suspects.
	Connections(ctx context.Context, d *checks.Deployment, of []Suspect) ([]Report, error)
	// Subscriptions counts those of accounts on servers; nil is not known.
	Subscriptions(ctx context.Context, of []Held) ([]*int, error)
}

// Limits are what a source can't see, and what can't be done with it. The zero
// value is that of the system account, which sees everything.
type Limits struct {
	// Gap is why it may lack what servers say of themselves: their start, limits,
	// listeners and clocks.
	Gap cause.Gap
	// NoSystem is that nobody is connected to the system account, so that what
	// only its users may ask or do can't be done with the source.
	NoSystem bool
	// Offline is that the source is read without a network.
	Offline bool
}

// Options of a source.
type Options struct {
	// Timeout is the longest wait for all of a deployment.
	Timeout time.Duration
	// Progress, if set, is called from one goroutine after every message.
	Progress func(Progress)
	// Trace, if set, is told of every request and message. It is called from
	// several goroutines, one at a time.
	Trace func(format string, args ...any)
	// NoProbe says that no address is connected to that servers only tell of.
	NoProbe bool
}

// Progress is how far a gathering has come.
type Progress struct {
	Expected, Reported int   // servers; those expected are more once all links are known
	Bytes              int64 // of account reports, as they came
}

// Suspect is an account that is concentrated on a server of a cluster.
type Suspect struct {
	Account string // id
	Server  string // id of the concentrated server
	Cluster string
}

// Held is an account on a server, by their ids.
type Held struct{ Server, Account string }

// Report is what was read of a suspect's connections.
type Report struct {
	// Profile is never nil. Its times are by the auditor's clock where the
	// details of the model have the server's.
	Profile *checks.Profile
	// Subscriptions are those of the client connections of the concentrated
	// server; nil where they were not read to the end.
	Subscriptions *int
	// LoggedIn counts the connections with a sign of a login, by the id of the
	// server. Servers that were not read to the end are not in it.
	LoggedIn map[string]int
	// Doubtful counts, of a server that was not read to the end, the connections
	// that it counts and of which no sign of a login was read, by its id.
	Doubtful map[string]int
	// Closed is what the servers of the cluster remember of closed connections of
	// the same services; nil where they were not asked.
	Closed []checks.Closed
	// Remember has the servers, by id, that said what they remember of the account.
	Remember map[string]bool
}

// NoAnswerError says that not a single server answered.
type NoAnswerError struct {
	// Server is the URL of the server that was asked, without credentials.
	Server string
	Waited time.Duration
}

func (e *NoAnswerError) Error() string {
	return fmt.Sprintf("%s: no server answered the roster request within %s", e.Server, e.Waited.Round(100*time.Millisecond))
}

// DefaultSystemAccount is nats-server's name for it where none is configured.
const DefaultSystemAccount = "$SYS"

// NoteUnknown notes what some servers did not say, and why, if there are any.
func NoteUnknown(d *checks.Deployment, what string, missing, of int, why string) {
	if missing > 0 {
		d.Note(fmt.Sprintf("the %s of %s of %s servers are unknown: %s", what, words.Count(missing), words.Count(of), why))
	}
}

// What servers say of themselves, in a note.
const (
	OfVarz   = "limits, listeners and clocks"
	OfRoutez = "peers' addresses"
)

// clockGrain is what a clock is taken to be off in any case.
const clockGrain = time.Millisecond

// Details is what a VARZ tells that was asked for and came at these local times.
//
// A clock is read in the middle between question and answer, as in NTP's
// simplest form: the margin is half the round trip and a millisecond, never 0.
func Details(v wire.Varz, asked, came time.Time) (*checks.Details, error) {
	if v.Config == nil || v.Now.IsZero() || v.Connections == nil {
		return nil, errors.New("it has no time or no count of connections, or a listener that can't be read")
	}
	round := max(0, came.Sub(asked))
	offers := checks.Unknown
	switch {
	case v.Config.TLS || v.Config.Certificate:
		offers = checks.Yes
	case saysCertificate(v.Version):
		offers = checks.No
	}
	return &checks.Details{
		Offset: v.Now.Sub(asked.Add(round / 2)), Margin: round/2 + clockGrain, Loaded: v.Loaded,
		Connections: v.Connections, Host: v.Config.Host, Port: v.Config.Port, TLS: v.Config.TLS, VerifiesClients: v.Config.Verify, OffersTLS: offers,
		WebSocket: v.Config.WebSocket, WebSocketPlain: v.Config.WebSocketPlain, MQTT: v.Config.MQTT, Leafnode: v.Config.Leafnode,
		ConnectURLs: v.Config.ConnectURLs, Tags: v.Config.Tags,
	}, nil
}

// Links is what a VARZ tells of the servers that the configuration names; nil where
// it does not.
func Links(v wire.Varz) *checks.Links {
	if v.Links == nil {
		return nil
	}
	l := checks.Links(*v.Links)
	return &l
}

// mostSeen is how many addresses of a server are kept.
const mostSeen = 64

// AddSeen adds an address that a peer has a route from, once.
func AddSeen(seen []netip.Addr, addr netip.Addr) []netip.Addr {
	if !addr.IsValid() || len(seen) >= mostSeen || slices.Contains(seen, addr) {
		return seen
	}
	return append(seen, addr)
}

// Unknown is the state of an account that a server did not tell, and why.
func Unknown(why string) checks.AccountOn {
	return checks.AccountOn{Usable: checks.Unknown, Detail: wire.Cut(why)}
}

// NotKnown is the state of an account that a server says it does not know, in
// its words. In operator mode that says nothing about whether its resolver would
// find the account: a server loads one when it first needs it.
func NotKnown(account, words string) checks.AccountOn {
	if nkeys.IsValidPublicAccountKey(account) {
		return Unknown("it has not loaded the account, which a server in operator mode does when it needs it")
	}
	return checks.AccountOn{Usable: checks.No, Detail: wire.Cut(words)}
}

// AccountOn is the state of an account by what a server answered about it. An
// error is one of reading the answer.
func AccountOn(info wire.AccountInfo, err error, account string) (checks.AccountOn, error) {
	var refused *wire.Error
	switch {
	case errors.As(err, &refused) && refused.UnknownAccount():
		return NotKnown(account, refused.Description), nil
	case refused != nil:
		return Unknown(refused.Error()), nil //nolint:nilerr // a refusal is an answer, which was read
	case err != nil:
		return checks.AccountOn{}, err
	case info.ID != account:
		return Unknown("it answered something else"), nil
	case info.Expired && !info.Complete:
		return Unknown("it has not loaded the account, which a server in operator mode does when it needs it"), nil
	case info.Expired:
		return checks.AccountOn{Usable: checks.No, Expired: true, Detail: "the account has expired there"}, nil
	}
	return checks.AccountOn{Usable: checks.Yes, Detail: "it knows the account",
		MaxConnections: info.MaxConnections, MaxLeafnodes: info.MaxLeafnodes, Updated: info.Updated}, nil
}
