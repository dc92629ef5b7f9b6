package report

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// mostFindings bounds how many findings of it are kept.
	mostFindings = 100_000
	// mostConnections bounds what is believed of a number of connections.
	mostConnections = 1 << 40
)

// errNoDocument is one of [ReadBaseline], in a clause that says what to pass.
var errNoDocument = errors.New("it is not an audit document, or it is cut short: pass what audit concentration --json wrote")

// pastFinding is what is read of a finding.
type pastFinding struct {
	Account Account   `json:"account"`
	Cluster string    `json:"cluster"`
	Server  ServerRef `json:"server"`

	Connections int `json:"connections"`
	OnServer    int `json:"on_server"`
}

// ReadBaseline reads an earlier document of the concentration check. It reads
// it as a stream, keeps what is compared, and makes it harmless again: the file
// may have come from anywhere. An error says what to pass.
func ReadBaseline(r io.Reader) (*Past, error) { return readBaseline(r, largestBaseline, mostRead) }

func readBaseline(r io.Reader, most int64, values int) (*Past, error) {
	e := newEarlier(r, most, values)
	past, err := readPast(e)
	if err = e.why(err); err != nil {
		return nil, err
	}
	return past, nil
}

func readPast(d *earlier) (*Past, error) {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, errNoDocument
	}
	past := &Past{}
	needed := []string{"type", "check", "time", "source", "parameters", "outcome", "findings"}
	kind, seen := "", map[string]bool{}
	var from Source
	var check Check
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil || token.Kind() != '"' {
			return nil, errNoDocument
		}
		name := token.String()
		if seen[name] {
			return nil, errNoDocument
		}
		if name == "clusters" || slices.Contains(needed, name) { // of others there may be any number
			seen[name] = true
		}
		switch name {
		case "type":
			err = json.UnmarshalDecode(d.Decoder, &kind)
			if err == nil && kind != Type {
				return nil, fmt.Errorf("it is of type %q: pass a document of type %s, which audit concentration --json writes", words.Harmless(kind), Type)
			}
		case "check":
			err = json.UnmarshalDecode(d.Decoder, &check)
		case "time":
			err = json.UnmarshalDecode(d.Decoder, &past.Time)
		case "source":
			err = json.UnmarshalDecode(d.Decoder, &from)
		case "parameters":
			err = json.UnmarshalDecode(d.Decoder, &past.Parameters)
		case "outcome":
			err = json.UnmarshalDecode(d.Decoder, &past.Outcome)
		case "clusters":
			past.Servers, err = readPastServers(d)
		case "findings":
			past.Findings, err = readPastFindings(d.Decoder)
		default:
			err = d.SkipValue()
		}
		switch {
		case errors.Is(err, errManyFindings):
			return nil, err
		case err != nil:
			return nil, errNoDocument
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, errNoDocument
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has more than one document: pass what one audit concentration --json wrote")
	}
	for _, name := range needed {
		if !seen[name] {
			return nil, fmt.Errorf("it has no field %s: pass what audit concentration --json wrote", name)
		}
	}
	past.Source, past.Code = words.Harmless(from.Kind), words.Harmless(check.Code)
	if a := from.Account; a != nil {
		past.Account = &Account{ID: words.Harmless(a.ID), Name: words.Harmless(a.Name)}
	}
	past.Time = past.Time.UTC().Truncate(time.Second)
	switch code := checks.Concentration().Code; {
	case past.Code != code:
		return nil, fmt.Errorf("it is of check %q: pass a document of %s", past.Code, code)
	case past.Time.Year() < 1 || past.Time.Year() > 9999:
		return nil, errNoDocument
	}
	return past, nil
}

var errManyFindings = fmt.Errorf("it has more than %s findings: pass what audit concentration --json wrote", words.Count(mostFindings))

func readPastFindings(d *jsontext.Decoder) ([]Row, error) {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, errNoDocument
	}
	var out []Row
	for d.PeekKind() != ']' {
		var f pastFinding
		if err := json.UnmarshalDecode(d, &f); err != nil {
			return nil, err
		}
		switch {
		case f.Account.ID == "", f.Connections < 1, f.OnServer < 1, f.OnServer > f.Connections, int64(f.Connections) > mostConnections:
			return nil, errNoDocument
		case len(out) == mostFindings:
			return nil, errManyFindings
		}
		out = append(out, Row{Account: Account{ID: words.Harmless(f.Account.ID), Name: words.Harmless(f.Account.Name)},
			Cluster: words.Harmless(f.Cluster), Server: serverRef(checks.ServerRef(f.Server)),
			Connections: f.Connections, OnServer: f.OnServer, SharePercent: percent(f.OnServer, f.Connections)})
	}
	_, err := d.ReadToken()
	return out, err
}

// readPastServers reads the servers of the document's clusters, those included
// that did not report.
func readPastServers(d *earlier) ([]PastServer, error) {
	type server struct {
		Server      ServerRef `json:"server"`
		Connections *int      `json:"connections"`
		Accounts    *int      `json:"accounts"`
	}
	type cluster struct {
		Name     string   `json:"name"`
		Reported string   `json:"reported_name"`
		Servers  []server `json:"servers"`
	}
	var clusters []cluster
	if err := json.UnmarshalDecode(d.Decoder, &clusters, json.WithUnmarshalers(json.JoinUnmarshalers(counted[server](d), counted[cluster](d)))); err != nil {
		return nil, err
	}
	var out []PastServer
	for _, c := range clusters {
		for _, s := range c.Servers {
			host, _, err := net.SplitHostPort(s.Server.Name)
			if address := err == nil && host == s.Server.Host && s.Connections == nil; address {
				continue // it stands for a server of which nothing else was known
			}
			if s.Server.Name != "" && len(out) < mostPastServers {
				p := PastServer{Name: s.Server.Name, Host: s.Server.Host, Cluster: c.Name, Reported: c.Reported, Unnamed: s.Server.Name == s.Server.ID}
				// What a document says is believed within what there can be.
				if n := s.Connections; n != nil && *n >= 0 && int64(*n) <= mostConnections {
					p.Connections, p.Accounts = n, s.Accounts
				}
				out = append(out, p)
			}
		}
	}
	return out, nil
}
