package clienturl

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// maxEntries is the most entries of one list.
const maxEntries = 1000

// entry is one entry of a list as it is written.
type entry struct {
	endpoint checks.Endpoint
	user     string
	err      error
	// schemed: it has a scheme; foreign: one of no NATS client; bare: it is a
	// host without a scheme and a port.
	schemed, foreign, bare bool
	scheme                 string
}

// entries is a value, or a sequence of them, taken apart.
type entries struct {
	all []entry
	// fallback: it is the default of a variable that may be set.
	fallback bool
	// text: there are words in it that are no entries, as in a command.
	text bool
}

var (
	variableDefault = regexp.MustCompile(`^\$\{[A-Za-z_][\w.]*:-?([^{}$]+)\}$`)
	wholeVariable   = regexp.MustCompile(`^(?:\$\{[^{}]*\}|\$\([\w.-]+\)|\$[A-Za-z_]\w*|\{\{[^{}]*\}\}|%\w+%|<[\w -]+>|__\w+__|\(\([\w/.-]+\)\))$`)
	schemeOf        = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
)

// entriesOf takes values apart as clients and operators write lists: entries
// with commas, semicolons or spaces between, JSON in a string, escaped colons
// and slashes.
func entriesOf(values []string) entries {
	var out entries
	for _, value := range values {
		value = strings.TrimSpace(value)
		if m := variableDefault.FindStringSubmatch(value); m != nil {
			out.fallback, value = true, unquote(m[1])
		}
		if strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") {
			var inner []string
			if json.Unmarshal([]byte(value), &inner) == nil {
				more := entriesOf(inner)
				out.all, out.text = append(out.all, more.all...), out.text || more.text
				continue
			}
		}
		value = strings.NewReplacer(`\:`, ":", `\/`, "/").Replace(unquote(value))
		prose := isProse(value)
		for i, part := range splitEntries(value) {
			if len(out.all) >= maxEntries {
				out.text = true
				return out
			}
			e := entryOf(part, i)
			if prose && e.bare && isWord(e.endpoint.Host) {
				e.err = errName
			}
			out.text = out.text || e.err != nil && !e.schemed && !errors.Is(e.err, errPlaceholder) && !errors.Is(e.err, errCredentials) && !errors.Is(e.err, errPort)
			out.all = append(out.all, e)
		}
	}
	return out
}

// isProse reports whether a value has URLs with other words before or after them,
// and only spaces between.
func isProse(value string) bool {
	if !strings.Contains(value, "://") {
		return false
	}
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return strings.ContainsRune(",;|", r) }) {
		found := strings.Fields(part)
		if slices.ContainsFunc(found, func(w string) bool { return strings.Contains(w, "://") }) && slices.ContainsFunc(found, isWord) {
			return true
		}
	}
	return false
}

// isWord reports whether nothing about a text says that it is a host.
func isWord(text string) bool {
	return !strings.ContainsAny(text, ".:") && !slices.Contains(words(text), "nats")
}

// splitEntries splits at commas, semicolons and spaces, but not within a
// placeholder.
func splitEntries(value string) []string {
	if wholeVariable.MatchString(value) {
		return []string{value}
	}
	var out []string
	start := 0
	put := func(end int) {
		if part := strings.Trim(value[start:end], " \t\r\n\"'"); part != "" {
			out = append(out, part)
		}
	}
	for at := 0; at < len(value); {
		if skip := placeholder([]byte(value[at:min(len(value), at+512)])); skip > 0 {
			at += skip
			continue
		}
		if strings.IndexByte(",; \t\r\n|", value[at]) >= 0 {
			put(at)
			start = at + 1
		}
		at++
	}
	put(len(value))
	return out
}

// entryOf reads the entry at an index of a value.
func entryOf(part string, index int) entry {
	var e entry
	if m := schemeOf.FindStringSubmatch(part); m != nil {
		e.schemed, e.scheme = true, strings.ToLower(m[1])
	}
	switch e.scheme {
	case "tcp":
		part, e.scheme = "mqtt"+part[3:], "tcp"
	case "ssl":
		part = "mqtts" + part[3:]
	}
	squeezed := squeeze([]byte(part))
	e.endpoint, e.user, e.err = parseUser(squeezed)
	switch {
	case wholeVariable.MatchString(part):
		e.err = errPlaceholder
	case errors.Is(e.err, errName) && hasPlaceholder(squeezed), errors.Is(e.err, errPort) && hasPlaceholder(squeezed):
		e.err = errPlaceholder
	case index > 0 && !e.schemed && strings.Contains(part, "@"):
		e.err = errCredentials // it could be the rest of a password with a comma
	case e.schemed && strings.ContainsRune(authority(part), '\\'):
		e.err = errCredentials // of which the @ may be escaped
	}
	e.foreign = e.schemed && !slices.Contains(schemes(), e.scheme) && e.scheme != "tcp" && e.scheme != "ssl"
	if !e.schemed && e.err == nil {
		_, port, _ := splitPort(part[strings.LastIndexByte(part, '@')+1:])
		e.bare = port == ""
		if !isHostName(e.endpoint.Host) || strings.HasSuffix(part, ":") { // a key

			e.err = errName
		}
	}
	return e
}

// authority is what stands between the scheme of a URL and its path.
func authority(part string) string {
	_, rest, _ := strings.Cut(part, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// isHostName tells a host from other words of a configuration.
func isHostName(host string) bool {
	if _, err := strconv.ParseFloat(host, 64); err == nil {
		return false
	}
	switch strings.ToLower(host) {
	case "", "true", "false", "yes", "no", "on", "off", "null", "nil", "none", "enabled", "disabled", "default", "auto":
		return false
	}
	return !strings.HasSuffix(host, "-") && !strings.HasPrefix(host, "-") && !strings.ContainsRune(host, '/')
}

// nats reports whether an entry has the scheme nats, which is of nothing else.
func (e entries) nats() bool {
	return slices.ContainsFunc(e.all, func(e entry) bool { return e.scheme == "nats" })
}

// schemed reports whether an entry has a scheme of clients of NATS.
func (e entries) schemed() bool {
	return slices.ContainsFunc(e.all, func(e entry) bool { return e.schemed && !e.foreign })
}

// mqttOnly reports whether entries have a scheme that of these clients only MQTT
// has, beside other systems.
func (e entries) mqttOnly() bool {
	return slices.ContainsFunc(e.all, func(e entry) bool { return e.scheme == "tcp" || e.scheme == "ssl" })
}

// foreign reports whether an entry is of another system.
func (e entries) foreign() bool {
	return slices.ContainsFunc(e.all, func(e entry) bool { return e.foreign })
}

// plain reports whether all entries are hosts, some perhaps with a port.
func (e entries) plain() bool {
	return len(e.all) > 0 && !slices.ContainsFunc(e.all, func(e entry) bool { return e.schemed || e.err != nil && !errors.Is(e.err, errPlaceholder) })
}

// namesNATS reports whether a host has the word nats.
func (e entries) namesNATS() bool {
	return slices.ContainsFunc(e.all, func(e entry) bool { return e.err == nil && slices.Contains(words(e.endpoint.Host), "nats") })
}

// blank reports whether nothing but placeholders is there.
func (e entries) blank() bool {
	return len(e.all) > 0 && !slices.ContainsFunc(e.all, func(e entry) bool { return !errors.Is(e.err, errPlaceholder) || e.schemed })
}
