package system

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// What the configuration names is asked of every server of a cluster, so that the
// answer is not that of the first ones.
func TestWhoIsAskedWhatTheirConfigurationNames(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	var asked atomic.Int32
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: sourcetest.Long, Trace: func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); strings.HasPrefix(text, ">>> ") && strings.HasSuffix(strings.TrimSpace(text), strings.TrimPrefix(sysreq.Varz("*"), "$SYS.REQ.SERVER.*")) {
			asked.Add(1)
		}
	}})
	sourcetest.Complete(t, d, everyone(smallFleet))
	idle, told := 0, map[string]int{}
	for _, s := range d.Servers {
		if len(s.Usage) == 0 {
			idle++
		}
		if s.Links != nil && s.Cluster != "" {
			told[s.Cluster]++
			if len(s.Links.Routes) != 9 || len(s.Links.Clusters) != 3 || s.Links.Port != 6222 {
				t.Errorf("%s: %+v", s.Name, s.Links)
			}
		}
	}
	for cluster, n := range told {
		if n != smallFleet.Servers/smallFleet.Clusters {
			t.Errorf("%d of cluster %s told", n, cluster)
		}
	}
	if n := int(asked.Load()); len(told) != smallFleet.Clusters || n > 1+smallFleet.Servers {
		t.Errorf("%d were asked, %d without clients among them; %v told", n, idle, told)
	}
}
