package clienturl

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	prose "github.com/nats-balance/nats-balance/internal/words"
)

// lists finds the lists of all workloads, and then those in what no workload
// uses.
func (c *cluster) lists(warn func(string)) []checks.URLList {
	var out []checks.URLList
	var hidden []string
	for i := range c.workloads {
		if o := &c.workloads[i]; !c.runsFor(o) {
			lists, unread := c.workload(o, warn)
			out = append(out, lists...)
			hidden = append(hidden, unread...)
		}
	}
	if n := len(hidden); n > 0 {
		more := ""
		if n > maxHidden {
			hidden, more = hidden[:maxHidden], "; and "+prose.Count(n-maxHidden)+" more"
		}
		warn("the environment of these workloads may have more lists: " + strings.Join(hidden, "; ") + more)
	}
	if c.full {
		warn(fmt.Sprintf("the input has more than %d MiB of ConfigMaps and Secrets: some were not read", maxStored>>20))
	}
	if c.lost > 0 {
		warn(fmt.Sprintf("the input has more than %d MiB of workloads: %s were not read", maxWorkloads>>20, prose.Count(c.lost)))
	}
	for _, s := range c.order {
		out = append(out, c.unused(s, warn)...)
	}
	return dedupe(out)
}

// dedupe leaves out what pods of one workload repeat: the list itself, or one
// that an argument repeats from the environment, or an alias of YAML.
func dedupe(lists []checks.URLList) []checks.URLList {
	seen := map[string]bool{}
	return slices.DeleteFunc(lists, func(l checks.URLList) bool {
		key, _, _ := strings.Cut(l.Origin, ", ")
		key += " " + l.Workload + " " + l.Client
		for _, e := range l.Endpoints {
			key += " " + e.URL
		}
		was := seen[key]
		seen[key] = true
		return was
	})
}

var podHash = regexp.MustCompile(`^(.*)-[a-z0-9]{6,10}$`)

// runsFor reports whether another object of the input runs this one.
func (c *cluster) runsFor(o *object) bool {
	if o.owner == "" {
		return false
	}
	kind, name, _ := strings.Cut(o.owner, " ")
	parents := []string{name}
	if m := podHash.FindStringSubmatch(name); m != nil && kind == "ReplicaSet" {
		parents = append(parents, m[1])
	}
	return slices.ContainsFunc(c.workloads, func(w object) bool {
		return w.namespace == o.namespace && w.kind != "Pod" && slices.Contains(parents, w.name)
	})
}

// maxHidden bounds the references that one warning names.
const maxHidden = 20

// workload finds the lists of one workload; unread is where there may be more,
// in what has no data here.
func (c *cluster) workload(o *object, warn func(string)) (out []checks.URLList, unread []string) {
	for _, at := range o.pod.containers {
		r := c.resolve(o, at)
		r.files = c.mountedFiles(o, at)
		missing := ""
		account := func(reference string) string {
			account, why := r.account(reference)
			if why != "" {
				missing = why
			}
			return account
		}
		name := o.name
		if o.owner != "" { // a pod or a job without what runs it
			name = podHash.ReplaceAllString(name, "$1")
		}
		s := &scope{settings: r.settings, workload: name, account: account,
			origin: func(st setting) string {
				what := "env " + st.key
				if strings.HasPrefix(st.key, "-") {
					what = "argument " + st.key
				} else if st.key == "" {
					what = "argument"
				}
				return fmt.Sprintf("%s, %s (%s)", o, what, placeOf(o.file, st.line))
			},
			warn: func(st setting, text string) {
				if st.broken != "" {
					warn(text)
					return
				}
				warn(fmt.Sprintf("%s, env %s (%s): %s", o, st.key, placeOf(o.file, st.line), text))
			},
		}
		var files []setting
		s.settings, files = splitFiles(s.settings)
		lists := s.lists()
		for _, st := range files {
			in := s.origin(st)
			lists = append(lists, readValue(in, st, name, account, warn)...)
		}
		for _, f := range r.files {
			if f.store != nil {
				lists = append(lists, c.file(o, name, f, account, warn)...)
			}
		}
		s.complete(lists)
		for i := range lists {
			lists[i].Unused = o.unused
		}
		out = append(out, lists...)
		if missing != "" && len(lists) > 0 {
			warn(fmt.Sprintf("the credentials of %s are %s", o, missing))
		}
		for _, ref := range r.unread {
			if saysNATS(ref.name) || len(lists) == 0 && saysNATS(o.name) {
				warn(fmt.Sprintf("the environment of %s comes from %s, %s", o, ref, ref.why))
				continue
			}
			unread = append(unread, fmt.Sprintf("%s, from %s, %s", o, ref, ref.why))
		}
	}
	return out, unread
}

