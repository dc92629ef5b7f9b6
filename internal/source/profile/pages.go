package profile

import (
	"errors"

	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// overlap is how many connections a page has in common with the one before:
	// so many may go between the two without any other being left out.
	overlap = 16
	// mostPages bounds what is read of one account on one server: a million
	// connections.
	mostPages = 1000
)

// Pages hands over the client connections that an account has on a server, each
// once, in the order of their ids. Page asks for a page of [wire.PageSize] from
// an offset on, sorted by id, hands over its connections and returns their
// number. What was handed over is right also where there is an error, which is a
// clause to follow the server's name.
//
// Pages are no snapshot: a connection that went, or came, meanwhile may be in or
// not. What comes twice is found by its id.
func Pages(take func(*wire.Connection), page func(offset int, take func(*wire.Connection)) (int, error)) error {
	var last uint64 // the id up to which all are handed over
	for n, offset := 0, 0; n < mostPages; n++ {
		before := last
		count, err := page(offset, func(c *wire.Connection) {
			if c.ID <= before {
				return
			}
			last = c.ID
			if c.Client {
				take(c)
			}
		})
		switch {
		case err != nil:
			return err
		case count < wire.PageSize:
			return nil
		case last == before:
			return errors.New("sends the same connections again and again")
		}
		offset += count - overlap
	}
	return errors.New("has more connections than are read")
}
