package cause

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestUnserved(t *testing.T) {
	t.Parallel()
	speaks := func(groups ...checks.Group) change { return profile(func(p *checks.Profile) { p.Protocols = groups }) }
	mixed := speaks(checks.Group{Key: "mqtt", Counts: []int{8, 0, 0}}, checks.Group{Key: "websocket", Counts: []int{4, 1, 0}}, checks.Group{Key: "nats", Counts: []int{8, 1, 2}})
	withMQTT, withWS := func(s *checks.Server) { s.Details.MQTT = 1883 }, func(s *checks.Server) { s.Details.WebSocket = 8080 }
	for _, r := range []struct {
		name    string
		changes []change
		want    int
		what    []string
	}{
		{"plain", nil, 0, nil},
		{"MQTT and WebSocket", with(mixed), 12, []string{"MQTT", "WebSocket"}},
		{"MQTT, as others take WebSocket", with(mixed, on(withWS, 2)), 8, []string{"MQTT"}},
		{"all are taken", with(mixed, on(withWS, 2), on(withMQTT, 3)), 0, nil},
		{"one does not say", with(mixed, on(silentServer, 3)), 0, nil},
		{"one is missing", with(mixed, missing("n4")), 0, nil},
		{"not read", with(mixed, noProfile), 0, nil},
		{"more came since", with(counts(6, 0, 0), mixed), 6, []string{"MQTT", "WebSocket"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			u := Diagnose(caseOf(r.changes...)).Unserved
			if n, what := u.Connections, u.Protocols; n != r.want || !slices.Equal(what, r.what) {
				t.Errorf("%d of %v, want %d of %v", n, what, r.want, r.what)
			}
		})
	}
}
