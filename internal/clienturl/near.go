package clienturl

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	orderedWithin = 15    // lines
	accountWithin = 30    // lines
	maxMarks      = 1_000 // a file has more only by design
)

var (
	// keepsOrder is the option that clients have for it, by any of its names.
	keepsOrder = regexp.MustCompile(`(?i)(?:dont[_-]?randomize(?:_servers)?|no[_-]?randomize|retain_?servers_?order)["']?([^\n]{0,64})`)
	// switchedOn and switchedOff are what follows the option's name.
	switchedOn  = regexp.MustCompile(`(?i)^\s*(?:\(\s*\)|\(\s*(?:[\w.&>-]+\s*,\s*)?true\s*\)|(?:=>|:=|[:=])\s*["']?(?:true|yes|on|1)\b)`)
	switchedOff = regexp.MustCompile(`(?i)^\s*(?:\(\s*(?:[\w.&>-]+\s*,\s*)?false\s*\)|(?:=>|:=|[:=])\s*["']?(?:false|no|off|0)\b)`)
	// token is a JWT, such as a user's.
	token = regexp.MustCompile(`\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}`)
)

// What clients call the option for their name, and the user.
var (
	clientName = regexp.MustCompile(`(?:\bnats\.Name\(\s*|\b(?:connectionName|connection_name|SetName)\(\s*(?:\w+,\s*)?|\b[nN]ame["']?\s*[:=]\s*|\.name\(\s*)["'` + "`" + `]([\w .:@/-]{1,64})["'` + "`" + `]`)
	clientUser = regexp.MustCompile(`(?:\bnats\.UserInfo\(\s*|\b(?:userInfo|user_and_password|with_user_and_password|SetUserInfo)\(\s*(?:\w+,\s*)?|\b(?:[uU]ser|[uU]sername)["']?\s*[:=]\s*)["'` + "`" + `]([^"'` + "`" + `\s]{1,64})["'` + "`" + `]`)
)

// settle finds what stands beside the lists: whether clients keep their order,
// credentials, which name the account, the user, and the client's name.
func (s *sourceText) settle(groups []group, account func(reference string) string) {
	s.mark(groups, s.around(groups, orderedWithin, keepsOrder), orderedWithin, func(g *group, m []int) {
		after := s.text[m[2]:m[3]]
		switch {
		case switchedOn.Match(after):
			g.ordered = checks.Yes
		case switchedOff.Match(after) && g.ordered == checks.Unknown:
			g.ordered = checks.No
		}
	})
	if s.code {
		s.mark(groups, s.around(groups, orderedWithin, clientName), orderedWithin, func(g *group, m []int) {
			g.client = cmp.Or(g.client, string(s.text[m[2]:m[3]]))
		})
		s.mark(groups, s.around(groups, orderedWithin, clientUser), orderedWithin, func(g *group, m []int) {
			g.user = cmp.Or(g.user, string(s.text[m[2]:m[3]]))
		})
	}
	s.settleCommands(groups)
	if account == nil {
		return
	}
	s.mark(groups, s.credsPaths(), accountWithin, func(g *group, m []int) {
		g.account = cmp.Or(g.account, account(strings.TrimPrefix(string(s.text[m[0]:m[1]]), "file://")))
	})
	s.mark(groups, s.around(groups, accountWithin, token), accountWithin, func(g *group, m []int) {
		if m[1]-m[0] <= maxCreds {
			g.account = cmp.Or(g.account, account(string(s.text[m[0]:m[1]])))
		}
	})
}

var (
	// natsCommand is the `nats` program before its arguments.
	natsCommand = regexp.MustCompile(`(?:^|[\s;&|("'` + "`" + `/])nats(?:\.exe)?\s`)
	commandEnd  = regexp.MustCompile(`[;&|\n]`)
	flagOfName  = regexp.MustCompile(`\s--connection-name[=\s]+["']?([\w.:@/-]{1,64})`)
	flagOfUser  = regexp.MustCompile(`\s--user[=\s]+["']?([\w.:@/-]{1,64})`)
)

