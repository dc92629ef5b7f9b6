package cause

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// passes is what the steps let through, in a line of a letter a server: y, n or ?
// for n1, n2 and n3, with "!" where a step was dropped and "*" where it leaves n1.
func passes(steps []Step) string {
	out := ""
	for _, step := range steps {
		if out != "" {
			out += " "
		}
		for _, a := range step.Passes {
			switch a {
			case checks.Yes:
				out += "y"
			case checks.No:
				out += "n"
			case checks.Unknown:
				out += "?"
			}
		}
		if step.Dropped {
			out += "!"
		}
		if step.Leaves {
			out += "*"
		}
	}
	return out
}

func TestFunnel(t *testing.T) {
	t.Parallel()
	name := dns("nats.example", checks.NameSingle, "10.0.0.1")
	full := on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }, 2, 3)
	for _, r := range []struct {
		name    string
		changes []change
		want    string // listed resolved forwarded serves accepts room up
	}{
		{"nothing is passed", nil, "??? ??? ??? yyy yyy yyy yyy"},
		{"one URL", with(list(urlsOf(1)...)), "ynn* ynn ynn yyy yyy yyy yyy"},
		{"two URLs", with(list(urlsOf(1, 3)...)), "yny yny yny yyy yyy yyy yyy"},
		{"all URLs", with(list(urlsOf(1, 2, 3)...)), "yyy yyy yyy yyy yyy yyy yyy"},
		{"a name with one address", with(list("nats://nats.example:4222"), name), "yyy ynn* ynn yyy yyy yyy yyy"},
		{"a balancer that leads to one", with(list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1)), "yyy yyy ynn* yyy yyy yyy yyy"},
		{"a balancer that leads to two", with(list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2)), "yyy yyy yyn yyy yyy yyy yyy"},
		{"nobody's list", with(anyones(urlsOf(1)...)), "??? ??? ??? yyy yyy yyy yyy"},
		{"a list that is not whole", with(written(wrote{account: "ORDERS", pattern: true, ordered: checks.Unknown, urls: urlsOf(1)})), "y?? y?? y?? yyy yyy yyy yyy"},
		{"a list that these clients are not on", with(list(urlsOf(2)...)), "nyn! nyn! nyn! yyy yyy yyy yyy"},
		{"many are elsewhere", with(counts(20, 8, 5), list(urlsOf(1)...)), "ynn! ynn! ynn! yyy yyy yyy yyy"},
		{"MQTT", with(counts(24, 0, 0), profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" })), "??? ??? ??? ynn* yyy yyy yyy"},
		{"the account is missing on the others", with(counts(24, 0, 0), on(noUse, 2, 3), denied("N2", "N3")), "??? ??? ??? yyy ynn* yyy yyy"},
		{"one refuses the account, the other is full", with(counts(24, 0, 0), on(noUse, 2, 3), denied("N2"), full), "??? ??? ??? yyy yny ynn* yyy"},
		{"others are full", with(full), "??? ??? ??? yyy yyy ynn* yyy"},
		{"others were down", with(aloneAtFirst), "??? ??? ??? yyy yyy yyy ynn*"},
		{"one URL, and others were down", with(list(urlsOf(1)...), aloneAtFirst), "ynn* ynn ynn yyy yyy yyy ynn"},
		{"nothing was read", with(noProfile), "??? ??? ??? y?? y?? yyy y??"},
		{"n3 says nothing of itself", with(on(silentServer, 3)), "??? ??? ??? yyy yyy yy? yy?"},
	} {
		d, order := Diagnose(caseOf(r.changes...)), []StepName{Listed, Resolved, Forwarded, Serves, Accepts, Room, Up, Chosen}
		if got := passes(d.Funnel); got != r.want {
			t.Errorf("%s:\ngot  %s\nwant %s", r.name, got, r.want)
		}
		for i, step := range d.Funnel {
			if problem := wording(step.Text); problem != "" || step.Name != order[i] || len(step.Servers) != 3 {
				t.Errorf("%s: %s says %q: %s", r.name, step.Name, step.Text, problem)
			}
		}
	}
}

// TestServices: the services that make a finding, and what for.
func TestServices(t *testing.T) {
	t.Parallel()
	d := Diagnose(caseOf(withServices(serviceOf("orders-worker", 1, 3, 4), serviceOf("orders-api", 24, 0, 0)),
		written(wrote{account: "ORDERS", service: "orders-api", ordered: checks.Unknown, urls: urlsOf(1)})))
	var got []string
	for _, x := range d.Services {
		got = append(got, fmt.Sprintf("%s %v %s", x.Stem, x.Concentrated, x.Cause))
	}
	if want := []string{"orders-api true single-url", "orders-worker false "}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if c := d.Causes[0]; c.Code != SingleURL || c.Verdict != Confirmed || c.Explains != 24 {
		t.Errorf("the first is %s %s and explains %d", c.Verdict, c.Code, c.Explains)
	}
	if got := passes(d.Funnel); got != "ynn* ynn ynn yyy yyy yyy yyy" {
		t.Errorf("the funnel is %s", got)
	}
}

// TestTwoCauses: two services that make a finding for causes of their own.
func TestTwoCauses(t *testing.T) {
	t.Parallel()
	mqtt := serviceOf("sensor", 18, 0, 0)
	mqtt.Protocol, mqtt.Language = "mqtt", ""
	c := caseOf(withServices(serviceOf("orders-api", 24, 0, 0), mqtt),
		written(wrote{account: "ORDERS", service: "orders-api", ordered: checks.Unknown, urls: urlsOf(1)}))
	d := Diagnose(c)
	sound(t, c, d.Causes)
	if a, b := d.Cause(SingleURL), d.Cause(ListenerGap); a.Verdict != Confirmed || a.Explains != 24 || b.Verdict != Confirmed || b.Explains != 18 {
		t.Errorf("got\n%s", tell(d.Causes))
	}
	if d.Services[0].Cause != SingleURL || d.Services[1].Cause != ListenerGap {
		t.Errorf("of %s it is %s, of %s %s", d.Services[0].Stem, d.Services[0].Cause, d.Services[1].Stem, d.Services[1].Cause)
	}
}
