package profile

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// Connections go and come between two pages.
func TestPagesThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	broken := errors.New("sent nonsense")
	for what, c := range map[string]struct {
		page func(offset, nth int) []int // ids
		want int
		err  string
	}{
		"nothing changes":       {ids(0, 3000), 3000, ""},
		"just a page":           {ids(0, wire.PageSize), wire.PageSize, ""},
		"some go at the start":  {func(offset, nth int) []int { return ids(nth*overlap, 3000)(offset, nth) }, 3000, ""},
		"some come at the end":  {func(offset, nth int) []int { return ids(0, 3000+nth*5)(offset, nth) }, 3010, ""},
		"all go":                {func(offset, nth int) []int { return ids(nth*3000, 3000)(offset, nth) }, wire.PageSize, ""},
		"the same all the time": {func(int, int) []int { return ids(0, 3000)(0, 0) }, wire.PageSize, "again and again"},
		"no end":                {func(_, nth int) []int { return ids(nth*2000, nth*2000+3000)(0, 0) }, mostPages * wire.PageSize, "more connections than are read"},
		"an error":              {func(_, nth int) []int { return ids(0, 3000*(1-nth))(0, 0) }, wire.PageSize, broken.Error()},
	} {
		nth, n, last := 0, 0, uint64(0)
		err := Pages(func(c *wire.Connection) {
			if c.ID <= last {
				t.Errorf("%s: connection %d is counted twice", what, c.ID)
			}
			n, last = n+1, c.ID
		}, func(offset int, take func(*wire.Connection)) (int, error) {
			page := c.page(offset, nth)
			nth++
			if c.err == broken.Error() && nth == 2 {
				return 0, broken
			}
			for _, id := range page {
				take(&wire.Connection{ID: uint64(id) + 1, Client: true})
			}
			return len(page), nil
		})
		if n != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %d connections, %v; want %d, %q", what, n, err, c.want, c.err)
		}
	}
}

// Leafnodes are read, and not handed over.
func TestPagesOfClientsOnly(t *testing.T) {
	t.Parallel()
	var got []uint64
	err := Pages(func(c *wire.Connection) { got = append(got, c.ID) }, func(_ int, take func(*wire.Connection)) (int, error) {
		take(&wire.Connection{ID: 1})
		take(&wire.Connection{ID: 2, Client: true})
		return 2, nil
	})
	if err != nil || len(got) != 1 || got[0] != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

// ids serves the connections from first to before end.
func ids(first, end int) func(offset, _ int) []int {
	return func(offset, _ int) []int {
		var out []int
		for i := first + offset; i < end && len(out) < wire.PageSize; i++ {
			out = append(out, i)
		}
		return out
	}
}
