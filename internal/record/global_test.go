package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A count of the global account by which it leans is told once another one, a second later or
// more, says the same. Until then connections may be about to log in to another account.
func TestGlobalAccountIsCountedTwice(t *testing.T) {
	t.Parallel()
	const no, yes = false, true
	type look struct {
		after time.Duration
		on    string
		n     uint32
		leans bool // told since the one before
	}
	for name, c := range map[string]struct {
		looks []look
		asked int // servers for another count
	}{
		"nobody":                          {nil, 0},
		"few":                             {[]look{{0, "n1", 9, no}, {time.Second, "n1", 9, no}}, 0},
		"once":                            {[]look{{0, "n1", 60, no}}, 1},
		"twice, a moment apart":           {[]look{{0, "n1", 60, no}, {500 * time.Millisecond, "n1", 60, no}}, 1},
		"once, and they have logged in":   {[]look{{0, "n1", 60, no}, {time.Second, "n1", 0, no}}, 1},
		"twice, with none between":        {[]look{{0, "n1", 60, no}, {600 * time.Millisecond, "n1", 2, no}, {600 * time.Millisecond, "n1", 60, no}}, 2},
		"once on each of two":             {[]look{{0, "n1", 60, no}, {time.Second, "n2", 60, no}}, 1},
		"twice, with an answer of others": {[]look{{0, "n1", 60, no}, {2 * time.Second, "n2", 1, no}}, 1},
		"twice":                           {[]look{{0, "n1", 60, no}, {time.Second, "n1", 60, yes}}, 1},
		"more the second time":            {[]look{{0, "n1", 60, no}, {time.Second, "n1", 90, yes}}, 1},
		"three times":                     {[]look{{0, "n1", 60, no}, {700 * time.Millisecond, "n1", 61, no}, {700 * time.Millisecond, "n1", 62, yes}}, 1},
		"over, and back at once":          {[]look{{0, "n1", 60, no}, {time.Second, "n1", 60, yes}, {0, "n1", 0, no}}, 1},
	} {
		d := watching(t, 0, 7, 7, 7)
		d.pass(time.Minute)
		asked := 0
		for i, l := range c.looks {
			d.pass(l.after)
			d.w.CountedNow(at(l.on).ID, l.n, 0, d.now)
			kinds := d.kinds()
			if got := slices.Contains(kinds, Crossed); got != l.leans || slices.Contains(kinds, Held) != got {
				t.Errorf("%s: look %d: %v", name, i+1, kinds)
			}
			asked += len(d.w.ToCount())
		}
		if asked != c.asked {
			t.Errorf("%s: %d are asked, want %d", name, asked, c.asked)
		}
		d.pass(10 * time.Second) // without another count
		if kinds := d.kinds(); slices.Contains(kinds, Crossed) {
			t.Errorf("%s: later: %v", name, kinds)
		}
	}
}

// Where it leans as watch begins, that is told as that.
func TestGlobalAccountLeansAtStart(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), For: time.Hour, Reconcile: time.Hour}), now: epoch()}
	r := &checks.Deployment{Accounts: []checks.Account{{ID: checks.GlobalAccount, Name: checks.GlobalAccount}}}
	for i, name := range []string{"n1", "n2", "n3"} {
		r.Servers = append(r.Servers, checks.Server{ID: at(name).ID, Name: name, Cluster: "C1", Usage: []checks.Usage{{Connections: []uint32{60, 2, 2}[i]}}})
	}
	r.Expected = len(r.Servers)
	d.w.Ask(d.now)
	d.w.Reconcile(r, time.Second, d.now)
	d.want(Watching)
	if asked := d.w.ToCount(); len(asked) != 1 || asked[0] != at("n1") {
		t.Errorf("%+v", asked)
	}
	d.pass(2 * time.Second)
	d.want()
	d.w.CountedNow("Nn1", 61, 0, d.now)
	if told := d.w.Tick(d.now); len(told) != 1 || told[0].Kind != Crossed || !told[0].AtStart || told[0].Spread.Connections != 65 {
		t.Errorf("%+v", told)
	}
	// It leans when a server goes, with what is counted for long: the rest is asked.
	d = watching(t, time.Hour, 7, 7, 7)
	d.w.CountedNow("Nn1", 20, 0, d.now)
	d.w.CountedNow("Nn2", 10, 0, d.now)
	d.w.Ask(d.now)
	d.pass(time.Hour)
	d.kinds()
	d.w.CountedNow("Nn2", 1, 0, d.now)
	d.kinds()
	d.pass(betweenFor)
	if kinds, asked := d.kinds(), d.w.ToCount(); slices.Contains(kinds, Crossed) || len(asked) != 1 {
		t.Errorf("%v, %+v", kinds, asked)
	}
}
