package tool

import (
	"slices"
	"testing"
)

// The user's own nsc is out of reach, whatever the environment says.
func TestEnvironmentOfNSC(t *testing.T) {
	t.Parallel()
	got := nscEnvironment([]string{"PATH=/bin", "HOME=/home/me", "XDG_CONFIG_HOME=/home/me/.config", "NKEYS_PATH=/home/me/keys",
		"NSC_HOME=/home/me/nsc", "USERPROFILE=C:\\me", "NSC_NO_GIT_IGNORE=1"}, "/store")
	want := []string{"PATH=/bin", "HOME=/store", "USERPROFILE=/store", "XDG_CONFIG_HOME=/store", "XDG_DATA_HOME=/store"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
