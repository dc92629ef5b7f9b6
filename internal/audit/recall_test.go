package audit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// What a recorder saw go is told of the server that is missing as that: by its name,
// or because no other one can be meant.
func TestServersThatARecorderSawGo(t *testing.T) {
	t.Parallel()
	gone := func(name, cluster string) checks.RecordedGone {
		return checks.RecordedGone{Server: checks.ServerRef{Name: name}, Cluster: cluster}
	}
	named := checks.Missing{Name: "n3", Cluster: "C1", ClusterKnown: true}
	counted := checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}
	for _, c := range []struct {
		name    string
		missing []checks.Missing
		gone    []checks.RecordedGone
		want    []string // who each missing server is, where it was seen to go
	}{
		{"by name", []checks.Missing{named}, []checks.RecordedGone{gone("n4", "C1"), gone("n3", "C1")}, []string{"n3"}},
		{"of another cluster", []checks.Missing{named}, []checks.RecordedGone{gone("n3", "C2")}, []string{""}},
		{"without a name", []checks.Missing{counted}, []checks.RecordedGone{gone("n3", "C1")}, []string{"n3"}},
		{"without a name, two went", []checks.Missing{counted}, []checks.RecordedGone{gone("n3", "C1"), gone("n4", "C1")}, []string{""}},
		{"two without a name, one went", []checks.Missing{counted, counted}, []checks.RecordedGone{gone("n3", "C1")}, []string{"", ""}},
		{"without a name, it reported", []checks.Missing{counted}, []checks.RecordedGone{gone("n1", "C1")}, []string{""}},
		{"without a name, of an unknown cluster", []checks.Missing{{Kind: checks.Counted}}, []checks.RecordedGone{gone("n3", "C1")}, []string{""}},
		{"the other one has the name", []checks.Missing{named, counted}, []checks.RecordedGone{gone("n3", "C1"), gone("n4", "C1")}, []string{"n3", "n4"}},
		{"nothing was recorded", []checks.Missing{named, counted}, nil, []string{"", ""}},
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: c.missing}
		recalled(d, c.gone)
		for i, want := range c.want {
			got := ""
			if m := d.Missing[i]; m.Gone != nil {
				got = m.Gone.Server.Name
			}
			if got != want {
				t.Errorf("%s: missing server %d is %q, want %q", c.name, i, got, want)
			}
		}
	}
}

// Those that a recorder found silent are the ones that others still count without a
// name, or of whose cluster only that is known that nobody answered: each counts once.
func TestServersFoundSilentThatAreCountedAreMissingOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	gone := func(ago time.Duration, names ...string) (out []checks.RecordedGone) {
		for _, name := range names {
			out = append(out, checks.RecordedGone{Server: checks.ServerRef{Name: name}, Cluster: "C2", At: now.Add(-ago), Kind: checks.Silent})
		}
		return out
	}
	counted := checks.Missing{Kind: checks.Counted}
	url := checks.Missing{Host: "10.0.0.9", Kind: checks.Unreachable, Reason: "http://10.0.0.9:8222: connection refused"}
	nobody := checks.Missing{Cluster: "C2", ClusterKnown: true, Kind: checks.Configured}
	for _, c := range []struct {
		name    string
		missing []checks.Missing
		silent  []string
		gone    []checks.RecordedGone
		want    int
	}{
		{"all of a cluster", []checks.Missing{counted, counted, counted}, []string{"C2"}, gone(time.Minute, "m1", "m2", "m3"), 3},
		{"one more is counted", []checks.Missing{counted, counted, counted}, []string{"C2"}, gone(time.Minute, "m1", "m2"), 3},
		{"nobody counts them any more", []checks.Missing{nobody}, nil, gone(time.Hour, "m1", "m2", "m3"), 3},
		{"another one is counted", []checks.Missing{counted}, nil, gone(time.Hour, "m1"), 2},
		{"their URLs refuse", []checks.Missing{url, url, url}, []string{"C2"}, gone(time.Hour, "m1", "m2", "m3"), 3},
		{"one URL more", []checks.Missing{url, url, url}, nil, gone(time.Hour, "m1", "m2"), 3},
		{"one name more", []checks.Missing{url, url}, nil, gone(time.Hour, "m1", "m2", "m3"), 3},
	} {
		d := &checks.Deployment{Gateways: true, Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: c.missing, Silent: c.silent, Expected: 1 + len(c.missing)}
		run := Run{Deployment: d, Request: Request{Gone: func(context.Context, *checks.Deployment) ([]checks.RecordedGone, []string) { return c.gone, nil }}}
		run.recall(t.Context())
		if d.Absent() != c.want || d.Expected != 1+c.want {
			t.Errorf("%s: %d are missing of %d, want %d: %+v", c.name, d.Absent(), d.Expected, c.want, d.Missing)
		}
	}
}

