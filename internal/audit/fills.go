package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// fill notes for each server that is only counted which expected server it may be, which
// does not count as missing too. Peers go on counting the former process of a server that
// was killed and is back for minutes: whoever knows that it is only that process knows that
// the expected server is still missing.
func (e Expected) fill(ctx context.Context, d *checks.Deployment) {
	without := withoutCounted(d)
	if len(without.Missing) == len(d.Missing) || e.namesAll(d) {
		return
	}
	places := e.placesIn(ctx, without)
	if len(places) == 0 {
		return
	}
	left := len(e.placesIn(ctx, d))
	for i := range d.Missing {
		m := &d.Missing[i]
		if !isCounted(m) || left >= len(places) {
			continue
		}
		at := slices.IndexFunc(places, func(p checks.Missing) bool { return !p.ClusterKnown || m.MayBeIn(p.Cluster) })
		if at < 0 {
			continue
		}
		place := places[at]
		if left > 0 { // which of them is missing besides nobody knows
			place.Name, place.At, place.Host = "", "", ""
		}
		m.Fills = &place
		places = slices.Delete(places, at, at+1)
	}
}

// placesIn are the servers that are missing besides those that are known, by the
// configuration of those that answered and by the number that is expected.
func (e Expected) placesIn(ctx context.Context, d *checks.Deployment) []checks.Missing {
	if e.mostMore(d) <= 0 {
		return nil
	}
	out := e.lackingBy(ctx, d)
	for n := len(d.Servers) + len(d.Missing) + len(out); n < e.Count; n++ {
		out = append(out, checks.Missing{Kind: checks.Forgotten, Reason: e.fewer(n, "")})
	}
	return out
}

// fewer is why one more server is missing where so many are known, which may be one of the
// candidates.
func (e Expected) fewer(known int, candidates string) string {
	return fmt.Sprintf("%s expected, but those that answered know of %s only%s", words.Plural(e.Count, "server")+" "+is(e.Count), words.Count(known), candidates)
}

// withoutCounted is a model without the servers of which nothing is known but that others
// count them.
func withoutCounted(d *checks.Deployment) *checks.Deployment {
	out := *d
	out.Missing = slices.DeleteFunc(slices.Clone(d.Missing), func(m checks.Missing) bool { return isCounted(&m) })
	return &out
}

func isCounted(m *checks.Missing) bool { return m.Kind == checks.Counted && m.Nameless() }
