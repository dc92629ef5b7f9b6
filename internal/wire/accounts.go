package wire

import (
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
)

// Accounts gives every account a number, however many reports name it. It is for
// several goroutines at a time.
type Accounts struct {
	mu       sync.Mutex
	index    map[string]uint32
	accounts []checks.Account
}

// NewAccounts returns a numbering without accounts.
func NewAccounts() *Accounts { return &Accounts{index: map[string]uint32{}} }

// row is an account of a reply, its strings as ranges of reportBuffers.text.
type row struct {
	idEnd, nameEnd int
	conns, leafs   uint32
}

// add numbers the rows of one whole reply.
func (in *Accounts) add(text []byte, rows []row) []checks.Usage {
	usage := make([]checks.Usage, 0, len(rows))
	in.mu.Lock()
	at := 0
	for _, r := range rows {
		id, name := text[at:r.idEnd], text[r.idEnd:r.nameEnd]
		at = r.nameEnd
		n, ok := in.index[string(id)]
		if !ok {
			n = uint32(len(in.accounts))
			a := checks.Account{ID: string(id), Name: string(name)}
			if a.Name == "" {
				a.Name = a.ID
			}
			in.index[a.ID] = n
			in.accounts = append(in.accounts, a)
		}
		usage = append(usage, checks.Usage{Account: n, Connections: r.conns, Leafnodes: r.leafs})
	}
	in.mu.Unlock()
	return usage
}

// All returns the accounts that are known by now, in the order of their
// numbers. Replies that are still being read may go on adding some.
func (in *Accounts) All() []checks.Account {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.accounts)
}
