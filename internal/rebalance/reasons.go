package rebalance

import (
	"net/netip"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// RefusalReason is which reason a refusal has, with its names and numbers.
type RefusalReason interface{ refuses() }

// FewServers is that there is nowhere to move connections to.
type FewServers struct{ Cluster string }

// NotReported is servers that did not report: how the connections are spread is unknown.
type NotReported struct {
	Names    []string
	Nameless int // servers more, without a name
}

// FreeUnknown is that so many servers did not say how many connections they have and take.
type FreeUnknown struct{ Servers, Of int }

// NotRead is that the connections could not all be read.
type NotRead struct{ Error string }

// Limits is that full servers keep all clients where they are.
type Limits struct {
	Full           FullServers
	ReservePercent int // of a limit, which is kept free
}

// NotForClients is that a tag of the server says so.
type NotForClients struct{ Server string }

// NotReached is that no client that may be moved is known to get to the server.
type NotReached struct{ Server string }

// OthersEven is that clients that stay keep these servers above their even share, and the
// others are even.
type OthersEven struct{ Kept []string }

// AllWouldReturn is that the clients of every account would come back.
type AllWouldReturn struct{}

// NothingToMove is that no connection may be moved.
type NothingToMove struct{ Short []Short }

// ClosedBefore is that the clients of these services came straight back when they were
// closed before, or have not connected again.
type ClosedBefore struct {
	Services []Recalled
	Several  bool // accounts
}

// LedBack is why the clients are where they are, and what would become of them.
type LedBack struct {
	Lead  Lead
	Then  Consequence
	Login Login
}

// MayBeLost is that servers refuse the clients, whatever the cause is of where they are.
type MayBeLost struct {
	Lead    Lead
	Servers []string
	Login   Login
}

func (FewServers) refuses()     {}
func (NotReported) refuses()    {}
func (FreeUnknown) refuses()    {}
func (NotRead) refuses()        {}
func (Limits) refuses()         {}
func (NotForClients) refuses()  {}
func (NotReached) refuses()     {}
func (OthersEven) refuses()     {}
func (AllWouldReturn) refuses() {}
func (NothingToMove) refuses()  {}
func (ClosedBefore) refuses()   {}
func (LedBack) refuses()        {}
func (MayBeLost) refuses()      {}
func (Hot) refuses()            {}

// Lead is a cause that leads clients to where they were.
type Lead struct {
	Code    cause.Code
	Verdict cause.Verdict
	Title   string
	Past    bool       // whether it is over
	Address netip.Addr // that all these clients come from; invalid where that shows nothing
}

// Consequence is what would become of clients that are moved.
type Consequence string

// What would become of clients that are moved.
const (
	StraightBack       Consequence = "straight-back"
	StraightBackOrLost Consequence = "straight-back-or-lost"
	LostUnlessMended   Consequence = "lost-unless-mended" // nobody has logged in there since
	BackAfterRestarts  Consequence = "back-after-restarts"
)

// Login is who has to log in where to show that a cause is mended which is known by what
// servers refused before; empty where the servers say so themselves.
type Login struct{ Users, Servers []string }

// Stay is why connections are left where they are.
type Stay interface{ stays() }

// Agreed is that the operator accepts it, for a reason.
type Agreed struct{ Reason string }

// WouldReturn is that their cause leads them back.
type WouldReturn struct{ Lead Lead }

// Refusing is that these servers refuse the clients.
type Refusing struct{ Servers []string }

// Concentrated is that an account is left alone, as those of its clients that are
// concentrated would come back, or may be lost.
type Concentrated struct {
	Code RefusalCode
	Lost bool
}

// Unexamined is that nobody looked at why they are there.
type Unexamined struct{}

// NoListener is that no other server takes their protocol.
type NoListener struct{}

// Returned is that of so many that this run closed clients came back to the same server.
type Returned struct{ Back, Closed int }

func (Agreed) stays()       {}
func (WouldReturn) stays()  {}
func (Refusing) stays()     {}
func (Concentrated) stays() {}
func (Unexamined) stays()   {}
func (NoListener) stays()   {}
func (Returned) stays()     {}
func (NotBack) stays()      {}
func (Recalled) stays()     {}

// NotClosed is why a connection was not closed.
type NotClosed interface{ notClosed() }

// NotAClient is that the connection is not one of a client of the account any more.
type NotAClient struct{}

// OwnConnection is that it is the connection of this program.
type OwnConnection struct{}

// ServerSaid is what the server said instead, in its own words.
type ServerSaid struct{ Description string }

func (NotAClient) notClosed()    {}
func (OwnConnection) notClosed() {}
func (ServerSaid) notClosed()    {}
func (Forbidden) notClosed()     {}
func (NotAsked) notClosed()      {}
