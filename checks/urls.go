package checks

import "net/netip"

// URLList is the server list of one client's configuration, in its order.
type URLList struct {
	// Origin says where it was found: "deploy.yaml:12",
	// "context prod", "the connection of this audit".
	Origin string
	// Account is the name or id that the list is tied to; empty where it may
	// be any account's.
	Account string
	// Hint marks a list that no client is known to use: the audit's own
	// connection, and what servers advertise.
	Hint bool
	// User is the user that the list's clients log in as, by what stands beside
	// the list or in its URLs; CONNZ has it as authorized_user. It may be a
	// Secret's value: it is for comparing, never for output.
	User string
	// Client is the name that these clients give their connections, and Workload
	// the name of what runs them: a Deployment, a service of a compose file. Both
	// are empty where not known.
	Client, Workload string
	// Ordered reports whether these clients always try the first URL first: the
	// configuration switches randomizing off, or has one URL before the others.
	Ordered   Answer
	Endpoints []Endpoint
	// ByPattern marks a list that was found by patterns, as in source code, and
	// not by a parser: it may be another client's, or none.
	ByPattern bool
	// Unused says why nobody uses the list now, in a clause: "0 replicas". It is
	// empty where somebody may.
	Unused string
	// Incomplete says why entries may be missing, a clause each. It is empty
	// where the list was read whole.
	Incomplete []string
}

// Certain reports whether the list was read whole, by a parser. Any other list
// can't confirm a cause.
func (l URLList) Certain() bool { return !l.ByPattern && len(l.Incomplete) == 0 }

// Endpoint is one URL of a list with what it leads to.
type Endpoint struct {
	// URL is the URL without credentials.
	URL string
	// Scheme is nats, tls, ws, wss, mqtt or mqtts.
	Scheme string
	// Host is an address or a name; Port is the scheme's where the URL has
	// none.
	Host string
	Port int
	// Path is the path of a WebSocket's URL, which clients ask for in the
	// upgrade; empty for the root.
	Path string
	// Literal reports whether Host is an address.
	Literal bool
	// Name is what DNS says of the host; nil for a literal, and where DNS was
	// not asked.
	Name *Name
	// Addresses are what the host stands for, in the order of the answer.
	Addresses []Address
}

// NameVerdict is what a name resolves to.
type NameVerdict string

// Only a complete answer can say NameSingle.
const (
	// NameSingle: every answer had the same one address.
	NameSingle NameVerdict = "single"
	// NameSeveral: every answer had the same addresses in the same order.
	NameSeveral NameVerdict = "several"
	// NameRotating: the order or the choice of addresses changes.
	NameRotating NameVerdict = "rotating"
	// NameDiffers: resolvers disagree on the addresses.
	NameDiffers NameVerdict = "differs"
	// NameNoData: the name exists without an address.
	NameNoData NameVerdict = "no-data"
	// NameMissing: there is no such name (NXDOMAIN).
	NameMissing NameVerdict = "nxdomain"
	// NameFailed: a resolver failed, refused, did not answer in time or sent
	// what can't be used.
	NameFailed NameVerdict = "failed"
	// NameUnknown: DNS was not asked.
	NameUnknown NameVerdict = "unknown"
)

// Name is what DNS, or the system's resolver, says of a host.
type Name struct {
	Host     string
	Verdict  NameVerdict
	Detail   string // in a sentence, for people
	Unasked  bool   // DNS is not to be asked at all
	Complete bool   // every resolver answered for IPv4 and IPv6
	// HostsFile reports whether the addresses come from the hosts file.
	HostsFile bool
	Answers   []NameAnswer
}

// NameAnswer is what one resolver says.
type NameAnswer struct {
	Resolver  string // host:port, or "the system's resolver", "/etc/hosts"
	CNAME     []string
	Verdict   NameVerdict
	Detail    string
	Addresses []NameAddress
}

// NameAddress is an address of a name; TTL is in seconds, nil where not told.
type NameAddress struct {
	IP  netip.Addr
	TTL *int
}

// Address is what answers at one address and port.
type Address struct {
	IP      netip.Addr
	Port    int
	Contact Contact
}

// ContactOutcome is what became of connecting to an address.
type ContactOutcome string

// Only ContactServer says who is there.
const (
	// ContactServer: servers greeted, see [Contact.Greetings].
	ContactServer ContactOutcome = "server"
	// ContactRefused: nobody listens there.
	ContactRefused ContactOutcome = "refused"
	// ContactTimeout: no connection within the time; a firewall may drop it.
	ContactTimeout ContactOutcome = "timeout"
	// ContactUnroutable: this machine has no route there.
	ContactUnroutable ContactOutcome = "unroutable"
	// ContactClosed: it accepted and closed without a greeting.
	ContactClosed ContactOutcome = "closed"
	// ContactUnreadable: something answers there, but not readably as a
	// nats-server: see Detail.
	ContactUnreadable ContactOutcome = "unreadable"
	// ContactNone: it was not probed.
	ContactNone ContactOutcome = "not-probed"
)

// Contact is what was seen at an address. No credentials were sent.
type Contact struct {
	Outcome ContactOutcome
	// Detail is for people, in a clause: "TLS first, and it wants a client
	// certificate".
	Detail string
	// TLS reports whether it uses TLS. Hangs reports whether it accepts connections
	// and never sends anything, with each protocol that was tried.
	TLS, Hangs bool
	// Listener is how the greeting was got: "nats", "tls-first", "websocket"
	// or "proxy-protocol"; empty where it is not known.
	Listener string
	// Greetings are the servers that answered, in the order in which they
	// first did. More than one means that the address leads to several.
	Greetings []Greeting
	// Tries is how many connections got a greeting.
	Tries int
}

// Greeting is a server's INFO.
type Greeting struct {
	ID, Name, Cluster string
	// Host and Port are what the server says it listens on.
	Host string
	Port int
	// ClientIP is the auditor's address as the server sees it; another than
	// LocalIP means that something between them connects in its place.
	ClientIP, LocalIP netip.Addr
	// ConnectURLs is what clients are told to fail over to.
	ConnectURLs []string
	// Count is how many of the tries it answered.
	Count int
}
