package cause

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Diagnosis is why a finding is one, and what follows from that.
type Diagnosis struct {
	Situation
	// Causes are all causes, judged: the surest first.
	Causes []Cause
	// FailOver is that of the finding's impact, with what is known of where the
	// clients can get to, and Priority follows from it.
	FailOver checks.FailOver
	Priority checks.Priority
	// Unserved are connections on the concentrated server that have nowhere else to
	// go, whatever the cause is, as no other server takes their protocols.
	Unserved Unserved
	// Services are who is connected, the largest on the concentrated server first.
	Services []ServiceDiagnosis
	// Funnel is where the services that make the finding lose the other servers,
	// step by step: those of the largest on the concentrated server.
	Funnel []Step

	views []view
}

// ServiceDiagnosis is one service of the account.
type ServiceDiagnosis struct {
	checks.Service
	// Concentrated reports whether it is one of those that make the finding.
	Concentrated bool
	// Cause is its first root cause that is at least possible, with how sure that
	// is; empty without one.
	Cause   Code
	Verdict Verdict
	// Strong are all its root causes that are confirmed or likely, the surest first.
	Strong []Code

	at int // in Profile.Services
}

// Diagnose judges every cause of a finding.
func Diagnose(c Case) Diagnosis {
	s := newSituation(c)
	all, views := rules(), s.views()
	for i := range views {
		views[i].judged = views[i].judge(all)
	}
	causes := merged(all, views)
	s.lowerMinor(all, views, causes)
	d := s.conclude(sorted(causes), views)
	d.Funnel, d.views = views[0].steps, views
	if s.Profile == nil {
		return d
	}
	for i, x := range s.Profile.Services {
		one := ServiceDiagnosis{Service: x, at: i}
		for _, v := range views {
			if slices.Contains(v.which, i) {
				one.Concentrated = true
				for _, c := range sorted(merged(all, []view{v})) {
					if one.Cause == "" && c.Role == Root && c.Verdict.Compare(Possible) <= 0 {
						one.Cause, one.Verdict = c.Code, c.Verdict
					}
					if c.Role == Root && c.Verdict.Strong() {
						one.Strong = append(one.Strong, c.Code)
					}
				}
			}
		}
		d.Services = append(d.Services, one)
	}
	slices.SortStableFunc(d.Services, func(a, b ServiceDiagnosis) int { return b.Here() - a.Here() })
	return d
}

// merged are the causes of the finding: of each the surest verdict that it has for
// a service, and ruled out only where it is for all.
func merged(all []rule, views []view) []Cause {
	out := make([]Cause, len(all))
	for i, r := range all {
		c := Cause{Code: r.Code, Title: r.Title, Role: r.Role, Step: r.Step, Verdict: RuledOut}
		for _, v := range views {
			j := v.judged[i]
			if j.verdict.Compare(c.Verdict) < 0 {
				c.Verdict = j.verdict
			}
			c.Confidence = max(c.Confidence, j.confidence)
		}
		over, titles := true, []string(nil)
		for _, v := range views {
			j := v.judged[i]
			if j.verdict != c.Verdict {
				continue
			}
			c.Explains += j.explains
			over = over && j.past
			titles = append(titles, cmp.Or(j.title, r.Title))
			for _, e := range j.evidence {
				if v.name != "" && e.Text != "" {
					e.Text = v.name + ": " + e.Text
				}
				c.Evidence = append(c.Evidence, e)
			}
		}
		if titles = slices.Compact(titles); len(titles) == 1 {
			c.Title = titles[0]
		}
		if over && c.Verdict.Compare(Possible) <= 0 {
			c.Past, c.Title = true, r.Over
		}
		out[i] = c
	}
	return out
}

// Conclude is the diagnosis where the causes are known already.
func Conclude(c Case, causes []Cause) Diagnosis {
	s := newSituation(c)
	return s.conclude(causes, []view{{Situation: s}})
}

func (s *Situation) conclude(causes []Cause, views []view) Diagnosis {
	d := Diagnosis{Situation: *s, Causes: causes, Unserved: s.unserved()}
	d.FailOver = d.failOver(views)
	d.Priority = s.Finding.PriorityWith(d.FailOver)
	return d
}

// Cause is one of the causes; it is not tested where it is none of them.
func (d Diagnosis) Cause(code Code) Cause {
	for _, c := range d.Causes {
		if c.Code == code {
			return c
		}
	}
	return Cause{Code: code, Verdict: NotTested}
}

// StaysAway reports whether clients that are moved stay away, if this is the cause: they
// come back neither at once nor when their processes restart.
func (d Diagnosis) StaysAway(code Code) bool {
	def, _ := Define(code)
	return !d.ComesBack(code) && (def.Moved != ComeBackUntold || d.Cause(code).Past)
}

// Told reports whether clients are known to be told of other servers.
func (d Diagnosis) Told() bool { return d.Cause(DiscoveryOff).Verdict == RuledOut }

// ComesBack reports whether clients that are closed come straight back, if this
// is the cause.
func (d Diagnosis) ComesBack(code Code) bool {
	def, _ := Define(code)
	return !d.Cause(code).Past && (def.Moved == ComeBack || def.Moved == ComeBackUntold && !d.Told())
}
