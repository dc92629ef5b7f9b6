package system

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// faulty is the server that faults are tried on: the second of the second
// cluster, so not the one with a system connection.
const faulty = 11

// garbles are the kinds of garbled replies but for the large ones.
var garbles = []struct {
	name   string
	how    fleet.Garble
	named  bool   // the reply says which server it is from
	why    string // then the model says why it can't be used
	roster string // and this of the roster
}{
	{"not JSON", fleet.GarbleNotJSON, false, "", ""},
	{"truncated JSON", fleet.GarbleTruncatedJSON, true, "cut short", "can't be read"},
	{"truncated snappy", fleet.GarbleTruncatedSnappy, false, "", ""},
	{"wrong encoding", fleet.GarbleWrongEncoding, false, "", ""},
	{"unknown encoding", fleet.GarbleUnknownEncoding, false, "", ""},
	{"error", fleet.GarbleError, true, "it answered with error 400: simulated failure", "answered the roster with an error"},
	{"empty", fleet.GarbleEmpty, false, "", ""},
	{"no server", fleet.GarbleNoServer, false, "", ""},
	{"empty server", fleet.GarbleEmptyServer, false, "", ""},
}

// TestFaultsOfManyServers has each server of a fleet go wrong in a way of its
// own, all at once.
func TestFaultsOfManyServers(t *testing.T) {
	t.Parallel()
	const (
		patience = sourcetest.Long / 2
		early    = patience / 10       // before anyone is asked again
		later    = patience * 45 / 100 // after that, in time
		never    = patience * 2
	)
	type verdict struct {
		missing []string // parts of the reason; none if it is complete
		noID    bool     // all that is known of it is that others have a route to it
		bound   bool     // it said how many connections it has
		notes   []string // that name the server
	}
	type fault struct {
		name string
		set  func(f *fleet.Fleet, i int)
		want verdict
	}
	silence := func(on fleet.Kind) func(*fleet.Fleet, int) {
		return func(f *fleet.Fleet, i int) { f.Silence(i, on) }
	}
	delay := func(on fleet.Kind, d time.Duration) func(*fleet.Fleet, int) {
		return func(f *fleet.Fleet, i int) { f.Delay(i, on, d) }
	}
	appear := func(on fleet.Kind) func(*fleet.Fleet, int) {
		return func(f *fleet.Fleet, i int) { f.AppearLate(i, on) }
	}
	// How long the wait was is told as it was: more than planned on a busy machine.
	noReport := verdict{missing: []string{"it answered the roster, but sent no account report within ", "s, asked twice"}, bound: true}
	noRoster := verdict{notes: []string{"sent an account report but did not answer the roster"}}
	nothing := verdict{missing: []string{"has a route to it, but it did not answer within ", "s, asked twice"}, noID: true}
	twice := verdict{notes: []string{"answered the roster 2 times", "sent its account report 2 times, the first counts"}}
	faults := []fault{
		{"none", silence(0), verdict{}},
		{"silent to the report", silence(fleet.Statz), noReport},
		{"silent to the roster", silence(fleet.Ping), noRoster},
		{"silent to both", silence(fleet.Ping | fleet.Statz), nothing},
		{"silent", silence(fleet.All), nothing},
		{"silent to VARZ, which nobody needs", silence(fleet.Varz), verdict{}},
		{"early", delay(fleet.Ping|fleet.Statz, early), verdict{}},
		{"late with the report", delay(fleet.Statz, later), verdict{}},
		{"late with the roster", delay(fleet.Ping, later), verdict{}},
		{"late with both", delay(fleet.Ping|fleet.Statz, later), verdict{}},
		{"too late with the report", delay(fleet.Statz, never), noReport},
		{"too late with the roster", delay(fleet.Ping, never), noRoster},
		{"too late with both", delay(fleet.Ping|fleet.Statz, never), nothing},
		{"appears with the report request", appear(fleet.Statz), verdict{}},
		{"appears with the roster request", appear(fleet.Ping), verdict{}},
		{"answers twice", func(f *fleet.Fleet, i int) { f.AnswerTwice(i, fleet.Ping|fleet.Statz) }, twice},
	}
	anonymous := 0 // reports
	for _, g := range garbles {
		report, roster := noReport, noRoster
		switch {
		case g.how == fleet.GarbleWrongEncoding || g.how == fleet.GarbleUnknownEncoding:
			roster = verdict{} // servers never compress it, and as it is it can be read
			anonymous++
		case g.named:
			report = verdict{missing: []string{"its account report can't be used: ", g.why}, bound: true}
			roster = verdict{notes: []string{g.roster, noRoster.notes[0]}}
		default:
			anonymous++
		}
		faults = append(faults,
			fault{"report is " + g.name, func(f *fleet.Fleet, i int) { f.Garble(i, fleet.Statz, g.how) }, report},
			fault{"roster is " + g.name, func(f *fleet.Fleet, i int) { f.Garble(i, fleet.Ping, g.how) }, roster})
	}
	size := smallFleet
	size.Servers, size.Clusters = 40, 4
	f := startFleet(t, size)
	truth := f.Truth()
	// Step by step through the fleet, so that no cluster has all of one kind.
	at := func(k int) int { return k * 7 % size.Servers }
	for k, c := range faults {
		c.set(f, at(k))
	}
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: patience})
	if d.Expected != everyone(size) {
		t.Errorf("%d servers expected, there are %d", d.Expected, everyone(size))
	}
	var gone []int
	for k, c := range faults {
		s := truth.Servers[at(k)]
		var told []string
		for _, note := range d.Notes {
			if strings.Contains(note, s.Name+" in cluster "+s.Cluster) {
				told = append(told, note)
			}
		}
		if !slices.EqualFunc(told, c.want.notes, strings.Contains) {
			t.Errorf("%s: notes %q, want %q", c.name, told, c.want.notes)
		}
		missing := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == s.Name })
		if c.want.missing != nil {
			gone = append(gone, at(k))
		}
		if missing < 0 || c.want.missing == nil {
			if (missing < 0) != (c.want.missing == nil) {
				t.Errorf("%s: %s is in the list of the missing: %v", c.name, s.Name, missing >= 0)
			}
			continue
		}
		m := d.Missing[missing]
		if m.Cluster != s.Cluster || !m.ClusterKnown || slices.ContainsFunc(c.want.missing, func(part string) bool { return !strings.Contains(m.Reason, part) }) {
			t.Errorf("%s: missing %+v, want %q", c.name, m, c.want.missing)
		}
		if c.want.noID != (m.ID == "") || m.ID != "" && (m.ID != s.ID || m.Host != s.Host) {
			t.Errorf("%s: missing %+v, want %s at %s", c.name, m, s.ID, s.Host)
		}
		if c.want.bound != (m.Bound != nil) || m.Bound != nil && *m.Bound != s.Connections+s.SystemConnections {
			t.Errorf("%s: missing with bound %v, want %d: %v", c.name, m.Bound, s.Connections, c.want.bound)
		}
	}
	sameAsTruth(t, d, f, gone...)
	if len(d.Missing) != len(gone) {
		t.Errorf("missing %s, want %d", sourcetest.ShowMissing(d), len(gone))
	}
	sourcetest.Noted(t, d, fmt.Sprintf("an account report of an unknown server can't be used (%d times)", 2*anonymous))
	sourcetest.Noted(t, d, "a roster reply of an unknown server can't be read")
}

