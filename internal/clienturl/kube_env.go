package clienturl

import (
	"slices"
	"strings"
)

// runtime is a container with its environment and files resolved.
type runtime struct {
	settings []setting // of the environment, and of its command
	files    []mounted
	// unread are references of the environment that have no data here.
	unread []unreadFrom
}

// unreadFrom is a reference of the environment, and why it has no data.
type unreadFrom struct {
	reference
	why string
}

// mounted is a file in a container.
type mounted struct {
	path string
	datum
	store  *store
	key    string
	secret bool
	// missing says why there is no content.
	missing string
}

// resolve works out what a container runs with.
func (c *cluster) resolve(o *object, at container) runtime {
	var r runtime
	var values []setting
	set := func(st setting) {
		values = slices.DeleteFunc(values, func(v setting) bool { return v.key == st.key })
		values = append(values, st)
	}
	for _, from := range at.from {
		s := c.find(o.namespace, from.reference)
		if s == nil || s.unread != "" {
			if s != nil || !from.optional {
				r.unread = append(r.unread, unreadFrom{from.reference, c.absent(s)})
			}
			continue
		}
		for _, key := range s.keys {
			s.used[key] = true
			if d := s.data[key]; !d.large {
				set(setting{key: from.prefix + key, values: []string{d.text}, line: at.line, secret: s.secret})
			}
		}
	}
	for _, v := range at.env {
		st := setting{key: v.name, values: []string{v.value}, line: v.line}
		switch {
		case v.ref != nil:
			s := c.find(o.namespace, *v.ref)
			st.secret = v.ref.secret
			st.values = nil
			if s != nil && s.unread == "" {
				if d, ok := s.data[v.ref.key]; ok && !d.large {
					s.used[v.ref.key] = true
					st.values = []string{d.text}
				}
			}
			if st.values == nil {
				if v.ref.optional && s == nil {
					continue
				}
				st.broken = v.name + " of " + o.String() + " " + c.missing(*v.ref, s)
			}
		case v.field == "metadata.namespace" && o.namespace != "":
			st.values = []string{o.namespace}
		case v.field != "":
			st.values = nil
			st.broken = v.name + " of " + o.String() + " comes from " + v.field + " of each pod"
		default:
			st.values = []string{expand(v.value, values, &st.secret)}
		}
		set(st)
	}
	r.settings = values
	command := slices.Clone(at.command)
	for i := range command {
		var secret bool
		command[i] = expand(command[i], values, &secret)
	}
	r.settings = append(r.settings, commandSettings(command, at.line)...)
	return r
}

// expand fills in $(VAR) as Kubernetes does: what is not known stays, and $$ is
// a dollar.
func expand(text string, values []setting, secret *bool) string {
	if !strings.Contains(text, "$") || len(text) > maxLine {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		if text[i+1] == '$' {
			out.WriteByte('$')
			i++
			continue
		}
		end := strings.IndexByte(text[i:], ')')
		if text[i+1] != '(' || end < 0 {
			out.WriteByte('$')
			continue
		}
		name := text[i+2 : i+end]
		at := slices.IndexFunc(values, func(v setting) bool { return v.key == name && len(v.values) == 1 })
		if at < 0 || out.Len() > maxLine {
			out.WriteString(text[i : i+end+1])
		} else {
			out.WriteString(values[at].values[0])
			*secret = *secret || values[at].secret
		}
		i += end
	}
	return out.String()
}

// mountedFiles are the files of ConfigMaps and Secrets in a container.
func (c *cluster) mountedFiles(o *object, at container) []mounted {
	var out []mounted
	for _, m := range at.mounts {
		for _, v := range o.pod.volumes {
			if v.name != m.volume {
				continue
			}
			for _, source := range v.sources {
				out = append(out, c.filesOf(o, m, source)...)
			}
		}
	}
	return out
}

func (c *cluster) filesOf(o *object, m mount, source volumeSource) []mounted {
	s := c.find(o.namespace, source.reference)
	items := source.items
	if s == nil || s.unread != "" {
		return []mounted{{path: m.path, secret: source.secret, missing: "of " + source.String() + ", " + c.absent(s)}}
	}
	if len(items) == 0 {
		for _, key := range s.keys {
			items = append(items, pathItem{key, key})
		}
	}
	var out []mounted
	for _, item := range items {
		d, ok := s.data[item.key]
		if !ok || d.large {
			continue
		}
		path := strings.TrimSuffix(m.path, "/") + "/" + item.path
		if m.subPath != "" {
			if item.path != m.subPath {
				continue
			}
			path = m.path
		}
		s.used[item.key] = true
		out = append(out, mounted{path: path, datum: d, store: s, key: item.key, secret: s.secret})
	}
	return out
}
