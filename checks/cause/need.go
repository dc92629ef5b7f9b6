package cause

// Need is what would settle a question that is left open. It is data: what a
// user passes or does for it is for a report to word.
type Need string

// Of the servers, the connections and the source of the data.
const (
	// NeedConnections: that the connections are read.
	NeedConnections Need = "connections"
	// NeedAccountInfo: that the servers say whether they know the account.
	NeedAccountInfo Need = "account-info"
	// NeedProbe: that the addresses of the list are probed, from where they answer.
	NeedProbe Need = "probe"
	// NeedUsers: whether the other servers have the same users configured.
	NeedUsers Need = "users"
	// NeedTLS: whether the clients can use TLS.
	NeedTLS Need = "tls"
	// NeedServerAnswers: that the servers answer what is asked of themselves.
	NeedServerAnswers Need = "server-answers"
	// NeedSystemAccount: a source that servers tell of themselves.
	NeedSystemAccount Need = "system-account"
	// NeedServerEndpoints: a recording that has what servers say of themselves.
	NeedServerEndpoints Need = "server-endpoints"
	// NeedLongerTimeout: more time for the servers to answer in.
	NeedLongerTimeout Need = "longer-timeout"
)

// Of what the clients are configured with.
const (
	// NeedClientConfig: the clients' lists, or the files that have them.
	NeedClientConfig Need = "client-config"
	// NeedClientURLs: a list of the clients.
	NeedClientURLs Need = "client-urls"
	// NeedOrderedURLs: a list of the clients, in its order.
	NeedOrderedURLs Need = "ordered-urls"
	// NeedOwnURLs: the list that the clients on this server came by.
	NeedOwnURLs Need = "own-urls"
	// NeedServiceURLs: whose of the account's services a list is that is known, by
	// the name or the user beside it.
	NeedServiceURLs Need = "service-urls"
	// NeedOneList: which one of several lists these clients use.
	NeedOneList Need = "one-list"
	// NeedOwner: whose list it is, for certainty.
	NeedOwner Need = "owner"
	// NeedResolver: the DNS server that the clients ask.
	NeedResolver Need = "resolver"
	// NeedUse: that clients use a name that is only known to exist, for certainty.
	NeedUse Need = "use"
	// NeedBalancer: the address of a load balancer, if there is one.
	NeedBalancer Need = "balancer"
	// NeedThisBalancer: the address of a load balancer that there seems to be, for
	// certainty.
	NeedThisBalancer Need = "this-balancer"
)

// Gap is why a source may not have what servers say of themselves.
type Gap string

const (
	// GapAnswers means that all servers are asked, some may not answer.
	GapAnswers Gap = ""
	// GapOneAccount means that it sees one account, and servers tell it nothing of
	// themselves.
	GapOneAccount Gap = "one-account"
	// GapRecorded means that it was recorded, perhaps without that.
	GapRecorded Gap = "recorded"
	// GapPages means that it is pages that servers serve, which take no permission.
	GapPages Gap = "pages"
)

// details is what it takes for servers to say more of themselves.
func (g Gap) details() Need {
	switch g {
	case GapOneAccount:
		return NeedSystemAccount
	case GapRecorded:
		return NeedServerEndpoints
	case GapPages:
		return NeedLongerTimeout
	case GapAnswers:
	}
	return NeedServerAnswers
}
