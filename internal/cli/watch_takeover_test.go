package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Of two watches with one store, to both of which verdicts are unknown, the one that records
// stops. The other one saw that long ago, and writes it when it begins to record.
func TestWhatIsUnknownIsTakenOver(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) {
		for range 2 { // one may be that of the last server
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", closedPort(t))})
		}
	}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 20, "C1-n2": 2})
	store := startKeeper(t)
	store.write(t, "old")
	kept := &keptLines{}
	nc := sourcetest.Connect(t, store.ClientURL(), nats.UserInfo("u", "old"))
	if _, err := nc.Subscribe(history.Subjects, kept.take); err != nil {
		t.Fatal(err)
	}
	out, errs, stop := watchInto(t, l, store)
	shows(t, errs, out, "this watch records")
	before := kept.lines(t, record.Undecided)[0].writer
	out, errs, _ = watchInto(t, l, store)
	shows(t, errs, out, "this one stands by")
	shows(t, out, errs, "unknown whether 1 account leans")
	// What it saw before the first one last said that it records is taken to be written.
	waitLeases(t, nc)
	stop()
	shows(t, errs, out, "this watch records")
	if err := lab.Poll(sourcetest.Within(t), func() error {
		for _, l := range kept.lines(t, record.Undecided) {
			if l.doc.Change == record.Undecided && l.writer != before {
				return nil
			}
		}
		return errors.New("the second one wrote nothing of it")
	}); err != nil {
		t.Fatal(err)
	}
}

// watchInto starts a watch that records into the account of a keeper.
func watchInto(t *testing.T, l *lab.Lab, store *keeper, more ...string) (out, errs *watched, stop func()) {
	t.Helper()
	out, errs = &watched{}, &watched{}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	args := append([]string{"watch", "--no-context", "--server", l.SystemURL(), "--store", store.context, "--for", "0s", "--timeout", generous.String()}, more...)
	go func() {
		ended <- runHere(ctx, out, errs, args...)
		close(ended)
	}()
	stop = func() { interrupt(); <-ended }
	t.Cleanup(stop)
	return out, errs, stop
}

// waitLeases waits until the watch that records has said so often enough for what it saw
// before to be taken for written.
func waitLeases(t *testing.T, nc *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := js.KeyValue(sourcetest.Within(t), history.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	leases, last := 0, uint64(0)
	if err := lab.Poll(sourcetest.Within(t), func() error {
		said, err := bucket.Get(sourcetest.Within(t), "leader")
		if err != nil {
			return err
		}
		if said.Revision() != last {
			leases, last = leases+1, said.Revision()
		}
		if leases < 5 {
			return fmt.Errorf("%d leases", leases)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
