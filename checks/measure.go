package checks

// Measure is what a check of one shape counts: more than a multiple of the
// average of a cluster's servers is a finding, see [CheckHotspots].
type Measure struct {
	Check Check
	// Command is the name of the check among the audits.
	Command string
	// Unit is what is counted, such as "client connection", and Noun is its last
	// word, which the names of fields, flags and metrics are made of. Both take
	// an s for more than one.
	Unit, Noun string
	// Of is how many an account has on a server.
	Of func(Usage) int
	// Clients: it counts client connections. What servers say of a limit bounds
	// these, empty servers are findings, and accounts may be concentrated.
	Clients bool
}

// ClientConnections is the measure of check OPT_BALANCE_002.
func ClientConnections() Measure {
	return Measure{
		Check: hotspotCheck(), Command: "hotspot", Unit: "client connection", Noun: "connection",
		Of: func(u Usage) int { return int(u.Connections) }, Clients: true,
	}
}

// Measures lists what is checked by that rule. A new measure adds its line here.
func Measures() []Measure {
	return []Measure{
		ClientConnections(),
	}
}

// bounded returns the deployment with the bounds of missing servers that hold for
// the measure: a limit of client connections bounds nothing else. One that is down
// has nothing.
func (m Measure) bounded(d *Deployment) *Deployment {
	if m.Clients {
		return d
	}
	out := *d
	out.Missing = nil
	for _, s := range d.Missing {
		if s.Kind != Down {
			s.Bound = nil
		}
		out.Missing = append(out.Missing, s)
	}
	return &out
}
