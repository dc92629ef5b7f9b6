package wire

import (
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
)

// Accounts gives every account a number, however many reports name it. It is for
// several goroutines at a time.
//
// In a large fleet this is a look-up for each of millions of rows, in a table
// that is larger than the processor's caches, and servers list accounts in an
// order of chance: the time goes into waiting for memory. So the table has eight
// bytes for an account, and a reply is looked up in steps that do not wait for
// each other.
type Accounts struct {
	seed maphash.Seed // nobody can make ids that meet in the table

	mu       sync.RWMutex
	slots    []slot // by hash; a power of two, half of them free at least
	accounts []checks.Account
	text     int // bytes of their ids and names
	rows     int // of all reports
}

const (
	// longestAccount is how long the id or the name of an account may be: a subject
	// with an id in it has to fit into a line of the protocol.
	longestAccount = 4 << 10
	// What servers may have accounts with connections or leafnodes on: one report,
	// and all of them together. Their names are mostText long together in each.
	mostRows, mostAllRows = 1 << 20, 10 << 20
	mostText              = 64 << 20
)

// errTooMany is of a report that says more than all servers together have.
var errTooMany = errors.New("it lists more accounts than there can be, with those of the others")

// slot is part of the hash of an account's id, and its number plus one; zero is
// free.
type slot struct{ hash, number uint32 }

// fewestSlots is how many slots there are at first.
const fewestSlots = 1024

// NewAccounts returns a numbering without accounts.
func NewAccounts() *Accounts {
	return &Accounts{seed: maphash.MakeSeed(), slots: make([]slot, fewestSlots)}
}

// row is an account of a reply, its strings as ranges of reportBuffers.text.
type row struct {
	idEnd, nameEnd int
	conns, leafs   uint32
}

// add numbers the rows of one whole reply. The hashes are for it to use. An error
// is one of more than can be kept.
func (in *Accounts) add(text []byte, rows []row, hashes []uint64) ([]checks.Usage, []uint64, error) {
	if !in.room(len(rows)) {
		return nil, hashes, errTooMany
	}
	hashes = hashes[:0]
	at := 0
	for _, r := range rows {
		hashes = append(hashes, maphash.Bytes(in.seed, text[at:r.idEnd]))
		at = r.nameEnd
	}
	usage := make([]checks.Usage, len(rows))
	if in.find(text, rows, hashes, usage) {
		return usage, hashes, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	at = 0
	for i, r := range rows {
		if usage[i].Account == unknown {
			if len(in.accounts) >= mostRows || in.text > mostText {
				return nil, hashes, errTooMany
			}
			usage[i].Account = in.number(text[at:r.idEnd], text[r.idEnd:r.nameEnd], hashes[i])
		}
		at = r.nameEnd
	}
	return usage, hashes, nil
}

// room takes in that there are as many more rows, if they can be kept.
func (in *Accounts) room(rows int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.rows+rows > mostAllRows {
		return false
	}
	in.rows += rows
	return true
}

// unknown is an account without a number.
const unknown = ^uint32(0)

// find numbers the rows whose accounts are known, and reports whether all are.
func (in *Accounts) find(text []byte, rows []row, hashes []uint64, usage []checks.Usage) (all bool) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	for i, h := range hashes {
		usage[i].Account = in.likely(h)
	}
	all = true
	at := 0
	for i, r := range rows {
		u := &usage[i]
		u.Connections, u.Leafnodes = r.conns, r.leafs
		if id := text[at:r.idEnd]; u.Account != unknown && in.accounts[u.Account].ID != string(id) {
			u.Account = in.known(id, hashes[i]) // another with much the same hash
		}
		all = all && u.Account != unknown
		at = r.nameEnd
	}
	return all
}

// likely is the first account that has this hash, as far as the table has it.
func (in *Accounts) likely(hash uint64) uint32 {
	mask := uint64(len(in.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if s := in.slots[i]; s.number == 0 || s.hash == uint32(hash>>32) {
			return s.number - 1
		}
	}
}

// known is the account of this id.
func (in *Accounts) known(id []byte, hash uint64) uint32 {
	mask := uint64(len(in.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := in.slots[i]
		if s.number == 0 || s.hash == uint32(hash>>32) && in.accounts[s.number-1].ID == string(id) {
			return s.number - 1
		}
	}
}

// number is the number of an account, which gets one if it has none.
func (in *Accounts) number(id, name []byte, hash uint64) uint32 {
	if n := in.known(id, hash); n != unknown {
		return n
	}
	if 2*len(in.accounts) >= len(in.slots) {
		in.grow()
	}
	n := uint32(len(in.accounts))
	a := checks.Account{ID: string(id), Name: string(name)}
	if a.Name == "" || a.Name == a.ID {
		a.Name = a.ID
	}
	in.accounts = append(in.accounts, a)
	in.text += len(id) + len(name)
	in.put(slot{uint32(hash >> 32), n + 1}, hash)
	return n
}

func (in *Accounts) put(s slot, hash uint64) {
	mask := uint64(len(in.slots) - 1)
	i := hash & mask
	for in.slots[i].number != 0 {
		i = (i + 1) & mask
	}
	in.slots[i] = s
}

// grow doubles the table.
func (in *Accounts) grow() {
	in.slots = make([]slot, 2*len(in.slots))
	for n, a := range in.accounts {
		h := maphash.String(in.seed, a.ID)
		in.put(slot{uint32(h >> 32), uint32(n) + 1}, h)
	}
}

// All returns the accounts that are known by now, in the order of their
// numbers. Replies that are still being read may go on adding some.
func (in *Accounts) All() []checks.Account {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return slices.Clone(in.accounts)
}
