package clienturl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// maxCandidates is the most URLs that are looked at in one file.
const maxCandidates = 10_000

// group is the URLs of one list with where it is.
type group struct {
	urls        []candidate
	first, last int   // lines, from 0
	brackets    []int // that are open at its start
	ordered     checks.Answer
	account     string
}

var (
	// linkFlag is a flag of nats-server before a URL of its cluster.
	linkFlag = regexp.MustCompile(`--?(?:routes|cluster(?:_listen|_advertise)?)["']?[\s=,]+(?:-\s+)?["']?$`)
	// serverKey is the key of a list of hosts; natsKey says that it is of NATS.
	serverKey = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:servers?|urls?|hosts?|addr|address|addresses|endpoints?)(?:[^a-z]|$)|[a-z](?:Servers?|Urls?|URLs?|Hosts?|Addr|Address|Addresses|Endpoints?)$`)
	natsKey   = regexp.MustCompile(`(?i)nats`)
	// variable is a name that is an element of a list, and no key; nothing ends
	// lists of C.
	variable = regexp.MustCompile(`^(?:\.\.\.)?[A-Za-z_][\w.]*(?:\([^()\n]*\))?\s*(?:,|\]|\})`)
	nothing  = regexp.MustCompile(`^(?:NULL|nullptr|null|nil|None|undefined)\b`)
	envName  = regexp.MustCompile(`^\s*-?\s*["']?name["']?:\s*["']?([\w.-]+)`)
)

// extract finds the client lists in the text of the file at path, which it
// changes.
func extract(path string, text []byte) (lists []checks.URLList, warnings []string) {
	s := newSource(path, text)
	var notes []note
	warn := func(line int, text string) { notes = append(notes, note{line, text}) }
	found := s.candidates()
	if len(found) > maxCandidates {
		found = found[:maxCandidates]
		warn(0, fmt.Sprintf("the file has more than %d URLs, the others are left out", maxCandidates))
	}
	groups := s.groups(found)
	s.settle(groups, filepath.Dir(path))
	for _, g := range groups {
		list := checks.URLList{
			Origin:  fmt.Sprintf("%s:%d", path, g.first+1),
			Account: g.account,
			Ordered: g.ordered,
		}
		var bad error
		for _, c := range g.urls {
			if c.err != nil {
				bad = c.err
			}
			list.Endpoints = append(list.Endpoints, c.endpoint)
		}
		switch {
		case errors.Is(bad, errPlaceholder):
			warn(g.first, "the server list has a placeholder: pass --client-url with what it becomes")
		case bad != nil:
			warn(g.first, "the server list has a URL that "+cutAdvice(bad))
		case s.hasVariable(g):
			warn(g.first, "the server list goes on with a variable: pass --client-url with the whole list")
		default:
			lists = append(lists, list)
		}
	}
	for _, line := range s.filledIn(groups) {
		warn(line, "the server list has a placeholder: pass --client-url with what it becomes")
	}
	slices.SortStableFunc(notes, func(a, b note) int { return cmp.Compare(a.line, b.line) })
	for _, n := range slices.Compact(notes) {
		warnings = append(warnings, fmt.Sprintf("%s:%d: %s", path, n.line+1, n.text))
	}
	return lists, warnings
}

// note is what there is to say of a line, from 0.
type note struct {
	line int
	text string
}

// cutAdvice leaves out what a flag's user should pass.
func cutAdvice(err error) string {
	fault, _, _ := strings.Cut(err.Error(), ":")
	return fault
}

// groups joins URLs to lists, and leaves out what is no client's.
func (s *source) groups(found []candidate) []group {
	var all []group
	for i, c := range found {
		if i > 0 && s.joined(found[i-1], c) {
			last := &all[len(all)-1]
			last.urls = append(last.urls, c)
			last.last = s.lineOf(c.start)
			continue
		}
		line := s.lineOf(c.start)
		all = append(all, group{urls: []candidate{c}, first: line, last: line, ordered: checks.Unknown})
	}
	starts := make([]int, len(all))
	for i := range all {
		starts[i] = all[i].urls[0].start
	}
	brackets := s.brackets(starts)
	for i := range all {
		all[i].brackets = brackets[i]
	}
	return slices.DeleteFunc(all, func(g group) bool { return !s.isClient(g) })
}

// isClient is whether a list is one of a NATS client: not the links of servers,
// not another service's WebSocket.
func (s *source) isClient(g group) bool {
	start := g.urls[0].start
	before := s.before(start)
	before = before[max(0, len(before)-256):]
	own := ""
	if trimmed := bytes.TrimRight(before, " \t\"'`[({\\"); len(trimmed) > 0 && bytes.IndexByte([]byte(":=>"), trimmed[len(trimmed)-1]) >= 0 {
		own = lastWord(trimmed)
	}
	if own == "value" { // of an entry with a name, as in Kubernetes
		if m := envName.FindSubmatch(s.head(g.first - 1)); m != nil {
			own = string(m[1])
		}
	}
	byIndent := append([]string{own}, s.ancestors(g.first)...)
	byBracket := []string{own}
	for _, at := range slices.Backward(g.brackets) {
		byBracket = append(byBracket, lastWord(s.before(at)))
	}
	if isLink(byIndent) || isLink(byBracket) || linkFlag.Match(s.text[max(0, start-128):start]) {
		return false
	}
	if slices.ContainsFunc(g.urls, func(c candidate) bool { return s.text[c.start]|0x20 == 'n' && !c.weak }) { // nats://
		return true
	}
	nearest := []string{own}
	if own == "" {
		nearest = nearestKeys(byIndent, byBracket)
	}
	natsy := slices.ContainsFunc(slices.Concat(byIndent, byBracket), natsKey.MatchString)
	if !slices.ContainsFunc(g.urls, func(c candidate) bool { return !c.weak }) {
		// Without a scheme the nearest key has to say that these are servers.
		return slices.ContainsFunc(nearest, serverKey.MatchString) && (natsy || s.mentions(g.first-5, start))
	}
	return natsy || s.mentions(g.first, g.urls[len(g.urls)-1].end) || slices.Contains(nearest, "servers")
}

// nearestKeys is the first key of each chain.
func nearestKeys(chains ...[]string) []string {
	var out []string
	for _, chain := range chains {
		if i := slices.IndexFunc(chain, func(k string) bool { return k != "" }); i >= 0 {
			out = append(out, chain[i])
		}
	}
	return out
}

// mentions is whether NATS is spoken of from a line to an offset.
func (s *source) mentions(line, offset int) bool {
	from := max(s.lines[max(line, 0)], offset-1024)
	return bytes.Contains(bytes.ToLower(s.text[from:offset]), []byte("nats"))
}

// isLink is whether keys, the nearest first, are those of the links between
// servers in a configuration of nats-server.
func isLink(keys []string) bool {
	for _, key := range keys {
		switch strings.ToLower(strings.TrimLeft(key, "-.")) {
		case "routes", "remotes", "gateways":
			return true
		case "", "url", "urls", "name", "account", "credentials", "tls":
		default:
			return false
		}
	}
	return false
}

// hasVariable is whether a list in square or curly brackets goes on after its
// last URL with something that isn't text: the rest is not known.
func (s *source) hasVariable(g group) bool {
	first, last := g.urls[0], g.urls[len(g.urls)-1]
	opened := bytes.TrimRight(s.text[max(0, first.start-64):first.start], "\"'` \t\r\n")
	if len(opened) == 0 || opened[len(opened)-1] != '[' && opened[len(opened)-1] != '{' {
		return false
	}
	rest := bytes.TrimLeft(s.text[last.end:min(len(s.text), last.end+128)], "\"'`")
	rest, comma := bytes.CutPrefix(bytes.TrimSpace(rest), []byte(","))
	rest = bytes.TrimSpace(rest)
	return comma && variable.Match(rest) && !nothing.Match(rest)
}

// filledIn are the lines with a key of NATS URLs that has only a template.
func (s *source) filledIn(groups []group) []int {
	var lines []int
	for n := range s.lines {
		line := s.line(n)
		if len(line) > 1024 || !bytes.Contains(line, []byte("{{")) && !bytes.Contains(line, []byte("${")) && !bytes.Contains(line, []byte("$(")) {
			continue
		}
		if len(lines) == maxWarnings {
			break
		}
		before := s.head(n - 1) // in Kubernetes the name is in the line before
		named := bytes.Join([][]byte{before, line}, []byte("\n"))
		inLine := func(loc []int) bool { return loc[1] > len(before)+1 }
		known := func(g group) bool { return g.first <= n && n <= g.last }
		if slices.ContainsFunc(filledIn.FindAllIndex(named, 8), inLine) && !slices.ContainsFunc(groups, known) {
			lines = append(lines, n)
		}
	}
	return lines
}
