package audit

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// joins is how long it takes servers that have started to say which of their routes are
// those that they are configured to: of two that dialled each other, one of the routes
// goes, and whoever had dialled it tries again a second later.
const joins = 2500 * time.Millisecond

// joinsIn is how long to wait until the youngest server of those clusters has joined that
// seem to lack servers by the routes alone; 0 where there are none, or none is so young.
func joinsIn(d *checks.Deployment, now time.Time) time.Duration {
	wait := time.Duration(0)
	for _, c := range routedClusters(d) {
		if c.unjoined == 0 || c.unnamed() >= c.unjoined {
			continue
		}
		for i := range d.Servers {
			if s := &d.Servers[i]; s.Cluster == c.name {
				if age := now.Sub(s.Start); age > -joins && age < joins {
					wait = max(wait, joins-max(0, age))
				}
			}
		}
	}
	return wait
}
