package rebalance

import "time"

// StopReason is which reason a stop has, with its names and numbers.
type StopReason interface{ stops() }

// Drains is that the server closes the connections of its clients by itself.
type Drains struct{ Server string }

// Forbidden is that the user of the credentials lacks a permission.
type Forbidden struct{ Violation string }

// ConnectionLost is that the connection to the servers was lost.
type ConnectionLost struct{}

// Interrupted is that whoever runs it ended it.
type Interrupted struct{}

// NotAsked is that the servers can't be asked.
type NotAsked struct{ Err error }

// NotAllRead is that the connections could not all be read.
type NotAllRead struct{}

// SilentAtClose is that the server did not answer when it was asked to close connections.
type SilentAtClose struct{ Server string }

// Vanished is that the server does not answer any more.
type Vanished struct{ Server string }

// NearLimit is that the server has nearly all connections that it takes.
type NearLimit struct {
	Server             string
	Connections, Limit int
}

// SlowConsumers is that the server has had some since the start.
type SlowConsumers struct {
	Server string
	N      int
}

// Busy is that the server uses so much of its processors, in percent.
type Busy struct {
	Server   string
	CPU, Was float64
}

// AllReturned is that clients came back to the servers that they were moved from.
type AllReturned struct {
	Back, Closed int
	Services     []string // names
}

// Flocked is that a server got more than expected.
type Flocked struct {
	Server   string
	Got      int
	Expected float64
	Twice    bool // whether some of them may have come twice
}

// MostNow is that the most on one server is a larger share than before, of an account or,
// where that is empty, of all.
type MostNow struct {
	Account              string
	Most, Of, Was, WasOf int
}

// NotBack is that of so many that were closed clients were not back on any server in time.
type NotBack struct {
	Closed, Clients int
	Within          time.Duration
}

// SomebodyElse is that somebody else kicked connections of the cluster meanwhile.
type SomebodyElse struct{ Connections int }

// Unreached is that servers that were to be filled are left without these clients.
type Unreached struct{ Misses []Miss }

// NotAudited is that the audit afterwards failed.
type NotAudited struct{ Err error }

// SomeNotReported is that not all servers reported to the audit afterwards.
type SomeNotReported struct{}

// MoreThanBefore is that the most on one server is more than before, by the audit
// afterwards.
type MoreThanBefore struct{}

// SomeNotBack is that not all clients that were disconnected are back, by the audit
// afterwards.
type SomeNotBack struct{}

func (Drains) stops()          {}
func (Forbidden) stops()       {}
func (ConnectionLost) stops()  {}
func (Interrupted) stops()     {}
func (NotAsked) stops()        {}
func (NotAllRead) stops()      {}
func (SilentAtClose) stops()   {}
func (Vanished) stops()        {}
func (NearLimit) stops()       {}
func (SlowConsumers) stops()   {}
func (Busy) stops()            {}
func (AllReturned) stops()     {}
func (Flocked) stops()         {}
func (MostNow) stops()         {}
func (NotBack) stops()         {}
func (SomebodyElse) stops()    {}
func (Unreached) stops()       {}
func (NotAudited) stops()      {}
func (SomeNotReported) stops() {}
func (MoreThanBefore) stops()  {}
func (SomeNotBack) stops()     {}
func (Hot) stops()             {}

// Enough is why a run ended though the servers are not level.
type Enough interface{ ends() }

// NoMoreMoves is that there are fewer than it takes.
type NoMoreMoves struct{ Short []Short }

// NotNamed is that what is left takes services that the plan did not name.
type NotNamed struct{ Services []ServiceName }

// KeptAbove is that clients that stay keep servers above their even share.
type KeptAbove struct{ Servers []string }

// StillReturning is that more than half of the clients came back to the same server.
type StillReturning struct{ Back, Closed int }

// NothingGained is that the last closes brought nothing.
type NothingGained struct{ Closes int }

func (NoMoreMoves) ends()    {}
func (NotNamed) ends()       {}
func (KeptAbove) ends()      {}
func (StillReturning) ends() {}
func (NothingGained) ends()  {}

// RunNote is what a run learnt of where clients get to.
type RunNote interface{ notes() }

// Miss is servers that no client came to, though some should have.
type Miss struct {
	Closes   int
	Services []string // names
	Servers  []string
	Last     int     // closes of clients that had been moved from all the others
	Expected float64 // clients that would have come by chance
}

// Unsettled is a server of which it is unknown whether clients get there.
type Unsettled struct {
	Closes   int
	Services []string // names
	Server   string
}

// InOtherClusters is clients of an account that are not back in the cluster, with how many
// more than before the run there are in others.
type InOtherClusters struct {
	Clients          int
	Account, Cluster string
	More             map[string]int
}

func (Miss) notes()            {}
func (Unsettled) notes()       {}
func (InOtherClusters) notes() {}
