package rebalance

import (
	"time"
)

// Outcome is what became of a move.
type Outcome string

// Only Kicked closed the connection for sure.
const (
	// Planned: nothing was done yet.
	Planned Outcome = "planned"
	// Kicked: the server closed it.
	Kicked Outcome = "kicked"
	// Gone: it was closed before.
	Gone Outcome = "gone"
	// Refused: it was left alone, or the server would not close it.
	Refused Outcome = "refused"
	// NoAnswer: the server was asked and did not say; it may be closed or not.
	NoAnswer Outcome = "no-answer"
	// NotTried: the run stopped before.
	NotTried Outcome = "not-tried"
)

// StopCode is why a run stopped early.
type StopCode string

// In the order in which they are looked for.
const (
	StopInterrupted    StopCode = "interrupted"
	StopConnection     StopCode = "connection-lost"
	StopForbidden      StopCode = "not-permitted"
	StopServerLost     StopCode = "server-lost"
	StopSuffering      StopCode = "server-suffers"
	StopCameBack       StopCode = "clients-came-back"
	StopFlock          StopCode = "clients-flock"
	StopWorse          StopCode = "spread-is-worse"
	StopNotReconnected StopCode = "clients-stay-away"
	StopOthers         StopCode = "another-operator"
	StopUnreached      StopCode = "server-not-reached"
	// StopNotAudited: all was moved, and what came of it is not known.
	StopNotAudited StopCode = "not-audited"
)

// Result is what came of a rebalance.
type Result string

// In the order in which it may come to them.
const (
	ResultRefused     Result = "refused"
	ResultNothingToDo Result = "nothing-to-do"
	// ResultPlanned: a dry run, or a plan that nobody has confirmed yet.
	ResultPlanned  Result = "planned"
	ResultDeclined Result = "declined"
	// ResultStarted: it was written before the first move, and nothing after.
	ResultStarted  Result = "started"
	ResultStopped  Result = "stopped"
	ResultFinding  Result = "finding"
	ResultUneven   Result = "uneven"
	ResultBalanced Result = "balanced"
)

// Stop is why a run stopped early.
type Stop struct {
	Code StopCode
	Why  StopReason
}

// Pace is how fast to go, and when to stop.
type Pace struct {
	Rate  int // connections a second, 1 or more
	Batch int // connections between two looks, 1 or more
	// Patience is the longest wait for an answer, and for the clients of a
	// batch to be back.
	Patience time.Duration
	// MostCPU is the use of its processors, in percent, over which a server
	// suffers if it grew; 0 is 90.
	MostCPU float64
	// Canary, if over 0, is how many connections of each service the first batch
	// moves; services whose clients come back are left out of what follows.
	Canary int
	// Progress, if set, is told after each batch how many moves are over, of about
	// how many. It is called from one goroutine.
	Progress func(over, of int)
	// Tried, if set, is told at once what became of each move, by the name of its
	// server. It is called from several goroutines.
	Tried func(server string, outcome Outcome)
}

// Done is a move and what became of it.
type Done struct {
	Move
	Outcome Outcome
	Why     NotClosed // nil where there is nothing to say
	Batch   int       // from 1; 0 where it was not tried
}

// Batch is what was seen after a batch.
type Batch struct {
	Kicked, Gone, Failed int
	// Returned is how many clients came back to the server that they were moved
	// from. Expected is the same by their libraries.
	Returned int
	Expected float64
	// Late is how many of the clients that were disconnected since the start were
	// not back anywhere when the patience was over.
	Late int
	Took time.Duration
}

// Run is what was done.
type Run struct {
	// Moves are those that were tried, and those of the last plan that were not.
	Moves   []Done
	Batches []Batch
	// Missing is how many of the clients that were disconnected were not back
	// anywhere at the last look. Where not all servers were read since the last were
	// closed, it is Unseen, and these are counted as if they were not back.
	Missing int
	Unseen  bool
	// Services are what became of each service, by index into those of Last.
	Services map[int]Arrived
	// Last is the last look; nil where there was none after the first move.
	Last *State
	Stop *Stop // nil where it came to its end
	// Missed are servers that clients were shown not to get to.
	Missed []Missed
	// Notes are what it learnt of where clients get to.
	Notes []RunNote
	// Enough is why it ended though not level; nil where it is level, or was stopped.
	Enough Enough
}
