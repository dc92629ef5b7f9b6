package system

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// That all of the time was over is said in words, with what to pass.
func TestTimeIsOverWhileReading(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	over, end := context.WithTimeout(sourcetest.Within(t), sourcetest.Brief()/5)
	defer end()
	s := New(sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: sourcetest.Long, Progress: func(p source.Progress) {
		if p.Reported == 1 {
			<-over.Done()
		}
	}})
	d, err := s.Deployment(over)
	if err == nil || strings.Contains(err.Error(), "context deadline exceeded") || !strings.Contains(err.Error(), "pass a longer --timeout") {
		t.Errorf("%v, %v", d, err)
	}
}
