package cause

import "testing"

func TestLibraries(t *testing.T) {
	t.Parallel()
	for language, announced := range map[string][]string{
		"go": {"go", "Go"}, "c": {"C", "c"}, "java": {"java"}, "javascript": {"nats.js", "nats.ws", "nats.deno", "node", "javascript", "typescript", "js"},
		"csharp": {".NET", "c#", "csharp", "dotnet"}, "python": {"python3", "python2", "python"}, "rust": {"rust"},
		"": {"", "elixir", "ruby", "go2", "unknown"},
	} {
		for _, a := range announced {
			want := Library{Language: language, MayReturn: language == "python" || language == "rust" || language == "", names: habitOf(a, "")}
			if got := LibraryOf(a); got != want {
				t.Errorf("%q: %+v, want %+v", a, got, want)
			}
		}
	}
}

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
		{"typescript", "", shufflesNames}, {"c#", "", keepsOrder}, {"nats.ws", "1.30.3", habitUnknown}, {"nats.deno", "1.0", habitUnknown},
		{"", "", habitUnknown}, {"elixir", "1.0", habitUnknown}, {"ruby", "0.11", habitUnknown},
	} {
		if got := habitOf(r.language, r.version); got != r.want {
			t.Errorf("%s %s: %d, want %d", r.language, r.version, got, r.want)
		}
	}
}