func TestServerThatTakesAWhile(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	f.Delay(faulty, fleet.Ping|fleet.Statz, 200*time.Millisecond)
	sameAsTruth(t, auditAll(t, sourcetest.Connect(t, f.URL()), everyone(smallFleet)), f)
}

func TestGarbledReportIsRightWhenAskedAgain(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	for i, g := range garbles {
		f.Garble(2*i, fleet.Statz, g.how)
	}
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: sourcetest.Patient(), Progress: func(p source.Progress) {
		if p.Reported == everyone(smallFleet)-len(garbles) {
			f.ClearFaults()
		}
	}})
	sourcetest.Complete(t, d, everyone(smallFleet))
	sameAsTruth(t, d, f)
	sourcetest.Noted(t, d, "an account report of an unknown server can't be used (7 times)")
	if len(d.Notes) != 1 {
		t.Errorf("notes %q", d.Notes)
	}
}

func TestLateFirstReplyIsNoDuplicate(t *testing.T) {
	t.Parallel()
	const timeout = 8 * time.Second
	f := startFleet(t, smallFleet)
	// The first reply comes at 4.8 s, long after the one to the second question
	// of 3.2 s. Another server keeps the gathering going until the end.
	f.Delay(faulty, fleet.Statz|fleet.Ping, timeout*6/10)
	f.Silence(faulty+1, fleet.Statz)
	replies := 0
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: timeout,
		Progress: func(p source.Progress) {
			if p.Reported == smallFleet.Servers-1 {
				f.Delay(faulty, fleet.Statz|fleet.Ping, 0)
			}
		},
		Trace: func(format string, args ...any) {
			if s := fmt.Sprintf(format, args...); strings.HasPrefix(s, "<<< "+f.Truth().Servers[faulty].Name+" account report") {
				replies++
			}
		}})
	if replies != 2 {
		t.Skipf("it sent %d reports in time, so that this shows nothing here", replies)
	}
	sameAsTruth(t, d, f, faulty+1)
	if len(d.Notes) > 0 {
		t.Errorf("notes %q: each question was answered once", d.Notes)
	}
}