// One that a recorder found silent is missing though nobody knows it any more, for a
// day, or until somebody says how many servers there are.
func TestServersThatARecorderFoundSilent(t *testing.T) {
	t.Parallel()
	now := time.Now()
	gone := func(kind checks.MissingKind, ago time.Duration) checks.RecordedGone {
		return checks.RecordedGone{Server: checks.ServerRef{ID: "N3", Name: "n3"}, Cluster: "C1", At: now.Add(-ago), Kind: kind}
	}
	for _, c := range []struct {
		name     string
		gone     checks.RecordedGone
		expected Expected
		missing  int
	}{
		{"silent", gone(checks.Silent, time.Hour), Expected{}, 1},
		{"it shut down", gone(checks.Down, time.Hour), Expected{}, 0},
		{"it drained", gone(checks.Draining, time.Hour), Expected{}, 0},
		{"for two days", gone(checks.Silent, 48*time.Hour), Expected{}, 0},
		{"there are no more", gone(checks.Silent, time.Hour), Expected{Count: 1}, 0},
		{"there is one more", gone(checks.Silent, time.Hour), Expected{Count: 2}, 1},
		{"the names of all", gone(checks.Silent, time.Hour), Expected{Names: []string{"n1"}}, 0},
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Expected: 1}
		run := Run{Deployment: d, Request: Request{Expected: c.expected, Gone: func(context.Context, *checks.Deployment) ([]checks.RecordedGone, []string) {
			return []checks.RecordedGone{c.gone}, nil
		}}}
		run.recall(t.Context())
		if len(d.Missing) != c.missing || d.Expected != 1+c.missing {
			t.Errorf("%s: %+v", c.name, d.Missing)
		}
	}
}

// That nobody knows of a server that a recorder found silent is said only where nobody
// counts one of its cluster that has no name.
func TestNobodyKnowsOfASilentServer(t *testing.T) {
	t.Parallel()
	for _, counted := range []bool{false, true} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Expected: 2}
		if counted {
			d.Missing = []checks.Missing{{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}, {Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}}
		}
		run := Run{Deployment: d, Request: Request{Gone: func(context.Context, *checks.Deployment) ([]checks.RecordedGone, []string) {
			return []checks.RecordedGone{{Server: checks.ServerRef{ID: "N3", Name: "n3"}, Cluster: "C1", At: time.Now().Add(-time.Hour), Kind: checks.Silent}}, nil
		}}}
		run.recall(t.Context())
		at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == "n3" })
		if at < 0 || strings.Contains(d.Missing[at].Reason, "no server that answered knows of it") == counted {
			t.Errorf("counted is %t: %+v", counted, d.Missing)
		}
	}
}

