package system

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// smallFleet answers on one line: each request server by server, in order.
var smallFleet = fleet.Size{Servers: 30, Clusters: 3, Accounts: 40, Connections: 3000, Seed: 1, Skewed: 5, Lines: 1}

// sparseFleet has a dozen connections, so that most of its servers have none.
var sparseFleet = fleet.Size{Servers: 30, Clusters: 3, Accounts: 3, Connections: 12, Seed: 2, Lines: 1}

// everyone is how many servers answer: the carrier is one more.
func everyone(size fleet.Size) int { return size.Servers + 1 }

func startFleet(t testing.TB, size fleet.Size) *fleet.Fleet {
	t.Helper()
	f, err := fleet.Start(sourcetest.Within(t), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

// held is what one server has of one account, by name.
type held struct {
	server, account        string
	connections, leafnodes int
}

// sameAsTruth compares every server and account of a model with what the fleet
// has, but for the servers that are to be left out, by index. The carrier's own
// connections are the auditor's and the fleet's: of the system account.
func sameAsTruth(t testing.TB, d *checks.Deployment, f *fleet.Fleet, without ...int) {
	t.Helper()
	truth := f.Truth()
	var want, got []held
	servers := map[string]fleet.Server{}
	for i, s := range truth.Servers {
		if slices.Contains(without, i) {
			continue
		}
		servers[s.ID] = s
		for _, a := range s.Accounts {
			want = append(want, held{s.ID, truth.Accounts[a.Account].ID, a.Connections, a.Leafnodes})
		}
		if s.SystemConnections > 0 {
			want = append(want, held{s.ID, truth.SystemAccount, s.SystemConnections, 0})
		}
	}
	// The carrier counts a client to $G until it has said who it is.
	names := map[string]string{truth.SystemAccount: truth.SystemAccount, "$G": "$G"}
	for _, a := range truth.Accounts {
		names[a.ID] = a.Name
	}
	for _, a := range d.Accounts {
		if names[a.ID] != a.Name || a.System != (a.ID == truth.SystemAccount) {
			t.Errorf("account %+v is called %q", a, names[a.ID])
		}
	}
	for _, s := range d.Servers {
		if s.ID == truth.CarrierID {
			continue
		}
		was, ok := servers[s.ID]
		delete(servers, s.ID)
		if !ok || s.Name != was.Name || s.Host != was.Host || s.Cluster != was.Cluster || !s.Start.IsZero() && !s.Start.Equal(was.Start) {
			t.Errorf("server %+v is %+v", s, was)
		}
		for _, u := range s.Usage {
			got = append(got, held{s.ID, d.Accounts[u.Account].ID, int(u.Connections), int(u.Leafnodes)})
		}
	}
	for _, s := range servers {
		t.Errorf("server %s is not in the model", s.Name)
	}
	order := func(a, b held) int {
		return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.account, b.account))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if !slices.Equal(got, want) {
		t.Errorf("the model has %d rows, the truth %d, and they differ", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("the first: %+v, want %+v", got[i], want[i])
				break
			}
		}
	}
}

func TestFleetIsRead(t *testing.T) {
	t.Parallel()
	for what, size := range map[string]fleet.Size{
		"small":        smallFleet,
		"idle servers": sparseFleet,
		"four lines":   {Servers: 120, Clusters: 7, Accounts: 300, Connections: 20_000, Seed: 3, Lines: 4},
		"one server":   {Servers: 1, Clusters: 1, Accounts: 2, Connections: 50},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, size)
			sameAsTruth(t, auditAll(t, sourcetest.Connect(t, f.URL()), everyone(size)), f)
		})
	}
}

func TestIdleServersTellTheirLimit(t *testing.T) {
	t.Parallel()
	f := startFleet(t, sparseFleet)
	d := auditAll(t, sourcetest.Connect(t, f.URL()), everyone(sparseFleet))
	idle := 0
	for _, s := range f.Truth().Servers {
		if s.Connections+s.SystemConnections+s.Leafnodes > 0 {
			continue
		}
		idle++
		if got := sourcetest.ServerOf(d, s.Name); got.MaxConnections == nil || *got.MaxConnections != s.MaxConnections {
			t.Errorf("%s: limit %v, want %d", s.Name, got.MaxConnections, s.MaxConnections)
		}
	}
	if idle < 10 {
		t.Errorf("%d idle servers are too few to show anything", idle)
	}
}