// settleCommands ties the lists in commands of the `nats` program by the flags of
// the same command.
func (s *sourceText) settleCommands(groups []group) {
	for i := range groups {
		g := &groups[i]
		from, to := g.first, g.last
		for from > 0 && g.first-from < orderedWithin && bytes.HasSuffix(bytes.TrimSpace(s.line(from-1)), []byte(`\`)) {
			from--
		}
		for to+1 < len(s.lines) && to-g.last < orderedWithin && bytes.HasSuffix(bytes.TrimSpace(s.line(to)), []byte(`\`)) {
			to++
		}
		start, end := max(s.lines[from], g.urls[0].start-maxGap), min(s.lines[to]+len(s.line(to)), g.urls[0].start+maxGap)
		before := s.text[start:g.urls[0].start]
		if !slices.ContainsFunc([]string{"nats ", "nats\t", "nats\n", "nats\r", "nats.exe"}, func(w string) bool { return bytes.Contains(before, []byte(w)) }) {
			continue // most have none, and a line may be long
		}
		commands := natsCommand.FindAllIndex(before, -1)
		if len(commands) == 0 {
			continue
		}
		command := bytes.ReplaceAll(s.text[start+commands[len(commands)-1][1]-1:end], []byte("\\\n"), []byte("  "))
		if at := commandEnd.FindIndex(command); at != nil {
			command = command[:at[0]]
		}
		if m := flagOfName.FindSubmatch(command); m != nil {
			g.client = cmp.Or(g.client, string(m[1]))
		}
		if m := flagOfUser.FindSubmatch(command); m != nil {
			g.user = cmp.Or(g.user, string(m[1]))
		}
	}
}

// around finds a pattern in the lines of the lists and so many on either side.
func (s *sourceText) around(groups []group, within int, pattern *regexp.Regexp) [][]int {
	var out [][]int
	done := 0 // up to this line
	for i := 0; i < len(groups) && len(out) < maxMarks; {
		from := max(done, groups[i].first-within)
		for done = from; i < len(groups) && groups[i].first-within <= done; i++ {
			done = max(done, groups[i].last+within+1)
		}
		start, end := len(s.text), len(s.text)
		if from < len(s.lines) {
			start = s.lines[from]
		}
		if done < len(s.lines) {
			end = s.lines[done]
		}
		for _, m := range pattern.FindAllSubmatchIndex(s.text[start:end], maxMarks-len(out)) {
			for j := range m {
				m[j] += start
			}
			out = append(out, m)
		}
	}
	return out
}

// credsPaths are where paths to files of credentials stand.
func (s *sourceText) credsPaths() [][]int {
	const suffix = ".creds"
	var out [][]int
	for from := 0; len(out) < maxMarks; {
		at := bytes.Index(s.text[from:], []byte(suffix))
		if at < 0 {
			break
		}
		at += from
		from = at + len(suffix)
		least := max(0, at-1024)
		start := least + bytes.LastIndexAny(s.text[least:at], " \t\r\n\"'`=,;()[]{}<>|") + 1
		if start < at && (from == len(s.text) || !isKey(rune(s.text[from]))) {
			out = append(out, []int{start, from})
		}
	}
	return out
}

// mark gives each match to the list that it belongs to: the nearest in its own
// block or in one around it, within so many lines.
func (s *sourceText) mark(groups []group, matches [][]int, within int, give func(*group, []int)) {
	if len(matches) == 0 || len(groups) == 0 {
		return
	}
	offsets := make([]int, len(matches))
	for i, m := range matches {
		offsets[i] = m[0]
	}
	places := make([]place, len(groups))
	for n, g := range groups {
		places[n] = s.place(g.first, g.brackets)
	}
	for i, brackets := range s.brackets(offsets) {
		line := s.lineOf(offsets[i])
		here := s.place(line, brackets)
		best, at := closeness{}, -1
		for n := range groups {
			g := &groups[n]
			lines := max(g.first-line, line-g.last, 0)
			if lines > within || !s.sameBlock(places[n], here) {
				continue
			}
			c := closeness{lines: lines, shared: shared(g.brackets, brackets), bytes: max(g.urls[0].start-offsets[i], offsets[i]-g.urls[len(g.urls)-1].end)}
			if at < 0 || c.compare(best) < 0 {
				best, at = c, n
			}
		}
		if at >= 0 {
			give(&groups[at], matches[i])
		}
	}
}

// place is where something is, in brackets and lines.
type place struct {
	brackets []int // that are open
	blocks   []int // the curly ones of them
	// home is the line in which the statement starts, as far as brackets other
	// than blocks tell.
	home int
}

func (s *sourceText) place(line int, brackets []int) place {
	p := place{brackets: brackets, home: line}
	for _, at := range brackets {
		if s.text[at] == '{' {
			p.blocks = append(p.blocks, at)
		}
	}
	for _, at := range slices.Backward(brackets) {
		if s.text[at] == '{' {
			break
		}
		p.home = s.lineOf(at)
	}
	return p
}

// sameBlock reports whether two places are in the same block, or one in a block
// around the other's.
func (s *sourceText) sameBlock(a, b place) bool {
	if common := shared(a.blocks, b.blocks); common < len(a.blocks) && common < len(b.blocks) {
		return false
	}
	n := shared(a.brackets, b.brackets)
	if n > 0 && (n == len(a.brackets) || n == len(b.brackets)) && s.text[a.brackets[n-1]] != '{' {
		return true // in the same call
	}
	return !s.outdented(a.home, b.home)
}

// shared is how many brackets two places have in common.
func shared(a, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// closeness says how near a list is; what is less is nearer.
type closeness struct{ lines, shared, bytes int }

func (c closeness) compare(other closeness) int {
	return cmp.Or(cmp.Compare(c.lines, other.lines), cmp.Compare(other.shared, c.shared), cmp.Compare(c.bytes, other.bytes))
}
