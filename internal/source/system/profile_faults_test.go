package system

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/words"
)

func TestProfileOfServersThatGoWrong(t *testing.T) {
	t.Parallel()
	const all = 4800 // more than a page on each server
	f := startFleet(t, fleet.Size{Servers: 4, Clusters: 1, Accounts: 1, Connections: all, Seed: 6, Lines: 4})
	nc, truth := sourcetest.Connect(t, f.URL()), f.Truth()
	of, _ := suspectsOf(f, truth.Clusters[0])
	for _, c := range []struct {
		how   fleet.Garble // silent where it is none
		note  string
		large bool
	}{
		{fleet.GarbleNone, "did not answer in time", false},
		{fleet.GarbleNotJSON, "malformed", false},
		{fleet.GarbleTruncatedJSON, "cut short", false},
		{fleet.GarbleTruncatedSnappy, "malformed", false},
		{fleet.GarbleUnknownEncoding, "encoding", false},
		{fleet.GarbleError, "error 400", false},
		{fleet.GarbleEmpty, "cut short", false},
		{fleet.GarbleGiant, "larger than 1 MiB", true},
		{fleet.GarbleBomb, "larger than 1 MiB", true},
	} {
		if c.large && sourcetest.RaceDetector {
			continue // it takes long, and others wait for the processor
		}
		for _, concentrated := range []bool{false, true} {
			if concentrated && sourcetest.RaceDetector {
				continue // as above
			}
			f.ClearFaults()
			i := slices.IndexFunc(truth.Servers, func(s fleet.Server) bool { return (s.ID == of[0].Server) == concentrated })
			if c.how == fleet.GarbleNone {
				f.Silence(i, fleet.Connz)
			} else {
				f.Garble(i, fleet.Connz, c.how)
			}
			wait := sourcetest.Long
			if c.how == fleet.GarbleNone {
				wait /= 2 // of which a part is waited for
			}
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			got, err := readProfiles(ctx, nc, modelOf(f), of)
			left := ctx.Err()
			cancel()
			if err != nil || left != nil {
				t.Fatalf("%s: %v, %v", c.note, err, left)
			}
			p := got[0].Profile
			// Of a reply that is cut short, what comes before counts.
			others := all - truth.Servers[i].Accounts[0].Connections
			if read := sourcetest.Sum(p.Read); p.Whole || read < others || read >= all || !strings.HasPrefix(p.Note, fmt.Sprintf("%s of %s connections were read: %s ", words.Count(read), words.Count(all), truth.Servers[i].Name)) ||
				!strings.Contains(p.Note, c.note) || (got[0].Subscriptions == nil) != concentrated {
				t.Errorf("%s: read %v, whole %v, subscriptions %v, note %q", c.note, p.Read, p.Whole, got[0].Subscriptions, p.Note)
			}
		}
	}
}

func TestProfilesWhenTheTimeIsOver(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := fleetModel(t, f)
	cluster := f.Truth().Clusters[1]
	of, _ := suspectsOf(f, cluster)
	for i, s := range f.Truth().Servers {
		if s.Cluster == cluster && i%2 == 1 {
			f.Silence(i, fleet.Connz)
		}
	}
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), sourcetest.Patient())
	defer cancel()
	got, err := readProfiles(ctx, nc, d, of)
	if err != nil || len(got) != len(of) {
		t.Fatal(len(got), err)
	}
	read := 0
	for i, r := range got {
		read += sourcetest.Sum(r.Profile.Read)
		if r.Profile.Whole != (r.Profile.Note == "") {
			t.Errorf("%+v: whole %v, note %q", of[i], r.Profile.Whole, r.Profile.Note)
		}
	}
	if first := got[0].Profile; sourcetest.Sum(first.Read) == 0 || first.Whole || !strings.Contains(first.Note, "did not answer in time") || !strings.Contains(first.Note, "more") {
		t.Errorf("read %v, note %q", first.Read, first.Note)
	}
	if read < 100 {
		t.Errorf("%d connections were read; five silent servers kept the others from being read", read)
	}
	over, cancel := context.WithTimeout(sourcetest.Within(t), time.Nanosecond)
	defer cancel()
	<-over.Done()
	got, err = readProfiles(over, nc, d, of)
	if err != nil || sourcetest.Sum(got[0].Profile.Read) != 0 || !strings.Contains(got[0].Profile.Note, "was not asked in time") {
		t.Errorf("%v, %+v", err, got[0].Profile)
	}
}

