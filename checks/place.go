package checks

// mostPlaces bounds how many places are kept of a cluster.
const mostPlaces = 64

// place is the expected server of which nothing is known but its address, or that it should
// be there, that a missing one is or counts for; nil where there is none.
func (m *Missing) place(cluster string) *Missing {
	p := m
	if m.Fills != nil {
		p = m.Fills
	}
	if !m.Nameless() || !p.MayBeIn(cluster) || p.Kind != Configured && p.Kind != Forgotten && p.At == "" {
		return nil
	}
	return p
}

// Places are the addresses of servers that should be in a cluster and of which nothing else
// is known; empty where not even that is. A server of the cluster that reported is at none
// of them.
func Places(missing []Missing, cluster string) []string {
	var out []string
	for i := range missing {
		if p := missing[i].place(cluster); p != nil && len(out) < mostPlaces {
			out = append(out, p.At)
		}
	}
	return out
}

// Others reports of each missing server whether it is one of those that were missing by
// their [Places] while a server of the cluster that went was there: that server it is not.
// One without an address may be at any that was missing then, and one that was missing
// without an address at any of now.
func Others(missing []Missing, cluster string, lacked []string) []bool {
	out := make([]bool, len(missing))
	mark := func(is func(at string) bool) bool {
		for i := range missing {
			if p := missing[i].place(cluster); p != nil && !out[i] && is(p.At) {
				out[i] = true
				return true
			}
		}
		return false
	}
	var rest []string
	for _, at := range lacked {
		if at == "" || !mark(func(now string) bool { return now == at }) {
			rest = append(rest, at)
		}
	}
	for _, at := range rest {
		if !mark(func(now string) bool { return now == "" }) && at == "" {
			mark(func(string) bool { return true })
		}
	}
	return out
}
