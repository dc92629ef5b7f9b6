package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// doubt is why it is unknown whether clients can fail over.
type doubt int

const (
	// noDoubt: nothing that can be named.
	noDoubt doubt = iota
	// untilLogin: other servers know the account, and may not take its user.
	untilLogin
	// oldCredentials: other servers refused these clients, and only others with their
	// user have logged in since.
	oldCredentials
	// certificate: other servers require a certificate, which these may not have.
	certificate
	// whoseList: the lists are the account's, and may be those of its other services.
	whoseList
	// otherClusters: no server of the cluster is left to them, and their lists lead to
	// other clusters.
	otherClusters
	// keptAway: nothing explains that none of them is on the servers that they know.
	keptAway
	// accountLimit: their account may have no connections left for them.
	accountLimit
)

// obstacle returns the doubt; nil where it can't be named.
func (d doubt) obstacle() checks.Obstacle {
	if d == noDoubt {
		return nil
	}
	return d
}

// Clause implements [checks.Obstacle], in words that follow "unknown".
func (d doubt) Clause() string {
	switch d {
	case untilLogin:
		return "until one of them logs in to another server"
	case oldCredentials:
		return "as other servers refused them, and since then only other services with their user have logged in there"
	case certificate:
		return "as other servers require a client certificate, and whether they have one is not reported"
	case whoseList:
		return "as the lists of their account may be those of its other services"
	case otherClusters:
		return "as only servers of other clusters are left to them"
	case keptAway:
		return "as what keeps them from the other servers is"
	case accountLimit:
		return "as their account is at its limit of connections"
	case noDoubt:
	}
	return ""
}

// need is what would settle it.
func (d doubt) need() Need {
	switch d {
	case untilLogin, oldCredentials, otherClusters:
		return NeedUsers
	case certificate:
		return NeedTLS
	case whoseList:
		return NeedServiceURLs
	case noDoubt, keptAway, accountLimit:
	}
	return ""
}

// doubt is why it is unknown whether these clients find another server.
func (s *Situation) doubt() doubt {
	knows := func(is func(*checks.Server) bool) bool {
		return slices.ContainsFunc(s.Others, func(o *checks.Server) bool { return s.knowsOf(o) == checks.Yes && is(o) })
	}
	switch {
	case knows(func(o *checks.Server) bool { return s.takesUser(o) == checks.Yes && s.stillRefused(o) }):
		return oldCredentials
	case knows(s.wantsCertificate):
		return certificate
	case knows(func(o *checks.Server) bool { return s.takesUser(o) == checks.Unknown }):
		return untilLogin
	case s.Tied && len(s.Own) > 0 && (s.unshown() || s.mayHaveAnother()):
		return whoseList
	}
	return noDoubt
}

// passesAgain is a step for clients that lose the server: what other clients of the
// account show of it may not hold for these.
func (s *Situation) passesAgain(f funnelStep) []checks.Answer {
	out := f.passes(s)
	for i, o := range s.Others {
		if out[i+1] == checks.Yes && (f.name == Serves && s.wantsCertificate(o) || f.name == Accepts && s.stillRefused(o)) {
			out[i+1] = checks.Unknown
		}
	}
	return out
}

// wantsCertificate reports whether a server requires a client certificate where the
// concentrated one does not and none of these clients is there. NATS clients only:
// WebSocket and MQTT have listeners of their own.
func (s *Situation) wantsCertificate(o *checks.Server) bool {
	if o.Details == nil || !o.Details.VerifiesClients || s.Server.Details != nil && s.Server.Details.VerifiesClients || s.on(o.ID) > 0 {
		return false
	}
	return s.Profile == nil || len(s.Profile.Protocols) == 0 || slices.ContainsFunc(s.Profile.Protocols, func(g checks.Group) bool {
		return (g.Other || g.Key == checks.NATS || g.Key == "") && len(g.Counts) > 0 && g.Counts[0] > 0
	})
}