// One that watch knew by the address that routes are configured to is the one that is missing
// by the configuration today, or nobody: it is not missing besides.
func TestServerThatARecorderKnewByItsAddress(t *testing.T) {
	t.Parallel()
	ports := []string{"127.0.0.1:6001", "127.0.0.1:6002", "127.0.0.1:6003"}
	process := func(s checks.Server) checks.ServerProcess {
		return checks.ServerProcess{ServerRef: s.Ref(), Cluster: s.Cluster}
	}
	for _, c := range []struct {
		name    string
		running int
		routes  []string
		missing []checks.Missing
		id      string
		want    int
	}{
		{"it is missing", 2, ports, nil, "", 1},
		{"it is missing, and so is one that is counted", 1, ports, []checks.Missing{{Kind: checks.Counted, Cluster: "C1", ClusterKnown: true}}, "", 2},
		{"it has come", 3, ports, nil, "", 0},
		{"it is a server of that name", 3, ports, nil, "N9", 1},
		{"nobody has that route any more", 2, ports[:2], nil, "", 1},
		{"nobody says what is configured", 2, []string{}, nil, "", 1},
	} {
		d := &checks.Deployment{Missing: slices.Clone(c.missing)}
		for i := range c.running {
			d.Servers = append(d.Servers, listening(i+1, "127.0.0.1", 6001+i, c.routes))
		}
		past := checks.RecordedPast{Identity: checks.Identity{Servers: []checks.ServerProcess{process(d.Servers[0])}},
			Gone: []checks.RecordedGone{{Server: checks.ServerRef{ID: c.id, Name: ports[2]}, Cluster: "C1", At: time.Now(), Kind: checks.Silent}}}
		run := Run{Deployment: d, Request: Request{Gone: func(_ context.Context, d *checks.Deployment) ([]checks.RecordedGone, []string) {
			gone, _ := past.Of(d)
			return gone, nil
		}}}
		Expected{}.Add(t.Context(), d)
		run.recall(t.Context())
		if d.Absent() != c.want || d.Expected != c.running+c.want {
			t.Errorf("%s: %d of %d are missing, want %d: %+v", c.name, d.Absent(), d.Expected, c.want, d.Missing)
		}
	}
}

// n5 went while the address of a server that never came was missing: it is not the server at
// that address. Where others count n5, which hides that one, both are missing.
func TestServerThatWentIsNotOneThatWasMissingThen(t *testing.T) {
	t.Parallel()
	ports := []string{"127.0.0.1:6001", "127.0.0.1:6002", "127.0.0.1:6003", "127.0.0.1:6009"}
	counted := []checks.Missing{{Kind: checks.Counted, Cluster: "C1", ClusterKnown: true}}
	for _, c := range []struct {
		name    string
		kind    checks.MissingKind
		missing []checks.Missing
		lacked  []string
		want    []string // who is missing
	}{
		{"it shut down", checks.Down, nil, ports[3:], ports[3:]},
		{"it shut down, and nothing was missing then", checks.Down, nil, nil, []string{"n5"}},
		{"others count it", checks.Silent, counted, ports[3:], []string{ports[3], "n5"}},
		{"others count it, and nothing was missing then", checks.Silent, counted, nil, []string{"n5"}},
		{"others forgot it", checks.Silent, nil, ports[3:], []string{ports[3], "n5"}},
		{"the number alone was known", checks.Down, nil, []string{""}, ports[3:]},
	} {
		d := &checks.Deployment{Missing: slices.Clone(c.missing), Expected: 3 + len(c.missing)}
		for i := range 3 {
			d.Servers = append(d.Servers, listening(i+1, "127.0.0.1", 6001+i, ports))
		}
		run := Run{Deployment: d, Request: Request{Gone: func(context.Context, *checks.Deployment) ([]checks.RecordedGone, []string) {
			return []checks.RecordedGone{{Server: checks.ServerRef{ID: "N5", Name: "n5"}, Cluster: "C1", At: time.Now(), Kind: c.kind, Lacked: c.lacked}}, nil
		}}}
		Expected{}.Add(t.Context(), d)
		run.recall(t.Context())
		var names []string
		for _, m := range d.Missing {
			names = append(names, m.Name)
			if (m.Gone != nil) != (m.Name == "n5") {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, c.want) || d.Expected != 3+len(c.want) || d.Absent() != len(c.want) {
			t.Errorf("%s: %q of %d are missing, want %q", c.name, names, d.Expected, c.want)
		}
	}
}
