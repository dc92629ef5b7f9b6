package source

import (
	"context"
	"time"
)

// Share is a part of the time that there is, in sixtieths.
type Share int

const whole Share = 60

// The budget of --timeout. An audit asks one thing after another, and whoever
// does not answer must leave time for the rest, so each step has a share: of all
// the time-out where it says so, else of what is left when the step begins.
const (
	// The roster is complete when as many servers answered as any of them knows.
	// One that does not answer must not keep the reports of the others waiting
	// for longer than this, of all the time-out; an ordinary account, which is
	// told of no roster, listens at least as long before it asks again.
	WaitForRoster = whole / 10
	// AskAgain is when those who have not reported are asked again, of all the
	// time-out: late enough for a slow reply not to be asked for twice, early
	// enough for the second one to be as slow as the first.
	AskAgain = whole * 2 / 5
	// GiveUp is when the missing are given up, of all the time-out. What is left
	// is for details, connections and addresses, of which no answer is large.
	GiveUp = whole * 4 / 5
	// MonitoringPorts is for the model from monitoring ports: three pages each, all
	// ports at a time, and examining them reads as many pages again.
	MonitoringPorts = whole * 3 / 5
	// ForJoining is for the wait until servers that have just started have joined the
	// others, before all is read again: the second reading needs as long as the first.
	ForJoining = whole / 4
	// LookForServers is for connecting to addresses at which servers may be that did not
	// report. Where servers are missing it is a twelfth of the time-out, 400 ms of 5 s, in
	// which a distant server has to accept a connection and to greet. It is not done while
	// servers report, as they would count it as a client of $G.
	LookForServers = whole * 2 / 5
	// AccountByID is for looking an account up on every monitoring port: one small
	// page each, before anything is judged.
	AccountByID = whole / 2
	// ForDetails is for what servers say of themselves: the causes that need it
	// are unknown without, those that need connections and addresses are not.
	ForDetails = whole / 3
	// ForLogins is for who has logged in of $G, before anything is judged: a verdict
	// is incomplete without.
	ForLogins = whole / 2
	// ForClosed is for closed connections, once the open ones were read: they fill
	// in what is not known otherwise, and nothing waits for them.
	ForClosed = whole / 3
	// ForHistory is for which servers a recorder saw go, before anything is judged: a
	// store that does not answer leaves the rest of the time to those who do.
	ForHistory = whole / 3
	// ForNeighbours is for the connections of accounts that are no suspects, after
	// all that: they tell whether an address is the reason.
	ForNeighbours = whole / 3
	// oneAnswer is for a single answer, see [Patience]: a server that hangs leaves
	// time to ask three more.
	oneAnswer = whole / 4
	// ForNames is for DNS. Names that nobody answers for must not keep the
	// addresses of others from being connected to.
	ForNames = whole / 2
	// OneResolver is for one answer of one resolver, within [ForNames]: it can be
	// asked twice, for both families of addresses.
	OneResolver = whole / 5
	// OneAddress is for a connection to one address with its greeting. One that is
	// silent may take twice this, so that both fit.
	OneAddress = whole * 2 / 5
	// OneServer is for a connection to a server that an ordinary account was told
	// of, of all the time-out: nothing but whether it hangs follows from it.
	OneServer = whole / 5
)

// What bounds a step beside its share, where --timeout is long. None of it has to be
// waited for longer, whatever the user has time for.
//
// Connecting to NATS comes before all this, and internal/natsconn, which knows of no
// sources, divides it: each server has all of --timeout, the next one is tried after
// 250 ms at the latest, and flushing has a fifth, since nats.go's lock is held meanwhile.
const (
	// LongestLook bounds all of [LookForServers].
	LongestLook = 2 * time.Second
	// LongestServer bounds [OneServer]: one where nothing is must not take the time that
	// the account's reports need.
	LongestServer = time.Second
	// LongestResolver bounds [OneResolver], and LongestAddress [OneAddress].
	LongestResolver = 2 * time.Second
	LongestAddress  = 2 * time.Second
	// LongestHistory bounds opening and reading a history: an audit does without.
	LongestHistory = 5 * time.Second
)

// Of returns the share of a time.
func (s Share) Of(d time.Duration) time.Duration { return d * time.Duration(s) / time.Duration(whole) }

// AtMost returns [Share.Of] with a bound.
func (s Share) AtMost(longest time.Duration) func(time.Duration) time.Duration {
	return func(d time.Duration) time.Duration { return min(longest, s.Of(d)) }
}

// Context returns a context for the share of the time that there is.
func (s Share) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.Of(time.Until(end)))
}

const (
	// mostPatience is the longest wait for one answer, and what there is where
	// the context has no end; leastPatience the shortest.
	mostPatience  = 10 * time.Second
	leastPatience = time.Second
)

// Patience is how long to wait for one answer, see oneAnswer.
func Patience(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return mostPatience
	}
	return min(mostPatience, max(leastPatience, oneAnswer.Of(time.Until(end))))
}
