package report

import (
	"fmt"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Open is why it is unknown whether connections that were on a server are back.
type Open interface{ opens() }

// OpenSilent is that a server did not report: one without a name where that is empty, and
// one of another cluster where the connections are too, unless that is empty.
type OpenSilent struct{ Server, Cluster string }

// OpenCluster is that no server of the cluster reported.
type OpenCluster struct{}

// OpenUncounted is that a server of the cluster has some, and how many is unknown.
type OpenUncounted struct{}

// OpenUnread is that the connections of now were not read.
type OpenUnread struct{}

// OpenUnreadable is that no connection of the account could be read.
type OpenUnreadable struct{}

// OpenPartlyRead is that only some could, in the words of who read them.
type OpenPartlyRead struct{ Note string }

// OpenRemainder is that the account has too many services to keep all of them apart.
type OpenRemainder struct{}

// openOther is that some other server did not report, whichever it is.
type openOther struct{}

// openThen is that other clusters have some of the account now, and had so many or fewer.
type openThen struct{ has []ClusterGained }

// openCame is that so many came to other servers about when the server went.
type openCame struct{ n int }

// openUnseen is that watch did not see who came to other servers when the server went.
type openUnseen struct{}

// openElsewhere is that the connections of a service in other clusters were not read.
type openElsewhere struct{}

// openElsewhereThen is that nobody knows how many of a service other clusters had.
type openElsewhereThen struct{}

// openOthersThen is that nobody knows what other servers had of a service.
type openOthersThen struct{}

func (OpenSilent) opens()        {}
func (OpenCluster) opens()       {}
func (OpenUncounted) opens()     {}
func (OpenUnread) opens()        {}
func (OpenUnreadable) opens()    {}
func (OpenPartlyRead) opens()    {}
func (OpenRemainder) opens()     {}
func (openOther) opens()         {}
func (openThen) opens()          {}
func (openCame) opens()          {}
func (openUnseen) opens()        {}
func (openElsewhere) opens()     {}
func (openElsewhereThen) opens() {}
func (openOthersThen) opens()    {}

// openText says why it is unknown, in a clause.
func openText(open Open) string {
	switch x := open.(type) {
	case OpenSilent:
		return silentText(x)
	case OpenCluster:
		return "no server of its cluster reported"
	case OpenUncounted:
		return "a server of its cluster has some, and how many is unknown"
	case OpenUnread:
		return "its connections of now were not read"
	case OpenUnreadable:
		return "no connection of it could be read"
	case OpenPartlyRead:
		return x.Note
	case OpenRemainder:
		return "the account has too many services to keep all of them apart"
	case openOther:
		return "another server did not report"
	case openThen:
		var has []string
		for _, c := range x.has {
			has = append(has, fmt.Sprintf("%s has %s", c.Cluster, words.Count(c.More)))
		}
		return words.ListUpTo(named, has) + " of the account, and what other clusters had of it then is unknown"
	case openCame:
		return fmt.Sprintf("%s about when it went, and whether those were on it is unknown", words.Plurals(x.n, "connection came to other servers", "connections came to other servers"))
	case openUnseen:
		return "watch did not see who came to the other servers when it went, as it was not connected"
	case openElsewhere:
		return "its connections in other clusters were not read"
	case openElsewhereThen:
		return "how many of it other clusters had then is unknown"
	case openOthersThen:
		return "what others had of it then is unknown"
	}
	return ""
}

func silentText(x OpenSilent) string {
	switch {
	case x.Cluster == "" && x.Server == "":
		return "another server of its cluster did not report"
	case x.Cluster == "":
		return x.Server + " did not report"
	case x.Server == "":
		return "a server of " + x.Cluster + ", where it has connections too, did not report"
	}
	return x.Server + " of " + x.Cluster + ", where it has connections too, did not report"
}
