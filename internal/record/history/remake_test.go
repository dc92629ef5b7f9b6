package history

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Somebody deletes the stream or the bucket of two recorders. One makes it again, what
// waits is written once, and one of the two leads.
func TestDeletedStoreIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, stream string }{{"stream", StreamName}, {"bucket", "KV_" + BucketName}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
			if err != nil {
				t.Fatal(err)
			}
			srv.Start()
			t.Cleanup(srv.Shutdown)
			if !srv.ReadyForConnections(10 * time.Second) {
				t.Fatal("it did not start")
			}
			running, stop := context.WithCancel(sourcetest.Within(t))
			var all [2]*Store
			made := make(chan int, 10)
			ended := make(chan struct{}, 2)
			for i := range all {
				nc, err := nats.Connect(srv.ClientURL())
				if err != nil {
					t.Fatal(err)
				}
				s, err := Use(sourcetest.Within(t), nc, limits())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.Close)
				all[i] = s
				s.Made = func() { made <- i }
				go func() { s.Run(running, func(bool) {}); ended <- struct{}{} }()
			}
			t.Cleanup(func() {
				stop()
				<-ended
				<-ended
			})
			within, cancel := context.WithTimeout(sourcetest.Within(t), time.Minute)
			defer cancel()
			poll := func(f func() error) {
				t.Helper()
				if err := lab.Poll(within, f); err != nil {
					t.Fatal(err)
				}
			}
			leads := func() error {
				if a, b := all[0].State(), all[1].State(); a.Leads == b.Leads || a.Err != nil || b.Err != nil {
					return fmt.Errorf("%+v, %+v", a, b)
				}
				return nil
			}
			poll(leads)
			if err := all[0].js.DeleteStream(sourcetest.Within(t), c.stream); err != nil {
				t.Fatal(err)
			}
			lean := leaning()[5]
			for i := range 3 {
				lean.Time = time.Now().Add(time.Duration(i) * time.Millisecond)
				for _, s := range all {
					s.Add([]record.Change{lean})
				}
			}
			poll(func() error {
				docs, _, err := all[0].Documents(sourcetest.Within(t), Query{})
				if err == nil && len(docs) != 3 {
					err = fmt.Errorf("%d documents", len(docs))
				}
				if _, gone := all[0].js.Stream(sourcetest.Within(t), c.stream); err == nil && gone != nil {
					err = gone
				}
				return errors.Join(err, leads())
			})
			if n := len(made); (n == 1) != (c.stream == StreamName) {
				t.Errorf("the stream was made %d times", n)
			}
		})
	}
}
