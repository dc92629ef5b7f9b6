package report

import (
	"fmt"
	"time"

	"github.com/nats-balance/nats-balance/internal/words"
)

// What a watch says of itself, a clause each.
const (
	ConnectionLost  = "the connection is lost: what changes is not seen, and nothing becomes a finding, until it is back"
	Recording       = "this watch records"
	StandingBy      = "another watch records, this one stands by"
	RecordingAgain  = "recording works again: what waited is written"
	StandingByAgain = "the store answers again, and this watch stands by"
	StreamMade      = "the stream of the history was deleted, and is made again: what was recorded before is gone"
)

// ConnectedAgain says that the connection is back, after a time.
func ConnectedAgain(after time.Duration) string {
	return "connected again after " + words.Duration(after)
}

// RecordingFails says why nothing can be recorded.
func RecordingFails(why string) string {
	return fmt.Sprintf("recording fails: %s: what changes waits, and is lost if this watch ends before it can be written", why)
}

// ServingAt says where the page is.
func ServingAt(url string) string { return "serving at " + url }

// ServingEnded says why the page is there no more.
func ServingEnded(why string) string { return "serving ended: " + why }

// Unmatched says which of the accounts and clusters that were asked for are not there.
func Unmatched(accounts, clusters []string) []string {
	var out []string
	for _, name := range accounts {
		out = append(out, fmt.Sprintf("no server reports an account %s: it is checked once one does", words.Harmless(name)))
	}
	for _, name := range clusters {
		out = append(out, fmt.Sprintf("no server is in a cluster %s: it is checked once one is", words.Harmless(name)))
	}
	return out
}