// splitFiles takes the settings apart whose values are files.
func splitFiles(all []setting) (settings, files []setting) {
	for _, st := range all {
		if len(st.values) == 1 && !strings.HasPrefix(st.key, "-") && st.key != "" && isEmbedded(st.key, st.values[0]) {
			files = append(files, st)
		} else {
			settings = append(settings, st)
		}
	}
	return settings, files
}

// readValue finds the lists in a value that is a file. All have its origin.
func readValue(origin string, st setting, workload string, account func(string) string, warn func(string)) []checks.URLList {
	r := textReader{path: origin, account: account, workload: workload}
	lists, warnings := r.read(st.key, []byte(st.values[0]))
	for i := range lists {
		lists[i].Origin = origin
		if st.secret {
			lists[i].Client = ""
		}
	}
	for _, w := range warnings {
		warn(w)
	}
	return lists
}

// complete ties lists in files by the environment beside them, where there is
// only one that it can be for.
func (s *scope) complete(lists []checks.URLList) {
	if len(lists) != 1 {
		return
	}
	l := &lists[0]
	d := draft{setting: setting{key: "NATS_URL"}}
	if st, ok := s.beside(d, tieUser); ok && l.User == "" && l.Account == "" {
		l.User = st.values[0]
	}
	if st, ok := s.beside(d, tieCreds); ok && l.Account == "" {
		l.Account = s.account(st.values[0])
	}
	if st, ok := s.beside(d, tieName); ok && l.Client == "" && !st.secret {
		l.Client = st.values[0]
	}
}

// account is that of credentials: their text, or a mounted file. missing says
// of which object the file would be.
func (r *runtime) account(reference string) (account, missing string) {
	if len(reference) > maxCreds {
		return "", ""
	}
	if found := credsAccount([]byte(reference)); found != "" {
		return found, ""
	}
	file := path.Clean(strings.TrimPrefix(reference, "file://"))
	for _, f := range r.files {
		switch {
		case f.missing != "" && (file == path.Clean(f.path) || strings.HasPrefix(file, path.Clean(f.path)+"/")):
			missing = f.missing
		case f.path == file:
			return credsAccount([]byte(f.text)), ""
		}
	}
	return "", missing
}

// file finds the lists in a mounted file.
func (c *cluster) file(o *object, workload string, f mounted, account func(string) string, warn func(string)) []checks.URLList {
	at := placeOf(f.store.file, f.line)
	in := fmt.Sprintf("%s, file %s of %s %s (%s)", o, f.path, f.store.kind, f.store.name, at)
	r := textReader{path: in, account: account, workload: workload}
	lists, warnings := r.read(f.key, []byte(f.text))
	for i := range lists {
		lists[i].Origin = in
		lists[i].Workload = workload
	}
	for _, w := range warnings {
		warn(w)
	}
	return lists
}

// isFile reports whether a key of a ConfigMap or a Secret is a file and not a
// setting.
func isFile(key, text string) bool {
	_, named := formatByName(key)
	return named && strings.ContainsAny(text, "=:{[") && !isList("", text) || isEmbedded(key, text)
}

// unused finds the lists in what no workload of the input uses.
func (c *cluster) unused(s *store, warn func(string)) []checks.URLList {
	var out []checks.URLList
	var settings []setting
	account := func(reference string) string {
		if found := credsAccount([]byte(reference)); found != "" {
			return found
		}
		if d, ok := s.data[path.Base(reference)]; ok {
			return credsAccount([]byte(d.text))
		}
		return ""
	}
	for _, key := range s.keys {
		d := s.data[key]
		switch {
		case s.used[key] || d.large:
		case isFile(key, d.text):
			at := fmt.Sprintf("%s, %s (%s)", s, key, placeOf(s.file, d.line))
			out = append(out, readValue(at, setting{key: key, values: []string{d.text}}, "", account, warn)...)
		default:
			settings = append(settings, setting{key: key, values: []string{d.text}, line: d.line, secret: s.secret})
		}
	}
	scope := &scope{heading: heading{path: []string{s.name}}, settings: settings, account: account,
		origin: func(st setting) string {
			return fmt.Sprintf("%s, %s (%s)", s, st.key, placeOf(s.file, st.line))
		},
		warn: func(st setting, text string) {
			warn(fmt.Sprintf("%s, %s (%s): %s", s, st.key, placeOf(s.file, st.line), text))
		},
	}
	return append(out, scope.lists()...)
}
