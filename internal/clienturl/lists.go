package clienturl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// scope is the settings that stand together: a mapping, a section, a container's
// environment. Lists in it are tied by what stands beside them.
type scope struct {
	heading
	settings []setting
	// outer are those above whose user and credentials hold here, too.
	outer []setting
	// origin names a setting; warn takes a sentence about one.
	origin func(setting) string
	warn   func(s setting, text string)
	// account returns the account of credentials at a path, or by their text.
	account func(reference string) string
	// workload is the name of what runs with these settings.
	workload string
	// unused says why nobody runs with these settings, in a clause.
	unused string
	ties   []tie
}

// draft is a list before it is tied.
type draft struct {
	setting
	entries    []entry
	incomplete []string
	mqtt       bool
}

// lists finds the lists among the settings.
func (s *scope) lists() []checks.URLList {
	s.settings = joinIndexed(s.settings)
	for _, st := range s.settings {
		switch last := lastOf(words(st.key)); last {
		case "type", "name", "driver", "provider", "transport", "backend", "adapter", "plugin", "broker", "kind", "messaging":
			if len(st.values) == 1 && len(st.values[0]) < 64 {
				w := words(st.values[0])
				s.nats = s.nats || slices.Contains(w, "nats") || slices.Contains(w, "jetstream")
				s.mqtt = s.mqtt || slices.Contains(w, "mqtt")
			}
		}
	}
	s.findTies()
	var drafts []draft
	for _, st := range s.settings {
		if d, ok := s.draft(st); ok {
			drafts = append(drafts, d)
		}
	}
	var out []checks.URLList
	for _, d := range drafts {
		l := checks.URLList{Origin: s.origin(d.setting), Ordered: checks.Unknown, Workload: s.workload, Unused: s.unused, Incomplete: d.incomplete}
		users := map[string]bool{}
		for _, e := range d.entries {
			if e.err != nil {
				text := "has a URL that " + faultOf(e.err)
				if errors.Is(e.err, errPlaceholder) {
					text = "has a placeholder"
				}
				l.Incomplete = addNew(l.Incomplete, text)
				continue
			}
			l.Endpoints = append(l.Endpoints, e.endpoint)
			if e.user != "" {
				users[e.user] = true
				l.User = e.user
			}
		}
		if len(users) > 1 {
			l.User = ""
		}
		for _, why := range l.Incomplete {
			s.warn(d.setting, "the server list "+why+": pass --client-url with the whole list")
		}
		// Where a password was cut into pieces, what looks like a host may be one.
		cut := slices.ContainsFunc(d.entries, func(e entry) bool { return errors.Is(e.err, errCredentials) })
		if len(l.Endpoints) > 0 && !cut {
			s.tieList(&l, d)
			out = append(out, l)
		}
	}
	return out
}

func addNew(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func lastOf(w []string) string {
	if len(w) == 0 {
		return ""
	}
	return w[len(w)-1]
}

// draft reports whether a setting has a list, and takes it apart.
func (s *scope) draft(st setting) (draft, bool) {
	d := draft{setting: st}
	sure, perhaps := holdsServers(st.key)
	isNATS := s.isNATS(st.key, 3)
	if s.notAClient(st.key) {
		return d, false
	}
	if st.broken != "" {
		if sure && isNATS {
			s.warn(st, st.broken)
		}
		return d, false
	}
	if len(st.values) == 0 || len(st.values[0]) > maxLine {
		return d, false
	}
	found := entriesOf(st.values)
	d.entries, d.mqtt = found.all, s.isMQTT(st.key)
	if found.fallback {
		d.incomplete = append(d.incomplete, "is the default of a variable, which may be set")
	}
	switch {
	case len(found.all) == 0:
		return d, false
	case found.text && (!found.nats() || !st.list):
		return d, false
	case found.blank():
		if sure && isNATS {
			s.warn(st, "the server list has a placeholder: pass --client-url with what it becomes")
		}
		return d, false
	case found.nats():
		return d, true
	case found.foreign():
		return d, false
	case found.mqttOnly():
		return d, d.mqtt && (isNATS || found.namesNATS())
	case found.schemed():
		return d, isNATS || s.natsAbove(8) || found.namesNATS() || lastOf(words(st.key)) == "servers"
	case !found.plain() || !isNATS || slices.ContainsFunc(words(st.key), otherSystem):
		return d, false
	case d.mqtt && !sure:
		return d, false
	}
	bare := slices.ContainsFunc(found.all, func(e entry) bool { return e.bare })
	if !sure && (bare || !perhaps) {
		return d, false
	}
	if bare {
		s.addPort(&d)
	}
	return d, true
}

// addPort gives hosts the port that stands beside them.
func (s *scope) addPort(d *draft) {
	port, ok := s.portOf(d.key)
	if !ok {
		if d.mqtt {
			port = strconv.Itoa(defaultPort("mqtt"))
		} else {
			return // the default
		}
	}
	scheme := "nats"
	if d.mqtt {
		scheme = "mqtt"
	}
	d.entries = slices.Clone(d.entries)
	for i, e := range d.entries {
		if !e.bare || e.err != nil {
			continue
		}
		host := e.endpoint.Host
		if strings.Contains(host, ":") {
			host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
		}
		if hasPlaceholder(port) {
			d.entries[i].err = errPlaceholder
			continue
		}
		d.entries[i].endpoint, d.entries[i].err = parse(scheme + "://" + host + ":" + port)
	}
}

// portOf finds the port beside a host: NATS_PORT for NATS_HOST, port for host.
func (s *scope) portOf(key string) (port string, ok bool) {
	want := strings.Join(stem(key), " ")
	for _, st := range s.settings {
		w := words(st.key)
		if lastOf(w) != "port" || len(st.values) != 1 {
			continue
		}
		have := strings.Join(w[:len(w)-1], " ")
		if have == want || have == strings.TrimSpace(want+" client") {
			value := strings.TrimSpace(st.values[0])
			if m := variableDefault.FindStringSubmatch(value); m != nil {
				value = m[1]
			}
			return value, !strings.Contains(value, "://")
		}
	}
	return "", false
}

// joinIndexed makes one list of settings that are numbered: nats.servers[0],
// nats.servers[1].
func joinIndexed(all []setting) []setting {
	var out []setting
	for _, st := range all {
		m := indexedKey.FindStringSubmatch(st.key)
		if m == nil || st.list {
			out = append(out, st)
			continue
		}
		n, err := strconv.Atoi(m[2])
		last := len(out) - 1
		if err == nil && n > 0 && last >= 0 && out[last].list && out[last].key == m[1] && len(out[last].values) == n {
			out[last].values = append(out[last].values, st.values...)
			continue
		}
		if n == 0 {
			st.key, st.list = m[1], true
		}
		out = append(out, st)
	}
	return out
}

// placeOf names a line of a file.
func placeOf(path string, line int) string { return fmt.Sprintf("%s:%d", path, line) }
