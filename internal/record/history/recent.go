package history

import "github.com/nats-balance/nats-balance/internal/record"

// mostHeld is how many bytes of memory the documents of one reading take at most,
// 256 MiB. That is 262,144 documents at most: some 100,000 of clusters of three
// servers, or 10,000 of clusters of 64. What is made of them comes on top.
const mostHeld = 256 << 20

// recent holds the documents that came last.
type recent struct {
	most, held int // bytes
	docs       []record.Document
	cut        bool // older ones were dropped
}

func newRecent() *recent { return &recent{most: mostHeld} }

func (r *recent) add(d record.Document) {
	r.docs = append(r.docs, d)
	r.held += sizeOf(&d)
	for r.held > r.most {
		r.held -= sizeOf(&r.docs[0])
		r.docs[0] = record.Document{} // which frees what it points to
		r.docs, r.cut = r.docs[1:], true
	}
}

// sizeOf is about how many bytes of memory a document takes, rather too many. The
// stream may have documents that no watch wrote, with anything in them.
func sizeOf(d *record.Document) int {
	const (
		document = 1 << 10 // with what it points to, and its place in a slice that grows
		spread   = 128
		share    = 64
		move     = 112
	)
	n := document + text(d.Type, string(d.Change))
	if d.Cluster != nil {
		n += text(*d.Cluster)
	}
	if d.Unannounced != nil {
		n += text(string(*d.Unannounced))
	}
	if d.Reason != nil {
		n += text(*d.Reason)
	}
	if d.Account != nil {
		n += text(d.Account.ID, d.Account.Name)
	}
	if d.Server != nil {
		n += text(d.Server.ID, d.Server.Name, d.Server.Host)
	}
	for _, s := range []*record.DocumentSpread{d.Spread, d.Before} {
		if s == nil {
			continue
		}
		n += spread + share*cap(s.Servers) + text(string(s.Verdict))
		for _, x := range s.Servers {
			n += text(x.Server.ID, x.Server.Name, x.Server.Host)
		}
	}
	if d.Had != nil {
		n += spread + share*cap(d.Had.Of)
		for _, x := range d.Had.Of {
			n += text(x.Account.ID, x.Account.Name)
		}
	}
	for _, s := range d.Beside {
		n += text(s.ID, s.Name, s.Host)
	}
	if d.Who != nil {
		n += spread + move*cap(d.Who.Servers) + text(d.Who.System) + text(d.Who.Accounts...) + 16*cap(d.Who.Accounts)
		for _, x := range d.Who.Servers {
			n += text(x.Server.ID, x.Server.Name, x.Server.Host, x.Cluster) + 32
		}
	}
	if d.Doubt != nil {
		n += spread + move*cap(d.Doubt.Servers) + text(string(d.Doubt.Code))
		for _, x := range d.Doubt.Servers {
			n += text(x.Server.ID, x.Server.Name, x.Server.Host, x.Cluster) + 32
		}
	}
	n += share*cap(d.Beside) + move*cap(d.Moves)
	for _, m := range d.Moves {
		n += text(m.Service, m.Reason, m.Server.ID, m.Server.Name, m.Server.Host)
	}
	return n
}

// text is what texts take, each in memory of its own.
func text(all ...string) (n int) {
	for _, s := range all {
		if s != "" {
			n += len(s) + len(s)/8 + 16
		}
	}
	return n
}
