package cause

import "testing"

// TestHabits has what the sources of the libraries do, by version.
func TestHabits(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		language, version string
		want              habit
	}{
		{"java", "2.16.8", keepsOrder}, {"java", "2.16.9", shufflesNames}, {"java", "2.20.0", shufflesNames}, {"java", "2.25.1", shufflesNames},
		{"java", "2.25.2", keepsOrder}, {"java", "2.26", keepsOrder}, {"java", "3.0.0", keepsOrder}, {"java", "2.2", keepsOrder},
		{"java", "", habitUnknown}, {"Java", "2.17.0-SNAPSHOT", shufflesNames},
		{"go", "1.55.0", shufflesNames}, {"C", "3.9", shufflesNames}, {"nats.js", "2.28.2", shufflesNames},
		{"python3", "2.7.0", keepsOrder}, {"rust", "0.33.0", keepsOrder}, {".NET", "2.5.0", keepsOrder},
		{"", "", habitUnknown}, {"elixir", "1.0", habitUnknown}, {"ruby", "0.11", habitUnknown},
	} {
		if got := habitOf(r.language, r.version); got != r.want {
			t.Errorf("%s %s: %d, want %d", r.language, r.version, got, r.want)
		}
	}
}