func TestEverybodyAnswersTwice(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	for i := range smallFleet.Servers {
		f.AnswerTwice(i, fleet.All)
	}
	nc := sourcetest.Connect(t, f.URL())
	for range 6 { // it ends while replies are still being decoded
		d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
		sourcetest.Complete(t, d, everyone(smallFleet))
		sameAsTruth(t, d, f)
	}
}

func TestTwoServersAtFault(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	f.Silence(3, fleet.All)
	f.Garble(22, fleet.Statz, fleet.GarbleTruncatedJSON)
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: sourcetest.Brief()})
	sameAsTruth(t, d, f, 3, 22)
	if len(d.Missing) != 2 {
		t.Fatalf("missing %s, want two", sourcetest.ShowMissing(d))
	}
	for i, at := range []int{22, 3} { // by cluster: ap-south, us-east
		s := f.Truth().Servers[at]
		if m := d.Missing[i]; m.Name != s.Name || m.Cluster != s.Cluster {
			t.Errorf("missing %s, want %s at %d", sourcetest.ShowMissing(d), s.Name, i)
		}
	}
}

func TestWholeClusterIsSilent(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	var gone []int
	cluster := f.Truth().Clusters[1]
	for i, s := range f.Truth().Servers {
		if s.Cluster == cluster {
			f.Silence(i, fleet.All)
			gone = append(gone, i)
		}
	}
	d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: sourcetest.Brief()})
	sameAsTruth(t, d, f, gone...)
	if d.Expected != everyone(smallFleet) || len(d.Missing) != len(gone) {
		t.Fatalf("%d expected, missing %s", d.Expected, sourcetest.ShowMissing(d))
	}
	// One is known by its gateway; that there are nine more the others count.
	known := 0
	for _, m := range d.Missing {
		if m.Cluster == cluster && m.ClusterKnown && strings.Contains(m.Reason, "has a gateway to its cluster") {
			known++
		} else if m.ClusterKnown || !strings.Contains(m.Reason, "counts 31 servers") {
			t.Errorf("missing %+v", m)
		}
	}
	if known != 1 {
		t.Errorf("the cluster is named %d times: %s", known, sourcetest.ShowMissing(d))
	}
}
