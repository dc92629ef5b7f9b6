package checks

import "testing"

func TestTakes(t *testing.T) {
	t.Parallel()
	all := &Details{MQTT: 1883, WebSocket: 8080}
	for _, r := range []struct {
		details *Details
		want    map[string]Answer
	}{
		{nil, map[string]Answer{"nats": Unknown, "mqtt": Unknown, "websocket": Unknown}},
		{&Details{}, map[string]Answer{"nats": Yes, "": Yes, "mqtt": No, "websocket": No}},
		{&Details{MQTT: 1883}, map[string]Answer{"mqtt": Yes, "websocket": No}},
		{&Details{WebSocket: 8080}, map[string]Answer{"nats": Yes, "mqtt": No, "websocket": Yes}},
		{all, map[string]Answer{"nats": Yes, "mqtt": Yes, "websocket": Yes}},
	} {
		s := Server{Details: r.details}
		for protocol, want := range r.want {
			if got := s.Takes(protocol); got != want {
				t.Errorf("%+v takes %q: %s, want %s", r.details, protocol, got, want)
			}
		}
	}
}