// stillRefused reports whether a server refused clients of the names of these, and none
// of these has logged in there since. That others with their user have may only show
// that those have the new password; it counts once the server has loaded its
// configuration, or the account, after the last refusal.
func (s *Situation) stillRefused(o *checks.Server) bool {
	if s.Profile == nil || s.on(o.ID) > 0 {
		return false
	}
	mine := func(stem string) bool {
		return slices.ContainsFunc(s.Profile.Names, func(g checks.Group) bool { return !g.Other && Stem(g.Key) == stem })
	}
	changed, known := s.changed(o)
	return slices.ContainsFunc(s.pastRefusals(o), func(c checks.Closed) bool {
		own := slices.DeleteFunc(slices.Clone(s.History), func(x checks.Closed) bool { return x.Stem != c.Stem })
		return mine(c.Stem) && loginAfter(own, c).IsZero() && (!known || !changed.After(c.Last))
	})
}

// each are the services of a view, each as a situation of its own: what one shows is not
// shown of another.
func (v view) each() []*Situation {
	if len(v.which) < 2 {
		return []*Situation{v.Situation}
	}
	var out []*Situation
	for i := range v.which {
		out = append(out, v.project([]int{i}))
	}
	return out
}

// unshown reports whether the lists are known to be the account's, or its user's, and
// nothing shows that these clients, one of its several services, have them: none of
// these is on another server.
func (s *Situation) unshown() bool { return s.ofSeveral() && s.onOthers() == 0 }

// mayHaveAnother reports whether what the lists do not lead to may be known to these
// clients, one of several services: some are elsewhere, they may have none of the lists,
// or restarts may have put them here, whatever list they have.
func (s *Situation) mayHaveAnother() bool {
	switch {
	case !s.ofSeveral():
		return false
	case s.onOthers() > 0, len(listsOf(s.Own, wide, elsewhere)) > 0:
		return true
	}
	return len(s.Others) > 0 && judgeRestartDrift(s).verdict.Compare(Possible) <= 0
}

// ofSeveral reports whether the lists are known of the account only, or of a user, and
// it has several services, or several log in as the user.
func (s *Situation) ofSeveral() bool {
	several := len(s.everyone) > 1 || slices.ContainsFunc(s.everyone, func(x checks.Service) bool { return x.Remainder })
	return several && (s.tie == accounts || s.tie == byUser && s.userIsShared())
}

// onOthers is how many of these clients are on other servers.
func (s *Situation) onOthers() (n int) {
	for _, o := range s.Others {
		n += s.on(o.ID)
	}
	return n
}

// mayFail is why clients that know other servers may find no place there all the same:
// one decision for a finding and for a server that stops. They are of a view where they
// make the finding, which chance has to explain as a whole.
func (d Diagnosis) mayFail(s *Situation, of view) doubt {
	switch {
	case d.AtLimit():
		return accountLimit
	case !d.explained(of) && (s.isKeptAway() || of.Situation != nil && of.isKeptAway()):
		return keptAway
	}
	return noDoubt
}

// isKeptAway reports whether all clients of a service are on this server, and chance does
// not explain that: where no cause does, what keeps them from the others is unknown.
func (s *Situation) isKeptAway() bool {
	const rare = 0.01
	return s.onOthers() == 0 && checks.Chance(s.Finding.Connections, 1+len(s.Others), s.Finding.OnServer) <= rare
}

// explained reports whether a root cause is likely: of the services of a view, or of the
// finding where they were not judged apart. One that is possible explains nothing.
func (d Diagnosis) explained(v view) bool {
	if v.judged != nil {
		return v.rootSurerThan(rules(), Possible)
	}
	return slices.ContainsFunc(d.Causes, func(c Cause) bool { return c.Role == Root && c.Verdict.Strong() })
}

// viewOf is what was judged of a service, by its place in the profile.
func (d Diagnosis) viewOf(service int) view {
	for _, v := range d.views {
		if slices.Contains(v.which, service) {
			return v
		}
	}
	return view{}
}
