package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker for released binaries.
//
//nolint:gochecknoglobals // the linker's -X needs a variable
var release string

// Version is the version of this build: the release, or what the Go toolchain
// recorded, or "development".
func Version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) { // a dependency where it is embedded
			if m.Path == "github.com/nats-balance/nats-balance" && m.Replace == nil && m.Version != "" && m.Version != "(devel)" {
				return m.Version
			}
		}
	}
	return "development"
}

// versionLine is the answer to --version: version, commit and Go version.
func versionLine() string {
	commit, dirty := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " with changes"
			}
		}
	}
	return fmt.Sprintf("nats-balance %s (commit %s%s, %s)", Version(), commit, dirty, runtime.Version())
}
