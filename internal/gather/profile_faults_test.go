package gather

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/words"
)

func TestProfileOfServersThatGoWrong(t *testing.T) {
	t.Parallel()
	const all = 4800 // more than a page on each server
	f := startFleet(t, fleet.Size{Servers: 4, Clusters: 1, Accounts: 1, Connections: all, Seed: 6, Lines: 4})
	nc, truth := connect(t, f.URL()), f.Truth()
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
		if c.large && raceDetector {
			continue // it takes long, and others wait for the processor
		}
		for _, concentrated := range []bool{false, true} {
			f.ClearFaults()
			i := slices.IndexFunc(truth.Servers, func(s fleet.Server) bool { return (s.ID == of[0].Server) == concentrated })
			if c.how == fleet.GarbleNone {
				f.Silence(i, fleet.Connz)
			} else {
				f.Garble(i, fleet.Connz, c.how)
			}
			ctx, cancel := context.WithTimeout(t.Context(), long)
			got, err := Profiles(ctx, nc, modelOf(f), of)
			left := ctx.Err()
			cancel()
			if err != nil || left != nil {
				t.Fatalf("%s: %v, %v", c.note, err, left)
			}
			p := got[0].Profile
			// Of a reply that is cut short, what comes before counts.
			others := all - truth.Servers[i].Accounts[0].Connections
			if read := sum(p.Read); p.Whole || read < others || read >= all || !strings.HasPrefix(p.Note, fmt.Sprintf("%s of %s connections were read: %s ", words.Count(read), words.Count(all), truth.Servers[i].Name)) ||
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
	ctx, cancel := context.WithTimeout(within(t), patient)
	defer cancel()
	got, err := Profiles(ctx, nc, d, of)
	if err != nil || len(got) != len(of) {
		t.Fatal(len(got), err)
	}
	read := 0
	for i, r := range got {
		read += sum(r.Profile.Read)
		if r.Profile.Whole != (r.Profile.Note == "") {
			t.Errorf("%+v: whole %v, note %q", of[i], r.Profile.Whole, r.Profile.Note)
		}
	}
	if first := got[0].Profile; sum(first.Read) == 0 || first.Whole || !strings.Contains(first.Note, "did not answer in time") || !strings.Contains(first.Note, "more") {
		t.Errorf("read %v, note %q", first.Read, first.Note)
	}
	if read < 100 {
		t.Errorf("%d connections were read; five silent servers kept the others from being read", read)
	}
	over, cancel := context.WithTimeout(within(t), time.Nanosecond)
	defer cancel()
	<-over.Done()
	got, err = Profiles(over, nc, d, of)
	if err != nil || sum(got[0].Profile.Read) != 0 || !strings.Contains(got[0].Profile.Note, "was not asked in time") {
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
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() {
		_, err := Profiles(ctx, nc, d, of)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Profiles(within(t), nc, d, []Suspect{{of[0].Account, of[0].Server, "NOWHERE"}}); err == nil || !strings.Contains(err.Error(), "is not in cluster") {
		t.Error(err)
	}
	// An account without connections has been read.
	got, err := Profiles(within(t), nc, d, []Suspect{{"NOBODY", of[0].Server, cluster}})
	if err != nil || !got[0].Profile.Whole || len(got[0].Profile.Servers) != 10 || *got[0].Subscriptions != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	d.Missing = []checks.Missing{{Name: "gone", Cluster: cluster, ClusterKnown: true}}
	got, err = Profiles(within(t), nc, d, []Suspect{{"NOBODY", of[0].Server, cluster}})
	if err != nil || got[0].Profile.Whole || !strings.Contains(got[0].Profile.Note, "of 1 more servers") {
		t.Errorf("%+v, %v", got[0].Profile, err)
	}
	nc.Close()
	if _, err := Profiles(within(t), nc, d, of); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Error(err)
	}
}

func TestForbiddenProfilesEndAtOnce(t *testing.T) {
	t.Parallel()
	topology := limited(deny([]string{"$SYS.REQ.SERVER.*.CONNZ", "$SYS.REQ.ACCOUNT.*.INFO"}, nil))
	topology.Accounts = []string{"APP"}
	l := startLab(t, topology)
	clients(t, l, "APP", map[string]int{"C1-n1": 3})
	d := auditAll(t, connect(t, l.SystemURL()), 3)
	started := time.Now()
	told := make(chan error, 10)
	nc := connect(t, limitedURL(l.Server("C1-n1")), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
	s := Suspect{"APP", l.Server("C1-n1").ID(), "C1"}
	got, accounts, err := Examine(within(t), nc, d, []Suspect{s})
	if err != nil || got[0].Profile.Whole || !strings.Contains(got[0].Profile.Note, "0 of 3 connections were read: C1-n1 may not be asked: ") || got[0].Subscriptions != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if on := accounts[s][s.Server]; on.Usable != checks.Unknown || !strings.Contains(on.Detail, "not allowed to ask") {
		t.Errorf("%+v", on)
	}
	if took := time.Since(started); took > mostPatience/2 {
		t.Errorf("it was refused at once, and took %s", took)
	}
	// What is refused to others afterwards is theirs again.
	if err := nc.Publish("$SYS.REQ.ACCOUNT.X.INFO", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told:
		if !strings.Contains(err.Error(), "ACCOUNT.X.INFO") {
			t.Error(err)
		}
	case <-within(t).Done():
		t.Error("the handler of errors is not back")
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	d, nc := modelOf(f), connect(t, f.URL())
	of, want := suspectsOf(f, f.Truth().Clusters[1])
	reports, accounts, err := Examine(within(t), nc, d, of)
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
	nc := connect(t, l.SystemURL())
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

// TestPagesThatChangeMeanwhile: connections go and come between two pages.
func TestPagesThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	nc := connect(t, l.SystemURL())
	for what, c := range map[string]struct {
		page func(offset, nth int) []int // ids
		want int
		err  string
	}{
		"nothing changes":       {pages(0, 3000), 3000, ""},
		"just a page":           {pages(0, pageSize), pageSize, ""},
		"some go at the start":  {func(offset, nth int) []int { return pages(nth*overlap, 3000)(offset, nth) }, 3000, ""},
		"some come at the end":  {func(offset, nth int) []int { return pages(0, 3000+nth*5)(offset, nth) }, 3010, ""},
		"all go":                {func(offset, nth int) []int { return pages(nth*3000, 3000)(offset, nth) }, pageSize, ""},
		"the same all the time": {func(int, int) []int { return pages(0, 3000)(0, 0) }, pageSize, "again and again"},
		"no end":                {func(_, nth int) []int { return pages(nth*2000, nth*2000+3000)(0, 0) }, mostPages * pageSize, "more connections than are read"},
	} {
		if c.want > 10*pageSize && raceDetector {
			continue // a million takes long, and others wait for the processor
		}
		id, nth := strings.ReplaceAll(what, " ", "_"), 0
		answers(t, l, fmt.Sprintf(subjectConnz, id), func(m *nats.Msg) string {
			offset := 0
			if at := strings.Index(string(m.Data), `"offset":`); at > 0 {
				_, _ = fmt.Sscanf(string(m.Data[at:]), `"offset":%d`, &offset)
			}
			rows := make([]string, 0, pageSize)
			for _, cid := range c.page(offset, nth) {
				rows = append(rows, `{"cid":`+strconv.Itoa(cid+1)+`}`)
			}
			nth++
			return connzOf(rows...)
		})
		n, last := 0, uint64(0)
		err := readConnections(within(t), nc, Held{id, "APP"}, long, newDecoder(), func(c *connection) {
			if c.cid <= last {
				t.Errorf("%s: connection %d is counted twice", what, c.cid)
			}
			n, last = n+1, c.cid
		})
		if n != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %d connections, %v; want %d, %q", what, n, err, c.want, c.err)
		}
	}
}

// pages serves the connections from first to before end.
func pages(first, end int) func(offset, _ int) []int {
	return func(offset, _ int) []int {
		var out []int
		for i := first + offset; i < end && len(out) < pageSize; i++ {
			out = append(out, i)
		}
		return out
	}
}
