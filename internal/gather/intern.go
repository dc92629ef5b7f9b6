package gather

import (
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
)

// interner gives every account a number, however many replies name it.
type interner struct {
	mu       sync.Mutex
	index    map[string]uint32
	accounts []checks.Account
}

func newInterner() *interner { return &interner{index: map[string]uint32{}} }

// row is an account of a reply, its strings as ranges of decoder.text.
type row struct {
	idEnd, nameEnd int
	conns, leafs   uint32
}

// add numbers the rows of one whole reply.
func (in *interner) add(text []byte, rows []row) []checks.Usage {
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

// all returns the accounts that are known by now, in the order of their
// numbers. Late replies may go on adding to the interner.
func (in *interner) all() []checks.Account {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.accounts)
}
