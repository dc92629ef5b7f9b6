package source

// Kind is what documents say of a source, and what they have to know of it, so that
// nobody needs to know which one it is. The zero value is none.
type Kind struct {
	// Name is what documents call it. Their schemas list all.
	Name string
	// SeesAll reports whether it sees every server and account, as is expected: how it
	// does matters less than what it sees.
	SeesAll bool
	// OwnAccount reports whether its credentials are those of the one account that it
	// sees. It is told of no other, nor of servers that do not answer.
	OwnAccount bool
	// Reports says of one server, Report of several, that it has their reports.
	Reports, Report string
	// BringsIn is what may make missing servers report.
	BringsIn string
}

// SystemAccount is asked with a user of the system account.
func SystemAccount() Kind {
	const report = "reported to the system account"
	return Kind{Name: "system-account", SeesAll: true, Reports: report, Report: report,
		BringsIn: "A longer --timeout, or another server to connect to, may bring them in"}
}

// Account is asked with a user of another account.
func Account() Kind {
	const report = "reported to an ordinary account, which sees only itself"
	return Kind{Name: "account", OwnAccount: true, Reports: report, Report: report,
		BringsIn: "A longer --timeout, another server to connect to, or a user of the system account, may bring them in"}
}

// Archive is what somebody has gathered before.
func Archive() Kind {
	return Kind{Name: "archive", Reports: "is in the archive", Report: "are in the archive",
		BringsIn: "Another nats audit gather, with a longer --timeout, may bring them in"}
}

// Monitoring is the monitoring ports of servers.
func Monitoring() Kind {
	const report = "reported on their monitoring ports"
	return Kind{Name: "monitoring", Reports: report, Report: report,
		BringsIn: "Their URLs in --monitor, or a longer --timeout, may bring them in"}
}

// Kinds are all kinds of sources.
func Kinds() []Kind { return []Kind{SystemAccount(), Account(), Archive(), Monitoring()} }

// KindOf is the kind of that name, as an earlier document has it.
func KindOf(name string) Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	return Kind{}
}
