package history

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// The password of a store is changed, and the recorder learns of it only later: it
// opens the store again and again until it may, and writes what waited.
func TestStoreTakesNewCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := func(port int, password string) *server.Options {
		return &server.Options{Host: "127.0.0.1", Port: port, Username: "u", Password: password, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true}
	}
	srv, err := server.NewServer(options(server.RANDOM_PORT, "old"))
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	password := make(chan string, 1) // what the recorder would read
	password <- "old"
	open := func(ctx context.Context) (*Store, error) {
		now := <-password
		password <- now
		nc, err := nats.Connect(srv.ClientURL(), nats.UserInfo("u", now), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
		if err != nil {
			return nil, err
		}
		return Use(ctx, nc, limits())
	}
	s, err := open(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	s.Again = open
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	all := leaning()
	s.Add(all[:3])
	waitWritten(t, s)
	if err := srv.ReloadOptions(options(srv.Addr().(*net.TCPAddr).Port, "new")); err != nil {
		t.Fatal(err)
	}
	s.Add(all[3:])
	err = lab.Poll(sourcetest.Within(t), func() error {
		if !errors.Is(s.State().Err, nats.ErrAuthorization) {
			return errors.New("it is not told that the credentials are refused")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err, s.State())
	}
	<-password
	password <- "new"
	waitWritten(t, s)
	docs, _, err := s.Documents(sourcetest.Within(t), Query{})
	if err != nil || len(docs) != len(all) {
		t.Errorf("%d documents, want %d, %v", len(docs), len(all), err)
	}
	// Of one account the store hands over its own, with what happened to servers.
	for id, want := range map[string]int{"ORDERS": len(all), "BILLING": 5, "*": 5} {
		if docs, _, err := s.Documents(sourcetest.Within(t), Query{ID: id}); err != nil || len(docs) != want {
			t.Errorf("%s: %d documents, want %d, %v", id, len(docs), want, err)
		}
	}
	stop()
	<-done
}
