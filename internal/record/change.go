package record

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Kind is a kind of change.
type Kind string

// Kinds of changes.
const (
	// Watching: the first full report is there.
	Watching Kind = "watching"
	// Crossed: an account is above the threshold in a cluster.
	Crossed Kind = "crossed"
	// Held: it has been above it for as long as was asked for. It is a finding.
	Held Kind = "finding"
	// Back: it is above the threshold no longer.
	Back Kind = "back"
	// Started, Draining, Stopped, Silent and Answering are of servers. A silent one
	// did not report; it is Answering when the same process does again, and Started
	// where another one of its name does.
	Started   Kind = "server-started"
	Draining  Kind = "server-draining"
	Stopped   Kind = "server-stopped"
	Silent    Kind = "server-silent"
	Answering Kind = "server-answers"
	// Undecided: what is known leaves verdicts open, of accounts in a cluster or of all.
	// Decided: they no longer are.
	Undecided Kind = "verdicts-unknown"
	Decided   Kind = "verdicts-known"
	// Unchecked: a cluster has fewer servers than it takes to check its accounts. Checked:
	// it has enough again.
	Unchecked Kind = "cluster-unchecked"
	Checked   Kind = "cluster-checked"
	// Corrected: a full report differed from the matrix.
	Corrected Kind = "corrected"
	// Lost: events were lost.
	Lost Kind = "events-lost"
	// Unrecorded: changes were lost that could not be written, since the first of them. It is
	// of the history alone.
	Unrecorded Kind = "not-recorded"
	// Refused: servers refused connections.
	Refused Kind = "refused"
	// Kicked: connections of an account were closed by a server that somebody asked to.
	Kicked Kind = "kicked"
	// Shifted: the spread of an account changed enough to be written down.
	Shifted Kind = "spread"
)

// Unannounced is how a server Stopped that did not say that it shuts down.
type Unannounced string

// Ways in which a server stops without saying so.
const (
	// Drained: it said that it drains, and sends no events any more.
	Drained Unannounced = "drained"
	// Replaced: another process of it runs, and nothing was heard of how this one ended.
	Replaced Unannounced = "replaced"
)

// Change is what changed. Which fields are set goes by its kind.
type Change struct {
	Kind Kind
	Time time.Time
	// Cluster is of all but Corrected and Lost, and Everywhere, of Undecided and Decided,
	// is that it is no single one.
	Cluster    string
	Everywhere bool
	// Reported is the name that the servers of the cluster report; see
	// [checks.Deployment.Separate].
	Reported string
	// Server is of what happens to servers, of Refused, and of Kicked.
	Server checks.ServerRef
	// Account is of Kicked.
	Account checks.Account
	// Start is when the process of a server that Started, or is Answering, began;
	// zero where not known.
	Start time.Time
	// Had is who was on the server, of Draining, Stopped and Silent; nil where that is
	// not known. Beside are the others of its cluster.
	Had    *Had
	Beside []checks.ServerRef
	// Who is what tells the deployment from others, of Watching, and of Silent where an
	// earlier watch found that.
	Who *checks.Identity
	// Doubt is why what an earlier watch recorded is not taken over, of Watching; nil where it is.
	Doubt *PastDoubt
	// Spread is how the account is spread, of Crossed, Held, Back and Shifted.
	Spread *Spread
	// AtStart is that an account was above the threshold when the watch began, or may have been,
	// of Crossed and of what follows: it may have crossed it before, from NotBefore on, or at any
	// time where that is zero.
	AtStart bool
	// Before is how it was spread when that was last written down, and no server was
	// missing that decides, with the server that had most alone; nil where not known.
	Before *Spread
	// NotBefore is until when it was known not to lean to this server, where that was unknown
	// from then on until Since; zero otherwise. It is of Crossed and of what follows.
	NotBefore time.Time
	// LeansTo is the server that it leans to, or did until now, of Crossed, Held, Back, and
	// Shifted where it is above the threshold; Left is the lean to another server that ended with
	// that, of Crossed, and Unknown for how long of the time since Since that was unknown.
	LeansTo checks.ServerRef
	Left    *Left
	Unknown time.Duration
	// Since is when it crossed the threshold, of Crossed, Held and Back, and zero
	// where it was not above it; when the first of them was, of Kicked; and from when on
	// verdicts were unknown, of Decided, and of Undecided where that was noticed late.
	Since time.Time
	// Finding reports whether it is a finding, of Shifted, or was one, of Back.
	Finding bool
	// Moves are what came and left in the minute before, the most first, of
	// Crossed, Back and Shifted; and those that were Kicked, by service.
	Moves []Move
	// MoreMoves is how many connections came or left beside those, and MovesMissed that
	// events were lost then, so that there may be others.
	MoreMoves   int
	MovesMissed bool
	// Unannounced is of Stopped; empty where the server said so.
	Unannounced Unannounced
	// Reason is why a server is Silent, why events were Lost, why connections were
	// Refused, in a clause. Of Undecided it is whose connections decide.
	Reason string
	// DependsOn is whose connections decide, of Undecided in a cluster, and Still that others did
	// when it began, at Since.
	DependsOn []string
	Still     bool
	// Count is how many counts were Corrected, events Lost, connections Refused or Kicked,
	// servers of unknown name Silent, and accounts Undecided at first.
	Count int
	// Least is how many servers it takes, of Unchecked and Checked, whose Count is how many
	// there are.
	Least int
	// Connections is by how many the Corrected counts were off.
	Connections int
	// Of is what is watched, of Watching.
	Of *Totals
}

// Totals is what is watched.
type Totals struct{ Clusters, Servers, Missing, Accounts, Connections, Cells int }

// Spread is how an account is spread over a cluster at a time.
type Spread struct {
	Time        time.Time
	Account     checks.Account
	Cluster     string
	Connections int
	// Of is how many servers of the cluster were up.
	Of int
	// Servers are those with connections of it, the most first, and after them up
	// to 16 without.
	Servers []Share
	Verdict checks.Verdict
	// Ended is how many connections ended since the spread before was told, without
	// those that servers closed as they stopped or were asked to; nil where not known.
	Ended *int
}

// Share is how many connections of an account a server has.
type Share struct {
	Server      checks.ServerRef
	Connections int
}

// Top is the server with most.
func (s *Spread) Top() Share {
	if len(s.Servers) == 0 {
		return Share{}
	}
	return s.Servers[0]
}

// Move is connections of one service that came to a server or left it.
type Move struct {
	Left    bool
	Service string // the stem of their names; empty where they have none
	Server  checks.ServerRef
	Reason  checks.Reason // why they left
	Count   int
}
