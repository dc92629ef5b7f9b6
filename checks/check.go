package checks

// Check is what a check says of itself.
type Check struct {
	Code, Name, Severity, Category, AppliesTo string
	// Rule is the rule in one sentence, with its default thresholds.
	Rule string
}

// Concentration is Synadia Insights' check OPT_BALANCE_006.
func Concentration() Check {
	return Check{
		Code:      "OPT_BALANCE_006",
		Name:      "Account Connection Concentration",
		Severity:  "info",
		Category:  "saturation",
		AppliesTo: "balance",
		Rule: "One server holds more than 70% of an account's client connections in a cluster " +
			"of at least 3 servers, the account having at least 10 there.",
	}
}

// hotspotCheck is Synadia Insights' check OPT_BALANCE_002.
func hotspotCheck() Check {
	return Check{
		Code:      "OPT_BALANCE_002",
		Name:      "Connection Hotspot",
		Severity:  "info",
		Category:  "saturation",
		AppliesTo: "balance",
		Rule: "One server has more than 2 times the average of client connections of the servers " +
			"of its cluster, which has at least 2 servers and at least 10 client connections.",
	}
}

// All lists the checks. A new check adds its line here, one of a new measure its
// line in [Measures].
func All() []Check {
	out := []Check{Concentration()}
	for _, m := range Measures() {
		out = append(out, m.Check)
	}
	return out
}

// Outcome is the verdict of an audit as a whole.
type Outcome string

// An audit of which a missing server could change a verdict is
// OutcomeIncomplete, whatever else it found. One in which no cluster has the
// minimum of servers is OutcomeNotJudged, and so is one in which all accounts with
// enough connections are in clusters that have not.
const (
	OutcomePass       Outcome = "pass"
	OutcomeFinding    Outcome = "finding"
	OutcomeCritical   Outcome = "critical"
	OutcomeIncomplete Outcome = "incomplete"
	OutcomeNotJudged  Outcome = "not-judged"
)

// Verdict is the verdict on one account in one cluster.
type Verdict string

// The first six were judged; the last two did not meet the minimums.
const (
	Pass              Verdict = "pass"
	Review            Verdict = "review"
	Found             Verdict = "finding"
	Critical          Verdict = "critical"
	AcceptedFinding   Verdict = "accepted" // see [Accept]
	Incomplete        Verdict = "incomplete"
	TooFewConnections Verdict = "too-few-connections"
	TooFewServers     Verdict = "too-few-servers"
)

// Answer is yes, no or unknown; unknown is not no.
type Answer string

// What could not be tested is Unknown.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Priority says which finding to look at first.
type Priority string

// See [Finding.PriorityWith] for the rule.
const (
	High   Priority = "high"
	Normal Priority = "normal"
	Low    Priority = "low"
)
