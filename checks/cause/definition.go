package cause

import "slices"

// Code names a cause. Each is declared beside its rule.
type Code string

// Definition is what is so of a cause in every case.
type Definition struct {
	Code  Code
	Title string
	// Over is the title where the cause is over, and explains where clients are; empty
	// where it can't be.
	Over string
	Role Role
	// Step is the step of the funnel at which it leaves one server; empty for
	// contributing causes, which leave none.
	Step StepName
	// Moved is what becomes of clients whose connections are closed so that they
	// choose again.
	Moved Moved
	// First is the remedy that has to come before connections are closed, as
	// long as the cause is there; empty where none has to.
	First Remedy
	// Helps are the remedies that help. The page of the cause tells of the same.
	Helps []Help
}

// Role is what a cause has to do with a finding.
type Role string

// A Root cause brought the clients there; a Contributing one makes it worse, or
// says how bad it is.
const (
	Root         Role = "root"
	Contributing Role = "contributing"
)

// Moved is what becomes of clients whose connections are closed, as long as the
// cause is there.
type Moved string

const (
	// Undecided means that they may come back whenever they connect anew, or not.
	Undecided Moved = "undecided"
	// ComeBack means that they come straight back.
	ComeBack Moved = "come-back"
	// ComeBackUntold means that they come straight back unless servers tell them of
	// others; those that are told come back when their processes restart.
	ComeBackUntold Moved = "come-back-untold"
	// GoToNext means that all of one list go to the server that comes next in it,
	// and stay until they connect anew: a library puts the server that closed it last.
	GoToNext Moved = "go-to-next"
	// GoOn means that they choose among the servers that have room for them, and
	// stay.
	GoOn Moved = "go-on"
)

// All lists the causes.
func All() []Definition {
	var out []Definition
	for _, r := range rules() {
		out = append(out, r.Definition)
	}
	return out
}

// Define returns what is so of a cause in every case; ok is false where there is
// no such cause.
func Define(code Code) (d Definition, ok bool) {
	all := All()
	at := slices.IndexFunc(all, func(d Definition) bool { return d.Code == code })
	if at < 0 {
		return Definition{Code: code, Moved: Undecided}, false
	}
	return all[at], true
}

// Remedy names something to do about a finding. What it is in a given cluster is
// written out elsewhere.
type Remedy string

// The codes of the remedies that help with causes.
const (
	RemedyClientConfig Remedy = "client-config"
	RemedyDNS          Remedy = "dns"
	RemedyDrain        Remedy = "drain"
	RemedyRebalance    Remedy = "rebalance"
	RemedyLoadBalancer Remedy = "load-balancer"
	RemedyLimits       Remedy = "limits"
	RemedyPlacement    Remedy = "placement"
	RemedyRestartOrder Remedy = "restart-order"
	RemedyListener     Remedy = "listener"
	RemedyAccount      Remedy = "account"
	RemedyAdvertise    Remedy = "advertise"
	RemedyCapacity     Remedy = "capacity"
	RemedyOrdered      Remedy = "ordered"
	RemedyProcess      Remedy = "process"
	RemedyLeafnodes    Remedy = "leafnodes"
	RemedyRemotes      Remedy = "leafnode-remotes"
	RemedyKeepItSo     Remedy = "keep-it-so"
)

// When says how soon a remedy can help.
type When string

// In the order in which remedies are told.
const (
	Immediate When = "immediate"
	ShortTerm When = "short-term"
	LongTerm  When = "long-term"
)

// Help is a remedy that helps with a cause, and how soon.
type Help struct {
	Remedy Remedy
	When   When
}
