package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/words"
)

// URLsType is the type of the JSON document of client URLs.
const URLsType = "nats-balance.v1.urls"

// URLs is the result of looking at client URLs alone. Every field is always
// present.
type URLs struct {
	Type     string    `json:"type"`
	Tool     Tool      `json:"tool"`
	Time     time.Time `json:"time"`
	Outcome  string    `json:"outcome"` // pass, finding or incomplete
	Lists    []URLList `json:"client_urls"`
	Read     Read      `json:"client_config"`
	DNS      []Name    `json:"dns"`
	Warnings []string  `json:"warnings"`
}

// URLList is a list with what is wrong with it.
type URLList struct {
	ClientURL
	Outcome  string   `json:"outcome"`
	Problems []string `json:"problems"`
	Open     []string `json:"open"`
}

// NewURLs judges the lists and builds the document.
func NewURLs(version string, now time.Time, lists []checks.URLList, read clienturl.Read, warnings []string) *URLs {
	doc := &URLs{Type: URLsType, Tool: Tool{Name: "nats-balance", Version: version}, Time: now.UTC().Truncate(time.Second),
		Outcome: string(checks.OutcomePass), Lists: []URLList{}, Read: newRead(read), DNS: dnsOf(lists), Warnings: []string{}}
	worst := 0
	for i, c := range clientURLs(&checks.Deployment{}, lists) {
		r := cause.CheckList(lists[i])
		list := URLList{ClientURL: c, Outcome: string(r.Outcome()), Problems: []string{}, Open: []string{}}
		for _, s := range r.Problems {
			list.Problems = append(list.Problems, words.Sentence(s))
		}
		for _, o := range r.Open {
			s := o.Text
			if o.Unasked {
				s = strings.TrimSuffix(s, ".") + " (--no-dns)."
			}
			list.Open = append(list.Open, words.Sentence(s))
		}
		rank := map[checks.Outcome]int{checks.OutcomeIncomplete: 1, checks.OutcomeFinding: 2}[r.Outcome()]
		if rank > worst {
			worst, doc.Outcome = rank, list.Outcome
		}
		doc.Lists = append(doc.Lists, list)
	}
	for _, w := range warnings {
		doc.Warnings = append(doc.Warnings, words.Sentence(w))
	}
	return doc
}

// URLsText writes the document for a person, the answer first.
func URLsText(w io.Writer, doc *URLs, style Style) error {
	p := newPrinter(style)
	wrong, open := 0, 0
	for _, l := range doc.Lists {
		switch l.Outcome {
		case "finding":
			wrong++
		case "incomplete":
			open++
		}
	}
	all := words.Plural(len(doc.Lists), "client URL list")
	switch {
	case wrong > 0:
		p.paragraph(text.FgRed, "", "", fmt.Sprintf("%s of %s: something is wrong.", words.Count(wrong), all))
	case open > 0:
		p.paragraph(text.FgYellow, "", "", fmt.Sprintf("Unknown for %s of %s: not all could be checked.", words.Count(open), all))
	default:
		p.paragraph(text.FgGreen, "", "", fmt.Sprintf("%s: nothing is wrong.", all))
	}
	for _, l := range doc.Lists {
		p.blank()
		p.clientURL(l.ClientURL)
		for _, s := range l.Problems {
			p.paragraph(text.FgRed, "  - ", "    ", s)
		}
		for _, s := range l.Open {
			p.paragraph(text.FgYellow, "  - ", "    ", "Unknown: "+s)
		}
	}
	if len(doc.DNS) > 0 {
		p.blank()
	}
	p.names(doc.DNS)
	p.read(doc.Read)
	if len(doc.Warnings) > 0 {
		p.blank()
	}
	p.warnings(doc.Warnings)
	return p.to(w)
}

// names tells what DNS says, with the addresses and who answers there.
func (p *printer) names(all []Name) {
	for i, n := range all {
		if i == listed {
			p.more("", len(all)-listed, "more answer")
			break
		}
		p.paragraph(text.Reset, "", "  ", fmt.Sprintf("DNS %s: %s [%s]", short(n.Host, prose), n.Detail, n.Resolver))
		for _, a := range n.Addresses {
			who, ttl := "nobody", ""
			if len(a.Servers) > 0 {
				who = list(a.Servers, named)
			}
			if a.TTL != nil {
				ttl = fmt.Sprintf(", TTL %d s", *a.TTL)
			}
			p.wrap("  ", fmt.Sprintf("%s%s: %s", a.IP, ttl, strings.TrimSpace(who)))
		}
	}
}
