package audit

import "testing"

func TestExpectedAsFlag(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]Expected{
		"":                              {Earlier: []EarlierServer{{Name: "n1"}}},
		"--expect-servers 3":            {Count: 3},
		"--expect-servers 'n 1,n;2,n3'": {Names: []string{"n 1", "n;2", "n3"}},
	} {
		if got := e.flag(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
