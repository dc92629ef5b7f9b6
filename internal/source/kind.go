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
	// FindsServers reports whether it finds the servers that there are by more than the
	// routes of those that it has: by a roster, or by asking all at once. What finds them
	// by routes alone has to have some of every cluster, or its audits are incomplete.
	FindsServers bool
	// Past reports whether it was gathered before: what is recorded now is not about it.
	Past bool
	// Reports says of one server, Report of several, that it has their reports.
	Reports, Report string
	// BringsIn is what may make missing servers report.
	BringsIn string
}
