package live

import (
	"runtime"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A process that is stopped for a while and goes on answers again, and was not started.
func TestServerThatHangs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("processes can't be paused")
	}
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	f := follow(t, func() string { return c.Processes()[0].URL(lab.SystemAccount) }, record.Settings{Reconcile: time.Second})
	f.kind(record.Watching)
	third := c.Processes()[2]
	if err := third.Pause(); err != nil {
		t.Fatal(err)
	}
	f.kind(record.Silent)
	if err := third.Resume(); err != nil {
		t.Fatal(err)
	}
	if back := f.wait("it is there again", func(c record.Change) bool { return c.Server.Name == third.Name() }); back.Kind != record.Answering {
		t.Errorf("%+v", back)
	}
}
