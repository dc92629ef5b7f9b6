package report

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Read tells what was read to find client URLs. Every field is always present.
type Read struct {
	Files      int            `json:"files"`
	Bytes      int64          `json:"bytes"`
	Objects    int            `json:"kubernetes_objects"`
	Lists      int            `json:"lists"`
	Tied       int            `json:"tied"`
	Incomplete int            `json:"incomplete"`
	ByPattern  int            `json:"by_pattern"`
	Untied     []string       `json:"untied"`
	Skipped    []SkippedFiles `json:"skipped"`
}

// SkippedFiles is how many files were not read for one reason. The extension is null
// where the reason is another.
type SkippedFiles struct {
	Why       string  `json:"why"`
	Extension *string `json:"extension"`
	Files     int     `json:"files"`
}

// newRead makes what was read fit to print.
func newRead(r clienturl.Read) Read {
	out := Read{Files: r.Files, Bytes: r.Bytes, Objects: r.Objects, Lists: r.Lists, Tied: r.Tied, Incomplete: r.Incomplete,
		ByPattern: r.ByPattern, Untied: []string{}, Skipped: []SkippedFiles{}}
	for _, origin := range r.Untied {
		out.Untied = append(out.Untied, words.Sentence(origin))
	}
	for _, s := range r.Skipped {
		out.Skipped = append(out.Skipped, SkippedFiles{Why: string(s.Why), Extension: orNull(words.Harmless(s.Extension)), Files: s.Files})
	}
	return out
}

// read tells what was read to find the lists, where any configuration was.
func (p *printer) read(r Read) {
	if r.Files == 0 && len(r.Skipped) == 0 {
		return
	}
	p.blank()
	line := "Read " + words.Plural(r.Files, "file") + ": "
	if r.Objects > 0 {
		line = "Read " + words.Plural(r.Files, "file") + " with " + words.Plural(r.Objects, "Kubernetes object") + ": "
	}
	line += words.Plural(r.Lists, "client URL list") + ", " + words.Count(r.Tied) + " tied to a service"
	if r.Incomplete > 0 {
		line += ", " + words.Count(r.Incomplete) + " incomplete"
	}
	if r.ByPattern > 0 {
		line += ", " + words.Count(r.ByPattern) + " read by patterns"
	}
	p.wrap("", line+".")
	if len(r.Untied) > 0 {
		p.wrap("", "Not tied to any service: pass --client-config ACCOUNT=PATH, or put a user, credentials or a client name beside the list.")
		for i, origin := range r.Untied {
			if i == listed {
				p.wrap("  ", fmt.Sprintf("… and %s", words.Plural(r.Lists-r.Tied-listed, "more list")))
				break
			}
			p.paragraph(text.Reset, "  - ", "    ", origin)
		}
	}
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, skippedFor(s))
	}
	if len(skipped) > 0 {
		p.wrap("", "Skipped: "+strings.Join(skipped, ", ")+".")
	}
}

func skippedFor(s SkippedFiles) string {
	switch clienturl.SkipReason(s.Why) {
	case clienturl.SkipKind:
		if s.Extension == nil || *s.Extension == "none" {
			return words.Plural(s.Files, "file") + " without an extension"
		}
		return words.Plural(s.Files, *s.Extension+" file")
	case clienturl.SkipTest:
		return words.Plural(s.Files, "test")
	case clienturl.SkipBinary:
		return words.Plural(s.Files, "file") + " that " + areNot(s.Files, "text")
	case clienturl.SkipServer:
		return words.Plural(s.Files, "configuration") + " of servers"
	case clienturl.SkipUnusable:
		return words.Plural(s.Files, "link")
	case clienturl.SkipFailed:
	}
	return words.Plural(s.Files, "file") + " that can't be read (see the warnings)"
}

func areNot(n int, what string) string {
	if n == 1 {
		return "is not " + what
	}
	return "are not " + what
}
