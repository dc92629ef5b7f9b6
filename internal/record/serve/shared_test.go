package serve

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

// A history is read once for all who ask within half a minute. Who hangs up meanwhile
// leaves it to be read for the others, and nothing else waits for it.
func TestHistoryIsShared(t *testing.T) {
	t.Parallel()
	if Shared(t.Context(), nil) != nil {
		t.Error("a history where nothing is recorded")
	}
	reads, began, goOn := 0, make(chan struct{}), make(chan struct{})
	read := Shared(t.Context(), func(ctx context.Context) (history.History, error) {
		reads++ // one at a time
		close(began)
		select {
		case <-goOn:
			return history.History{First: time.Unix(1, 0)}, nil
		case <-ctx.Done():
			return history.History{}, ctx.Err()
		}
	})
	s := listening(t, Options{History: read})
	asking, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(asking, http.MethodGet, s.URL()+"/", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(r); err == nil {
				_ = resp.Body.Close()
			}
		}
		gone <- err
	}()
	<-began
	for _, path := range []string{"/healthz", "/metrics"} {
		if status, _, _ := get(t, s, path, nil); status != http.StatusOK {
			t.Errorf("%s while the history is read: %d", path, status)
		}
	}
	hangUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error("who hung up:", err)
	}
	if _, err := read(asking); !errors.Is(err, context.Canceled) {
		t.Error("who does not wait:", err)
	}
	close(goOn)
	for range 3 {
		if h, err := read(t.Context()); err != nil || h.First.IsZero() {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if reads != 1 {
		t.Errorf("read %d times", reads)
	}
}
