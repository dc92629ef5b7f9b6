package cli

import "testing"

// Replicas are of a store that has servers: elsewhere they would be ignored.
func TestReplicasTakeAContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place, replicas string
		off, ok         bool
	}{{"a-context", "3", false, true}, {t.TempDir(), "3", false, false}, {"", "3", false, false}, {"", "3", true, false}, {t.TempDir(), "1", false, true}, {"", "1", true, true}} {
		s := storeFlags{place: c.place, replicas: c.replicas, off: c.off, keep: "30d", bytes: "1GB"}
		if err := s.validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
