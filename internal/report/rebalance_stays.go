package report

import (
	"fmt"
	"strings"

	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// LeftOut says why connections are left where they are, in a clause; nil where they are not.
func LeftOut(stays balance.Stay) *string {
	if stays == nil {
		return nil
	}
	out := stayText(stays)
	return &out
}

// NotClosed says why a connection was not closed, in a clause; nil where there is nothing to
// say.
func NotClosed(why balance.NotClosed) *string {
	switch x := why.(type) {
	case balance.NotAClient:
		return new("it is not a client of the account any more")
	case balance.OwnConnection:
		return new("it is the connection of this program")
	case balance.ServerSaid:
		return nonEmpty(x.Description)
	case balance.Forbidden:
		return nonEmpty(x.Violation)
	case balance.NotAsked:
		return new(x.Err.Error())
	}
	return nil
}

// returnedText says how many clients came back to the server that closed them, in a clause.
func returnedText(x balance.Returned) string {
	return fmt.Sprintf("after %s of %s the clients came back to the same server", words.Count(x.Back), words.Plural(x.Closed, "close"))
}

func stayText(stays balance.Stay) string {
	switch x := stays.(type) {
	case balance.Agreed:
		return "accepted, " + x.Reason
	case balance.WouldReturn:
		lead := leadText(x.Lead)
		return "they would come back: " + strings.ToLower(lead[:1]) + lead[1:] + sureText(x.Lead)
	case balance.Refusing:
		return "they may be lost: " + refusingText(x.Servers, "them")
	case balance.Concentrated:
		if x.Lost {
			return fmt.Sprintf("the clients that are concentrated may be lost (%s)", x.Code)
		}
		return fmt.Sprintf("the clients that are concentrated would come back (%s)", x.Code)
	case balance.Unexamined:
		return "why they are there was not checked: they came after the plan, or there are too many services"
	case balance.NoListener:
		return "no other server takes their protocol"
	case balance.Returned:
		return returnedText(x)
	case balance.NotBack:
		return fmt.Sprintf("%s closed, %s not back on any server within %s", words.Plural(x.Closed, "connection"), words.Plural(x.Clients, "client"), x.Within)
	case balance.Recalled:
		if x.Lost > 0 {
			return fmt.Sprintf("after %s %s not connected again, and closing more may lose them too", closesText(x), words.Plurals(x.Lost, "client has", "clients have"))
		}
		return "after " + closesText(x) + " the clients came straight back"
	}
	return ""
}
