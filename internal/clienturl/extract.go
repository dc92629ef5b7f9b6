package clienturl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	prose "github.com/nats-balance/nats-balance/internal/words"
)

// maxCandidates is the most URLs that are looked at in one file.
const maxCandidates = 10_000

// group is the URLs of one list with where it is.
type group struct {
	urls        []candidate
	first, last int   // lines, from 0
	brackets    []int // that are open at its start
	ordered     checks.Answer
	// account, user and client are what stands beside the list.
	account, user, client string
	// fallback: it is the default of a variable. added: statements elsewhere add
	// to it, perhaps. joined: it is of several statements.
	fallback, added, joined bool
}

var (
	// linkFlag is a flag of nats-server before a URL of its cluster.
	linkFlag = regexp.MustCompile(`--?(?:routes|cluster(?:_listen|_advertise|_routes)?)["']?[\s=,]+(?:-\s+)?["']?$`)
	// serverKey is the key of a list of hosts; natsKey says that it is of NATS.
	serverKey = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:servers?|urls?|hosts?|addr|address|addresses|endpoints?)(?:[^a-z]|$)|[a-z](?:Servers?|Urls?|URLs?|Hosts?|Addr|Address|Addresses|Endpoints?)$`)
	natsKey   = regexp.MustCompile(`(?i)nats`)
	// variable is a name that is an element of a list, and no key; nothing ends
	// lists of C.
	variable = regexp.MustCompile(`^(?:\.\.\.)?[A-Za-z_][\w.]*(?:\([^()\n]*\))?\s*(?:,|\]|\})`)
	nothing  = regexp.MustCompile(`^(?:NULL|nullptr|null|nil|None|undefined)\b`)
	envName  = regexp.MustCompile(`^\s*-?\s*["']?name["']?:\s*["']?([\w.-]+)`)
)

// extract finds the client lists in a text, which it changes, by patterns. The
// name tells the language, place names a line, and account is that of credentials
// by their path or text.
func extract(name string, text []byte, place func(line int) string, account func(reference string) string) (lists []checks.URLList, notes []note) {
	s := newSource(name, text)
	warn := func(line int, text string) { notes = append(notes, note{line, text}) }
	found := s.candidates()
	if len(found) > maxCandidates {
		found = found[:maxCandidates]
		warn(0, fmt.Sprintf("the file has more than %s URLs, the others are left out", prose.Count(maxCandidates)))
	}
	groups := s.groups(found)
	s.settle(groups, account)
	for _, g := range s.oneOfTwo(groups) {
		list := checks.URLList{Origin: place(g.first + 1), Account: g.account, User: g.user, Client: g.client, Ordered: g.ordered}
		for _, c := range g.urls {
			switch {
			case errors.Is(c.err, errPlaceholder):
				warn(g.first, "the server list has a placeholder: pass --client-url with what it becomes")
				list.Incomplete = addNew(list.Incomplete, faultOf(c.err))
			case c.err != nil:
				why := "has a URL that " + faultOf(c.err)
				warn(g.first, "the server list "+why)
				list.Incomplete = addNew(list.Incomplete, why)
			default:
				list.Endpoints = append(list.Endpoints, c.endpoint)
				if c.user != "" {
					list.User = c.user
				}
			}
		}
		if g.added {
			warn(g.first, "the server list is put together in several places: pass --client-url with the whole list")
			list.Incomplete = addNew(list.Incomplete, "is put together in several places")
		}
		if s.hasVariable(g) || !g.joined && s.goesOnAround(g) {
			warn(g.first, "the server list goes on with a variable: pass --client-url with the whole list")
			list.Incomplete = addNew(list.Incomplete, "goes on with a variable")
		}
		if g.fallback {
			list.Incomplete = addNew(list.Incomplete, "is the default of a variable, which may be set")
			warn(g.first, "the server list is the default of a variable, which may be set: pass --client-url with the whole list")
		}
		if len(list.Endpoints) > 0 {
			lists = append(lists, list)
		}
	}
	for _, line := range s.filledIn(groups) {
		warn(line, "the server list has a placeholder: pass --client-url with what it becomes")
	}
	slices.SortStableFunc(notes, func(a, b note) int { return cmp.Compare(a.line, b.line) })
	return lists, slices.Compact(notes)
}

// note is what there is to say of a line, from 0.
type note struct {
	line int
	text string
}

// groups joins URLs to lists, and leaves out what is no client's.
func (s *sourceText) groups(found []candidate) []group {
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
	all = slices.DeleteFunc(all, func(g group) bool { return !s.isClient(g) })
	for i := range all {
		before := s.text[max(0, all[i].urls[0].start-128):all[i].urls[0].start]
		all[i].fallback = defaultBefore.Match(before)
	}
	return s.addUp(all)
}

// defaultBefore is a variable before its default value, in a shell or in Spring.
var defaultBefore = regexp.MustCompile(`\$\{[A-Za-z_][\w.]*:-?["']?$`)

// oneOfTwo joins the one URL and the servers that an option each gives the same
// client: it tries the URL first.
func (s *sourceText) oneOfTwo(groups []group) []group {
	if !s.code {
		return groups
	}
	optionOf := func(g group) string {
		before := s.before(g.urls[0].start)
		before = before[max(0, len(before)-256):]
		m := optionName.FindAllSubmatch(before, -1)
		if len(m) == 0 {
			return ""
		}
		return string(m[len(m)-1][1])
	}
	var out []group
	for i := 0; i < len(groups); i++ {
		g := groups[i]
		if i+1 < len(groups) {
			next := groups[i+1]
			a, b := optionOf(g), optionOf(next)
			near := next.first-g.last < orderedWithin && s.sameBlock(s.place(g.first, g.brackets), s.place(next.first, next.brackets))
			switch {
			case near && len(g.urls) == 1 && isFirstURL(a) && isMoreServers(b):
				g.urls = append(slices.Clone(g.urls), next.urls...)
			case near && len(next.urls) == 1 && isMoreServers(a) && isFirstURL(b):
				g.urls = append(slices.Clone(next.urls), g.urls...)
			default:
				out = append(out, g)
				continue
			}
			g.last, g.ordered = max(g.last, next.last), checks.Yes
			g.account, g.user, g.client = cmp.Or(g.account, next.account), cmp.Or(g.user, next.user), cmp.Or(g.client, next.client)
			i++
		}
		out = append(out, g)
	}
	return out
}

// optionName is the name of an option before its value: opts.Url =, Servers: and
// natsOptions_SetServers(.
var optionName = regexp.MustCompile(`\b(Url|Servers|SetUrl|SetServers|setUrl|setServers|natsOptions_SetURL|natsOptions_SetServers)\b\s*[:=(]`)

func isFirstURL(option string) bool {
	return option == "Url" || strings.HasSuffix(strings.ToLower(option), "seturl")
}

func isMoreServers(option string) bool {
	return option == "Servers" || strings.HasSuffix(strings.ToLower(option), "setservers")
}

// isClient reports whether a list is one of a NATS client: not the links of servers,
// not another service's WebSocket.
func (s *sourceText) isClient(g group) bool {
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
		byBracket = append(byBracket, s.keyOf(at))
	}
	if notAClient(byIndent) || notAClient(byBracket) || linkFlag.Match(s.text[max(0, start-128):start]) {
		return false
	}
	if slices.ContainsFunc(g.urls, func(c candidate) bool { return s.text[c.start]|0x20 == 'n' && !c.weak }) { // nats://
		return true
	}
	if s.isDialled(g) {
		return true
	}
	nearest := []string{own}
	if own == "" {
		nearest = nearestKeys(byIndent, byBracket)
	}
	natsy := slices.ContainsFunc(slices.Concat(byIndent, byBracket), natsKey.MatchString)
	if !slices.ContainsFunc(g.urls, func(c candidate) bool { return !c.weak }) {
		// Without a scheme the nearest key has to say that these are servers.
		bare := slices.ContainsFunc(g.urls, func(c candidate) bool { return c.bare })
		return slices.ContainsFunc(nearest, serverKey.MatchString) && (natsy || bare || s.mentions(g.first-5, start))
	}
	return natsy || s.mentions(g.first, g.urls[len(g.urls)-1].end) || slices.Contains(nearest, "servers")
}

// keyOf is the key that a bracket opens the value of; it is empty for an entry of
// a sequence.
func (s *sourceText) keyOf(at int) string {
	before := bytes.TrimRight(s.text[max(0, at-256):at], " \t\r\n")
	if len(before) > 0 && bytes.IndexByte([]byte(",[{("), before[len(before)-1]) >= 0 {
		return ""
	}
	return lastWord(bytes.TrimRight(before, ":= \t\r\n\"'`"))
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

// mentions reports whether NATS is spoken of from a line to an offset.
func (s *sourceText) mentions(line, offset int) bool {
	from := max(s.lines[max(line, 0)], offset-1024)
	return bytes.Contains(bytes.ToLower(s.text[from:offset]), []byte("nats"))
}

// hasVariable reports whether a list in square or curly brackets goes on after its
// last URL with something that isn't text: the rest is not known.
func (s *sourceText) hasVariable(g group) bool {
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
func (s *sourceText) filledIn(groups []group) []int {
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
