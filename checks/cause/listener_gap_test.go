package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestListenerGap(t *testing.T) {
	speaks := func(groups ...checks.Group) change { return profile(func(p *checks.Profile) { p.Protocols = groups }) }
	mqtt := speaks(checks.Group{Key: "mqtt", Counts: []int{20, 0, 0}}, checks.Group{Key: "nats", Counts: []int{0, 2, 2}})
	withMQTT, withWS := func(s *checks.Server) { s.Details.MQTT = 1883 }, func(s *checks.Server) { s.Details.WebSocket = 8080 }
	half := speaks(checks.Group{Key: "mqtt", Counts: []int{10, 0, 0}}, checks.Group{Key: "websocket", Counts: []int{10, 0, 0}}, checks.Group{Key: "nats", Counts: []int{0, 2, 2}})
	judgeCause(t, ListenerGap, []row{
		{"MQTT, and no other takes it", with(mqtt, on(withMQTT, 1)), Confirmed, ListenerGap},
		{"half MQTT, half WebSocket", with(half, on(withMQTT, 1), on(withWS, 1)), Confirmed, ListenerGap},
		{"MQTT and WebSocket, each enough, and another takes MQTT", with(counts(20, 4, 4), speaks(checks.Group{Key: "mqtt", Counts: []int{9, 0, 0}},
			checks.Group{Key: "websocket", Counts: []int{9, 0, 0}}, checks.Group{Key: "nats", Counts: []int{2, 4, 4}}), on(withMQTT, 2)), Confirmed, ListenerGap},
		{"MQTT, and one does not say", with(mqtt, on(silentServer, 3)), Likely, ListenerGap},
		{"MQTT, and one is missing", with(mqtt, missing("n4")), Likely, ListenerGap},
		{"MQTT, as far as was read", with(mqtt, partProfile), Confirmed, ListenerGap},

		{"plain", nil, RuledOut, "none"},
		{"MQTT, and another takes it too", with(mqtt, on(withMQTT, 1, 2)), RuledOut, "none"},
		{"MQTT, and all take it", with(mqtt, on(withMQTT, 1, 2, 3)), RuledOut, "none"},
		{"half MQTT, half WebSocket, and another takes one of them", with(half, on(withWS, 2)), RuledOut, "none"},
		{"few MQTT", with(speaks(checks.Group{Key: "mqtt", Counts: []int{3, 0, 0}}, checks.Group{Key: "nats", Counts: []int{17, 2, 2}}), on(withMQTT, 1)), RuledOut, "none"},
		{"some MQTT, and no other takes it", with(speaks(checks.Group{Key: "mqtt", Counts: []int{8, 0, 0}}, checks.Group{Key: "nats", Counts: []int{12, 2, 2}}), on(withMQTT, 1)), RuledOut, "none"},
		{"MQTT elsewhere only", with(speaks(checks.Group{Key: "mqtt", Counts: []int{0, 2, 2}}, checks.Group{Key: "nats", Counts: []int{20, 0, 0}})), RuledOut, "none"},
		{"MQTT, and nobody says", with(mqtt, on(silentServer, 2, 3)), NotTested, "none"},
		{"plain, and not all was read", with(partProfile), NotTested, "none"},
		{"nothing was read", with(noProfile), NotTested, "none"},
		{"MQTT on this server, and most are plain", with(counts(40, 2, 2), speaks(checks.Group{Key: "mqtt", Counts: []int{10, 0, 0}}, checks.Group{Key: "nats", Counts: []int{30, 2, 2}})), RuledOut, "none"},
		{"MQTT without its port on this server, and others take it", with(mqtt, on(withMQTT, 2, 3)), RuledOut, "none"},
		{"WebSocket, and another takes it", with(speaks(checks.Group{Key: "websocket", Counts: []int{20, 0, 0}}), on(withWS, 1, 3)), RuledOut, "none"},
		{"no protocols", with(speaks()), RuledOut, "none"},
		{"protocols that are not told", with(speaks(checks.Group{Other: true, Key: "mqtt", Counts: []int{20, 2, 2}})), RuledOut, "none"},
		{"WebSocket, of which half is elsewhere", with(counts(8, 1, 1), speaks(checks.Group{Key: "websocket", Counts: []int{8, 1, 1}}), on(withWS, 1, 2, 3)), RuledOut, "none"},
	})
}
