package record

import (
	"testing"
	"time"
)

// A lean may have begun earlier where it was not seen to begin.
func TestBeginningOfAChange(t *testing.T) {
	t.Parallel()
	from := epoch()
	for name, c := range map[string]struct {
		change Change
		begun  Begun
		from   time.Time
	}{
		"seen":                         {Change{Since: from}, SeenToBegin, time.Time{}},
		"it leaned when watch began":   {Change{Since: from, AtStart: true}, NeverKnown, time.Time{}},
		"unknown before":               {Change{Since: from, NotBefore: from}, WhileUnknown, from},
		"known by the watch before it": {Change{Since: from, NotBefore: from, AtStart: true}, WhileUnknown, from},
	} {
		b := c.change.Beginning()
		at, known := b.Earliest()
		if b.Begun != c.begun || b.Seen() != (c.begun == SeenToBegin) || !at.Equal(c.from) || known == c.from.IsZero() {
			t.Errorf("%s: %+v", name, b)
		}
	}
}
