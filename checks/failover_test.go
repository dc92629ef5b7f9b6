package checks

import "testing"

func TestFailOver(t *testing.T) {
	t.Parallel()
	room := func(s *scene) {
		s.Finding.Impact = Impact{ConnectionsLost: s.Finding.OnServer, CanFailOver: Unknown, Stranded: new(int)}
	}
	norm := func(s *scene) { s.Finding.Impact = Impact{ConnectionsLost: s.Finding.OnServer, CanFailOver: Unknown} }
	noRoom := func(s *scene) {
		stranded := 7
		s.Finding.Impact = Impact{CanFailOver: No, Stranded: &stranded}
	}
	mute := on(func(s *Server) { s.Details.ConnectURLs = nil }, 1)
	for _, r := range []struct {
		name     string
		changes  []change
		want     Answer
		stranded int // -1: not known
		priority Priority
	}{
		{"nothing is known of the clients", with(room), Unknown, 0, Low},
		{"the clients know all servers, and there is room", with(room, list(urlsOf(1, 2, 3)...)), Yes, 0, Low},
		{"the clients know all servers, and room is not known", with(norm, list(urlsOf(1, 2, 3)...)), Unknown, -1, Low},
		{"the clients know all servers, and one is missing", with(room, list(urlsOf(1, 2, 3)...), missing("n4")), Unknown, 0, Low},
		{"the clients know all servers, but those were not probed", with(room, list(urlsOf(1, 2)...), without("10.0.0.2:4222", ContactNone)), Unknown, 0, Low},
		{"the clients know all servers by the hosts file of the auditor", with(room, list("nats://nats.example:4222"),
			dns("nats.example", NameSeveral, "10.0.0.1", "10.0.0.2"), hosts("nats.example")), Unknown, 0, Low},
		{"anyone's list has all servers", with(room, anyones(urlsOf(1, 2, 3)...)), Unknown, 0, Low},
		{"one URL, but the server tells of others", with(room, list(urlsOf(1)...)), Unknown, 0, Low},
		{"one URL, and the server tells of nobody", with(room, list(urlsOf(1)...), mute), No, 20, Low},
		{"anyone's list has one URL, and the server tells of nobody", with(room, anyones(urlsOf(1)...), mute), Unknown, 0, Low},
		{"a sticky balancer, and the server tells of nobody", with(room, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1), mute), Unknown, 0, Low},
		{"one URL and one that did not answer, and the server tells of nobody", with(room, list(urlsOf(1)[0], "nats://10.0.0.8:4222"),
			without("10.0.0.8:4222", ContactTimeout), mute), Unknown, 0, Low},
		{"no room", with(noRoom, list(urlsOf(1, 2, 3)...)), No, 7, Low},
		{"the account is missing on the others", with(room, list(urlsOf(1, 2, 3)...), on(noUse, 2, 3), denied("N2", "N3")), No, 20, Low},
		{"one other does not know the account", with(room, on(noUse, 2, 3), denied("N2")), Unknown, 0, Low},
		{"8 of MQTT, which only this server takes, and all know all servers", with(room, list(urlsOf(1, 2, 3)...), profile(func(p *Profile) {
			p.Protocols = []Group{{Key: "mqtt", Counts: []int{8, 0, 0}}, {Key: "nats", Counts: []int{12, 2, 2}}}
		})), No, 8, Low},
		{"8 of MQTT, and one does not say whether it takes it", with(room, profile(func(p *Profile) {
			p.Protocols = []Group{{Key: "mqtt", Counts: []int{8, 0, 0}}, {Key: "nats", Counts: []int{12, 2, 2}}}
		}), on(silentServer, 3)), Unknown, 0, Low},
		{"MQTT, which only this server takes", with(room, profile(func(p *Profile) { p.Protocols[0].Key = "mqtt" })), No, 20, Low},
		{"many have nowhere to go", with(counts(60, 2, 2), room, list(urlsOf(1)...), mute), No, 60, High},
		{"many can move", with(counts(60, 2, 2), room, list(urlsOf(1, 2)...)), Yes, 0, Normal},
	} {
		c := caseOf(r.changes...)
		before := c.Finding.Impact
		impact, priority := FailOver(c, Diagnose(c))
		stranded := -1
		if impact.Stranded != nil {
			stranded = *impact.Stranded
		}
		if impact.CanFailOver != r.want || stranded != r.stranded || priority != r.priority {
			t.Errorf("%s: it can fail over: %s, %d stranded, priority %s; want %s, %d, %s",
				r.name, impact.CanFailOver, stranded, priority, r.want, r.stranded, r.priority)
		}
		if c.Finding.Impact.CanFailOver != before.CanFailOver || c.Finding.Impact.Stranded != before.Stranded {
			t.Errorf("%s: the finding was changed", r.name)
		}
	}
	if impact, _ := FailOver(caseOf(room), nil); impact.CanFailOver != Unknown {
		t.Errorf("without causes it is %s", impact.CanFailOver)
	}
}
