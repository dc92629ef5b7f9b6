package report

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// htmlTable is a table; its first column names the rows.
type htmlTable struct {
	ID, Title string
	Head      []string
	Numbers   []bool // which columns are numbers
	Rows      [][]htmlCell
	More      string // what it does not list
}

// htmlCell is text, or code, with a bar of so many percent if it is a share; Whole
// are parts of it that stay on one line each.
type htmlCell struct {
	Text  string
	Whole []string
	Code  bool
	Bar   *htmlBar
}

// htmlBar is drawn so many percent wide; Most is that it is the largest.
type htmlBar struct {
	Percent Percent
	Most    bool
}

func newHTMLTable(id, title string, head ...string) *htmlTable {
	t := &htmlTable{ID: id, Title: title, Head: head, Numbers: make([]bool, len(head))}
	for i, h := range head {
		t.Numbers[i] = h == "Connections" || h == "Hosts"
	}
	return t
}

// add adds a row, and reports whether there was room.
func (p *htmlPage) add(t *htmlTable, cells ...htmlCell) bool {
	const markup = 40 // of a cell
	size := 0
	for _, c := range cells {
		size += markup + len(template.HTMLEscapeString(c.Text))
		if c.Bar != nil {
			size += 3 * markup
		}
	}
	if len(t.Rows) >= htmlRows || size > p.bytesLeft {
		return false
	}
	p.bytesLeft -= size
	t.Rows = append(t.Rows, cells)
	return true
}

// ended says how many rows there would be; nil where there are none.
func (p *htmlPage) ended(t *htmlTable, of int, sum string) *htmlTable {
	if of == 0 {
		return nil
	}
	if n := of - len(t.Rows); n > 0 {
		t.More = fmt.Sprintf("%s more%s, which JSON has.", words.Count(n), sum)
		p.summed("%s: %s of %s rows", t.Title, words.Count(len(t.Rows)), words.Count(of))
	}
	return t
}

// rows is a table of accounts; the rest is summed.
func (p *htmlPage) rows(id, title, last string, rows []RowOf) *htmlTable {
	head := []string{"Account", "Cluster", "Most on", "Connections", "Share"}
	if last != "" {
		head = append(head, last)
	}
	t := newHTMLTable(id, title, head...)
	for _, r := range rows {
		cells := []htmlCell{{Text: accountName(r.Account)}, {Text: clusterName(r.Cluster)}, {Text: short(r.Server.called(), htmlName)}, of(r.OnServer, r.Connections), share(r.SharePercent)}
		if last != "" {
			cells = append(cells, htmlCell{Text: r.Verdict})
		}
		if !p.add(t, cells...) {
			break
		}
	}
	on, all := 0, 0
	for _, r := range rows[len(t.Rows):] {
		on, all = on+r.OnServer, all+r.Connections
	}
	return p.ended(t, len(rows), fmt.Sprintf(" with %s of %s on one server each", words.Count(on), words.Plural(all, "connection")))
}

func of(part, whole int) htmlCell {
	return htmlCell{Text: fmt.Sprintf("%s of %s", words.Count(part), words.Count(whole))}
}

func share(percent Percent) htmlCell {
	return htmlCell{Text: percent.String() + "%", Bar: &htmlBar{percent, true}}
}

func (p *htmlPage) accepted() {
	all := p.Doc.Accepted
	t := newHTMLTable("accepted-rows", "Accepted findings", "Account", "Cluster", "Most on", "Share", "Until", "Reason")
	for _, a := range all {
		until := a.Expires
		if a.critical {
			until += ", critical"
		}
		if !p.add(t, htmlCell{Text: accountName(a.Account)}, htmlCell{Text: clusterName(a.Cluster)}, htmlCell{Text: short(a.Server.called(), htmlName)},
			share(a.SharePercent), htmlCell{Text: until}, htmlCell{Text: a.Reason}) {
			break
		}
	}
	p.Accepted = p.ended(t, len(all), "")
}

// clientURLs lists what the known client URLs reach, and what DNS says.
func (p *htmlPage) clientURLs() {
	t := newHTMLTable("url-rows", "Client URLs and the servers that they reach", "From", "Account", "URLs", "Reaches", "No answer from")
	for _, c := range p.Doc.ClientURLs {
		account := "any"
		if c.Account != nil {
			account = short(*c.Account, htmlName)
		}
		reach, _ := c.leadsTo(listed)
		if c.Unused != nil {
			reach += " (" + *c.Unused + ": nobody uses it)"
		}
		if !p.add(t, htmlCell{Text: c.Origin}, htmlCell{Text: account}, htmlCell{Text: list(c.URLs, listed), Code: true}, htmlCell{Text: reach}, htmlCell{Text: list(c.Unreachable, listed)}) {
			break
		}
	}
	p.ClientURLs = p.ended(t, len(p.Doc.ClientURLs), "")
	t = newHTMLTable("dns-rows", "What DNS says", "Name", "Resolver", "Addresses and the servers there", "Result")
	for _, n := range p.Doc.DNS {
		var addresses []string
		for i, a := range n.Addresses {
			if i == listed {
				addresses = append(addresses, words.Count(len(n.Addresses)-i)+" more")
				break
			}
			who := "no server"
			if len(a.Servers) > 0 {
				who = list(a.Servers, named)
			}
			addresses = append(addresses, a.IP+" ("+who+")")
		}
		if !p.add(t, htmlCell{Text: short(n.Host, prose)}, htmlCell{Text: n.Resolver}, htmlCell{Text: strings.Join(addresses, ", ")}, htmlCell{Text: n.Detail}) {
			break
		}
	}
	p.DNS = p.ended(t, len(p.Doc.DNS), "")
}
