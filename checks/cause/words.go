package cause

import (
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// times is "once", "twice" or "5 times".
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return words.Count(n) + " times"
}

// fill puts names into a sentence.
func fill(sentence, names string) string { return strings.Replace(sentence, "%s", names, 1) }
