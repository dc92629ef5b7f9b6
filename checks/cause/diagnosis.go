package cause

import "github.com/nats-balance/nats-balance/checks"

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
}

// Diagnose judges every cause of a finding.
func Diagnose(c Case) Diagnosis {
	s := newSituation(c)
	return s.conclude(s.judge())
}

// Conclude is the diagnosis where the causes are known already.
func Conclude(c Case, causes []Cause) Diagnosis { return newSituation(c).conclude(causes) }

func (s *Situation) conclude(causes []Cause) Diagnosis {
	d := Diagnosis{Situation: *s, Causes: causes, Unserved: s.unserved()}
	d.FailOver = d.failOver()
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

// Told reports whether clients are known to be told of other servers.
func (d Diagnosis) Told() bool { return d.Cause(DiscoveryOff).Verdict == RuledOut }

// ComesBack reports whether clients that are closed come straight back, if this
// is the cause.
func (d Diagnosis) ComesBack(code Code) bool {
	def, _ := Define(code)
	return def.Moved == ComeBack || def.Moved == ComeBackUntold && !d.Told()
}
