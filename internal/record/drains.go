package record

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// seenToDrain says of servers that do not answer, and that said that they drain, that they
// do: by what others tell of them they may hang or have another system account.
func (w *Watch) seenToDrain(missing []checks.Missing) {
	for i := range missing {
		m := &missing[i]
		if m.Kind != checks.Silent && m.Kind != checks.OtherSystem || m.Nameless() {
			continue
		}
		same := func(s checks.ServerRef, cluster string) bool {
			return m.ID != "" && m.ID == s.ID || m.ID == "" && m.Name == s.Name && m.Cluster == cluster
		}
		if slices.ContainsFunc(w.m.servers, func(s server) bool { return s.ID != "" && s.draining && same(s.ServerRef, s.cluster) }) ||
			slices.ContainsFunc(w.missing, func(o checks.Missing) bool { return o.Kind == checks.Draining && same(o.Ref(), o.Cluster) }) {
			m.Kind, m.Reason = checks.Draining, "it said that it drains, and answers nothing more"
		}
	}
}
