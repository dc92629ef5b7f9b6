package checks

import (
	"slices"
	"testing"
)

func TestTakes(t *testing.T) {
	t.Parallel()
	all := &Details{MQTT: 1883, WebSocket: 8080}
	for _, r := range []struct {
		details *Details
		want    map[string]Answer
	}{
		{nil, map[string]Answer{"nats": Unknown, "mqtt": Unknown, "websocket": Unknown}},
		{&Details{}, map[string]Answer{"nats": Yes, "": Yes, "mqtt": No, "websocket": No, "mqtt over websocket": No}},
		{&Details{MQTT: 1883}, map[string]Answer{"mqtt": Yes, "websocket": No, "mqtt over websocket": No}},
		{all, map[string]Answer{"nats": Yes, "mqtt": Yes, "websocket": Yes, "mqtt over websocket": Yes}},
	} {
		s := Server{Details: r.details}
		for protocol, want := range r.want {
			if got := s.Takes(protocol); got != want {
				t.Errorf("%+v takes %q: %s, want %s", r.details, protocol, got, want)
			}
		}
	}
}

func TestUnserved(t *testing.T) {
	t.Parallel()
	speaks := func(groups ...Group) change { return profile(func(p *Profile) { p.Protocols = groups }) }
	mixed := speaks(Group{Key: "mqtt", Counts: []int{8, 0, 0}}, Group{Key: "websocket", Counts: []int{4, 1, 0}}, Group{Key: "nats", Counts: []int{8, 1, 2}})
	withMQTT, withWS := func(s *Server) { s.Details.MQTT = 1883 }, func(s *Server) { s.Details.WebSocket = 8080 }
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
			if n, what := Unserved(caseOf(r.changes...)); n != r.want || !slices.Equal(what, r.what) {
				t.Errorf("%d of %v, want %d of %v", n, what, r.want, r.what)
			}
		})
	}
}
