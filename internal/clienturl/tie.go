package clienturl

import (
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// tieKind is what a setting says of the clients of a list.
type tieKind int

const (
	noTie tieKind = iota
	tieUser
	tieCreds
	tieName
	tieOrder
)

// tieOf is what a setting says, by its key and value.
func tieOf(st setting) tieKind {
	if len(st.values) != 1 || st.broken != "" {
		return noTie
	}
	value := st.values[0]
	if len(value) > maxCreds {
		return noTie
	}
	w := words(st.key)
	last := lastOf(w)
	switch {
	case keepsOrderKey(st.key):
		return tieOrder
	case strings.HasSuffix(value, ".creds"), strings.Contains(value, "BEGIN NATS USER JWT"), token.MatchString(value):
		return tieCreds
	case slices.Contains(w, "creds") || slices.Contains(w, "credentials") || last == "jwt":
		return tieCreds
	case hasPlaceholder(value) || value == "":
		return noTie
	case last == "user" || last == "username":
		return tieUser
	case last == "name" && (len(w) == 1 || slices.Contains(w, "client") || slices.Contains(w, "connection") || slices.Contains(w, "conn")),
		last == "id" && slices.Contains(w, "client"), last == "clientid":
		return tieName
	}
	return noTie
}

// tieList ties a list by what stands beside it.
func (s *scope) tieList(l *checks.URLList, d draft) {
	if st, ok := s.beside(d, tieOrder); ok {
		switch {
		case isYes(st.values[0]):
			l.Ordered = checks.Yes
		case isNo(st.values[0]):
			l.Ordered = checks.No
		}
	}
	if st, ok := s.beside(d, tieUser); ok && l.User == "" {
		l.User = st.values[0]
	}
	if st, ok := s.beside(d, tieName); ok && !st.secret {
		l.Client = st.values[0]
	}
	if st, ok := s.beside(d, tieCreds); ok && s.account != nil {
		l.Account = s.account(st.values[0])
	}
}

// tie is a setting that says whose a list is.
type tie struct {
	setting
	kind  tieKind
	stem  []string
	outer bool
	// plainName: its key is "name", which need not be a client's.
	plainName bool
}

// maxTies is the most ties in one scope: nobody has more beside a list.
const maxTies = 200

// findTies finds the settings that say whose lists are.
func (s *scope) findTies() {
	for i, st := range slices.Concat(s.settings, s.outer) {
		if kind := tieOf(st); kind != noTie && len(s.ties) < maxTies {
			s.ties = append(s.ties, tie{st, kind, stem(st.key), i >= len(s.settings), kind == tieName && len(words(st.key)) == 1})
		}
	}
}

// beside finds the setting of a kind that belongs to a list: that with the most
// words of the list's key, and of those that have none of another's.
func (s *scope) beside(d draft, kind tieKind) (setting, bool) {
	own := stem(d.key)
	best, most, others := setting{}, -1, 0
	var only setting
	for _, t := range s.ties {
		// A plain name is a client's where it is beside a plain list of servers,
		// and not that of a plugin.
		if t.kind != kind || t.plainName && (t.outer || len(own) > 0 || s.nats) {
			continue
		}
		others, only = others+1, t.setting
		equal := slices.Equal(own, t.stem)
		if !equal && (!slices.Contains(t.stem, "nats") && !t.outer || !isSubsequence(t.stem, own)) {
			continue
		}
		n := len(t.stem)
		if equal {
			n += 100
		}
		if n > most {
			best, most = t.setting, n
		}
	}
	if most < 0 && kind == tieCreds && others == 1 && strings.HasSuffix(only.values[0], ".creds") {
		return only, true
	}
	return best, most >= 0
}

// isSubsequence reports whether the words are among all, in order.
func isSubsequence(some, all []string) bool {
	for _, w := range all {
		if len(some) > 0 && some[0] == w {
			some = some[1:]
		}
	}
	return len(some) == 0
}

// inherited are the settings that hold for what is below, too.
func (s *scope) inherited() []setting {
	var out []setting
	for _, t := range s.ties {
		if t.kind == tieCreds || t.kind == tieUser && s.isNATS(t.key, 3) || t.kind == tieOrder {
			out = append(out, t.setting)
		}
	}
	return out
}