func TestForeignServerAnswers(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		on       fleet.Kind
		reported bool
		invented bool // it says that it has routes, and nobody has one to it
		note     string
	}{
		"everything":      {fleet.All, false, true, ""},
		"only the report": {fleet.Statz, true, false, "stranger in cluster us-east-01 sent an account report but did not answer the roster"},
		"only the roster": {fleet.Ping, false, false, ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, smallFleet)
			f.Foreign(c.on)
			f.Silence(faulty, fleet.Statz) // or all would be there before the stranger
			d := audit(t, sourcetest.Connect(t, f.URL()), source.Options{Timeout: sourcetest.Brief()})
			if d.Expected != everyone(smallFleet)+1 {
				t.Errorf("%d expected; a server that nobody counts and that answers is one", d.Expected)
			}
			if c.note != "" {
				sourcetest.Noted(t, d, c.note)
			} else if len(d.Notes) > 0 {
				t.Errorf("notes %q", d.Notes)
			}
			if !c.reported {
				at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == "stranger" })
				if c.invented && at >= 0 && len(d.Missing) == 2 && d.Missing[at].Bound == nil && d.Missing[at].Kind == checks.Contradiction {
					return
				}
				if c.invented || at < 0 || len(d.Missing) != 2 || d.Missing[at].Bound == nil || *d.Missing[at].Bound != 1000 {
					t.Errorf("missing %s, want the stranger, with its connections", sourcetest.ShowMissing(d))
				}
				return
			}
			sourcetest.OnlyMissing(t, d, f.Truth().Servers[faulty].Cluster, f.Truth().Servers[faulty].Name)
			s := sourcetest.ServerOf(d, "stranger")
			if s == nil || len(s.Usage) != 1 || s.Usage[0].Connections != 1000 || s.Cluster != "us-east-01" {
				t.Errorf("the stranger is %+v", s)
			}
		})
	}
}

func TestIdleServersAtFault(t *testing.T) {
	t.Parallel()
	f := startFleet(t, sparseFleet)
	var idle []int
	for i, s := range f.Truth().Servers {
		if s.Connections+s.SystemConnections+s.Leafnodes == 0 {
			idle = append(idle, i)
		}
	}
	if len(idle) < len(garbles)+2 {
		t.Fatalf("%d idle servers are too few", len(idle))
	}
	for i, g := range garbles {
		f.Garble(idle[i], fleet.Varz, g.how)
	}
	f.Silence(idle[len(garbles)], fleet.Varz)
	nc := sourcetest.Connect(t, f.URL())
	// Without VARZ they say so when they are asked again.
	d := audit(t, nc, source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, d, everyone(sparseFleet))
	sameAsTruth(t, d, f)
	// With neither it stays open.
	last := idle[len(garbles)+1]
	f.Silence(last, fleet.Varz|fleet.Statz)
	d = audit(t, nc, source.Options{Timeout: sourcetest.Brief()})
	sameAsTruth(t, d, f, last)
	s := f.Truth().Servers[last]
	if m := sourcetest.OnlyMissing(t, d, s.Cluster, s.Name, "sent no account report"); m.Bound == nil || *m.Bound != 0 {
		t.Errorf("missing %+v, want that it had none", m)
	}
}

// slowReader is a connection that stops reading until the gate opens.
type slowReader struct {
	net.Conn
	gate <-chan struct{}
	left int // bytes to read before that
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		<-r.gate
	}
	n, err := r.Conn.Read(p)
	r.left -= n
	return n, err
}

// slowDialer makes the first connection slow.
type slowDialer struct {
	gate  <-chan struct{}
	first sync.Once
}

func (d *slowDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	if err == nil {
		d.first.Do(func() { conn = &slowReader{Conn: conn, gate: d.gate, left: 8 << 10} })
	}
	return conn, err
}

// TestAuditorIsCutOff: the carrier cuts off a client that has more than 64 MiB
// to read. It comes back and asks for what is missing.
func TestAuditorIsCutOff(t *testing.T) {
	t.Parallel()
	size := smallFleet
	size.Lines = 4
	f := startFleet(t, size)
	for i := range 4 {
		f.Garble(i, fleet.Statz, fleet.GarbleGiant) // 24 MiB each
	}
	gate := make(chan struct{})
	nc := sourcetest.Connect(t, f.URL(), nats.SetCustomDialer(&slowDialer{gate: gate}), nats.MaxReconnects(-1))
	go func() {
		defer close(gate)
		watch := sourcetest.Connect(t, f.URL())
		for sourcetest.Within(t).Err() == nil {
			m, err := watch.Request("$SYS.REQ.SERVER."+f.Truth().CarrierID+".VARZ", nil, time.Second)
			if err == nil && !strings.Contains(string(m.Data), `"slow_consumers":0`) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		f.ClearFaults()
	}()
	d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
	sourcetest.Complete(t, d, everyone(size))
	sameAsTruth(t, d, f)
	sourcetest.Noted(t, d, "the connection was lost and came back")
}
