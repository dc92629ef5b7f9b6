package checks

// When says how soon a remedy can help.
type When string

// In the order in which remedies are told.
const (
	Immediate When = "immediate"
	ShortTerm When = "short-term"
	LongTerm  When = "long-term"
)

// Remedy is what to do about a finding, filled in for its cluster, its account
// and its causes. Commands and snippets hold no credentials.
type Remedy struct {
	Code       string // lower case with hyphens: "client-config", "rebalance"
	When       When
	Title, Why string
	Commands   []string // command lines, ready to paste
	Snippets   []Snippet
}

// Snippet is a piece of code or configuration.
type Snippet struct {
	Lang string // what it is written in: "go", "yaml", "zone"
	Text string
}
