package cause

import (
	"strings"
	"testing"
)

// No server was down where all but the one that started last are even: the words are those
// of a server that started after the clients had connected.
func TestWordsOfAServerThatJoined(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		name    string
		changes []change
		want    bool
	}{
		{"one joined", with(counts(11, 10, 0), restartedInTurn), true},
		{"it has a few", with(counts(20, 19, 3), restartedInTurn), true},
		{"a rolling restart", with(counts(40, 18, 0), restartedInTurn), false},
		{"all on the first", with(counts(12, 0, 0), restartedInTurn), false},
		{"the last one has its share", with(counts(11, 10, 9), restartedInTurn), false},
	} {
		c := caseOf(r.changes...)
		if got := newSituation(c).onlyWithout() != nil; got != r.want {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
		title := Diagnose(c).Cause(RestartDrift).Title
		if joined := strings.HasPrefix(title, "The clients connected before ") && strings.HasSuffix(title, " started"); Diagnose(c).Cause(RestartDrift).Verdict != RuledOut && joined != r.want {
			t.Errorf("%s: %s", r.name, title)
		}
	}
}