func TestProfilesThatCanNotBeHad(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := fleetModel(t, f)
	cluster := f.Truth().Clusters[1]
	of, _ := suspectsOf(f, cluster)
	f.Silence(faulty, fleet.Connz)
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	done := make(chan error, 1)
	go func() {
		_, err := readProfiles(ctx, nc, d, of)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := readProfiles(sourcetest.Within(t), nc, d, []source.Suspect{{Account: of[0].Account, Server: of[0].Server, Cluster: "NOWHERE"}}); err == nil || !strings.Contains(err.Error(), "is not in cluster") {
		t.Error(err)
	}
	// An account without connections has been read.
	got, err := readProfiles(sourcetest.Within(t), nc, d, []source.Suspect{{Account: "NOBODY", Server: of[0].Server, Cluster: cluster}})
	if err != nil || !got[0].Profile.Whole || len(got[0].Profile.Servers) != 10 || *got[0].Subscriptions != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	d.Missing = []checks.Missing{{Name: "gone", Cluster: cluster, ClusterKnown: true}}
	got, err = readProfiles(sourcetest.Within(t), nc, d, []source.Suspect{{Account: "NOBODY", Server: of[0].Server, Cluster: cluster}})
	if err != nil || got[0].Profile.Whole || !strings.Contains(got[0].Profile.Note, "of 1 more servers") {
		t.Errorf("%+v, %v", got[0].Profile, err)
	}
	nc.Close()
	if _, err := readProfiles(sourcetest.Within(t), nc, d, of); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}

func TestForbiddenProfilesEndAtOnce(t *testing.T) {
	t.Parallel()
	topology := limited(deny([]string{"$SYS.REQ.SERVER.*.CONNZ", "$SYS.REQ.ACCOUNT.*.INFO"}, nil))
	topology.Accounts = []string{"APP"}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3})
	d := auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
	started := time.Now()
	told := make(chan error, 10)
	nc := sourcetest.Connect(t, limitedURL(l.Server("C1-n1")), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
	s := source.Suspect{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}
	got, accounts, err := examine(sourcetest.Within(t), nc, d, []source.Suspect{s})
	if err != nil || got[0].Profile.Whole || !strings.Contains(got[0].Profile.Note, "0 of 3 connections were read: C1-n1 may not be asked: ") || got[0].Subscriptions != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if on := accounts[s][s.Server]; on.Usable != checks.Unknown || !strings.Contains(on.Detail, "not allowed to ask") {
		t.Errorf("%+v", on)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it was refused at once, and took %s", took)
	}
	// What is refused to others afterwards is theirs again.
	if err := nc.Publish("$SYS.REQ.ACCOUNT.X.INFO", nil); err != nil {
		t.Fatal(err)
	}
	for ctx := sourcetest.Within(t); ; {
		select {
		case err := <-told:
			if strings.Contains(err.Error(), "ACCOUNT.X.INFO") {
				return
			}
			// One of the audit's own that the library delivers late.
		case <-ctx.Done():
			t.Fatal("the handler of errors is not back")
		}
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := modelOf(f), sourcetest.Connect(t, f.URL())
	of, want := suspectsOf(f, f.Truth().Clusters[1])
	reports, accounts, err := examine(sourcetest.Within(t), nc, d, of)
	if err != nil || len(reports) != len(of) || len(accounts) != len(of) {
		t.Fatal(len(reports), len(accounts), err)
	}
	for i, s := range of {
		if !maps.Equal(readOf(reports[i].Profile), want[i]) || accounts[s][s.Server].Usable != checks.Yes {
			t.Errorf("read %v of %v, account %+v", reports[i].Profile.Read, want[i], accounts[s][s.Server])
		}
	}
}

// answers has a connection of the system account answer a subject: with the
// reply to each request, "" to stay silent.
func answers(t testing.TB, l *lab.Lab, subject string, with func(m *nats.Msg) string) {
	t.Helper()
	nc := sourcetest.Connect(t, l.SystemURL())
	_, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if reply := with(m); reply != "" {
			_ = m.Respond([]byte(reply)) // fails at the end of the test only
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}
