package tool

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// The programs that internal/tools pins.
const (
	ProgramServer = "github.com/nats-io/nats-server/v2" // nats-server
	ProgramCLI    = "github.com/nats-io/natscli/nats"   // nats
	ProgramNSC    = "github.com/nats-io/nsc/v2"         // nsc
)

// BuildTools is the environment variable that, with any value, has tests use the
// programs that take minutes to build, all but nats-server, which the project itself
// links, and has those run that take seconds of the processor, as CI does.
const BuildTools = "NATS_BALANCE_TOOLS"

// ErrNotBuilt is why a test that needs such a program is to be skipped.
var ErrNotBuilt = errors.New("it takes minutes to build, once: run with " + BuildTools + "=1, as make test and .ci/run do")

// mayBuild returns [ErrNotBuilt] where these programs are not asked for. Without, even
// one that is there is not used: the same tests run for everybody.
func mayBuild() error {
	if os.Getenv(BuildTools) == "" {
		return ErrNotBuilt
	}
	return nil
}

// Build builds a program pinned in internal/tools, such as [ProgramServer],
// and returns the path of its executable. It is kept in the user's cache folder
// under a name that changes with the pinned versions, so that only the first
// call builds, and calls at the same time wait for it, those of other test programs
// too. Programs other than nats-server are there only with [BuildTools]: without,
// the error is [ErrNotBuilt]. They have no debugging information, since linking takes
// half as long without. It needs the project's sources and the go command, and
// is for tests.
func Build(ctx context.Context, pkg string) (string, error) {
	exe, err := buildPinned(ctx, pkg)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", pkg, err)
	}
	return exe, nil
}

func buildPinned(ctx context.Context, pkg string) (string, error) {
	if pkg != ProgramServer {
		if err := mayBuild(); err != nil {
			return "", err
		}
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	tools := filepath.Join(root, "internal", "tools")
	dir, err := cacheDir(tools, pkg)
	if err != nil {
		return "", err
	}
	return builtOnce(ctx, dir, executableName(pkg), func(tmp string) *exec.Cmd {
		return exec.CommandContext(ctx, "go", "build", "-C", tools, "-ldflags=-w", "-o", filepath.Join(tmp, executableName(pkg)), pkg)
	})
}

// builtOnce returns the program of that name in a folder. Where it is not there,
// the command builds it into the folder that it is given.
func builtOnce(ctx context.Context, dir, name string, command func(tmp string) *exec.Cmd) (string, error) {
	exe := filepath.Join(dir, name)
	if _, err := os.Stat(exe); err == nil {
		return exe, nil
	}
	unlock, err := lockFolder(ctx, dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(exe); err == nil {
		return exe, nil // another test program was first
	}
	// Built beside its place, on the same file system, and renamed into it.
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // at worst a folder in the cache
	if err := build(ctx, command(tmp)); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(tmp, name), exe); err != nil {
		// Windows does not replace a program that runs: the one of another
		// build that was first, which is as good.
		if _, missing := os.Stat(exe); missing != nil {
			return "", err
		}
	}
	return exe, nil
}

// build runs a go command, whose error has what it said.
func build(ctx context.Context, cmd *exec.Cmd) error {
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// cacheDir returns the cache folder for one build of a tool, and makes it.
func cacheDir(tools, pkg string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, pkg, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(tools, name))
		if err != nil {
			return "", err
		}
		_, _ = h.Write(data)
	}
	key := fmt.Sprintf("%x", h.Sum(nil)[:8])
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "nats-balance", "tools", key)
		if os.MkdirAll(dir, 0o700) == nil {
			return dir, nil
		}
	}
	// A temporary folder is shared with other users: Chmod fails on a folder
	// that one of them has put there to have us run what is in it.
	base := filepath.Join(os.TempDir(), fmt.Sprintf("nats-balance-tools-%d", os.Getuid()))
	dir := filepath.Join(base, key)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.Chmod(base, 0o700); err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o700)
}

// executableName names the executable as go build does: after the last element of the
// path that is no major version.
func executableName(pkg string) string {
	name := path.Base(pkg)
	if regexp.MustCompile(`^v[0-9]+$`).MatchString(name) {
		name = path.Base(path.Dir(pkg))
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}

// moduleRoot finds the project's sources: where this file was compiled from, or
// (with -trimpath) the module that the working directory is in.
func moduleRoot(ctx context.Context) (string, error) {
	var candidates []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		candidates = append(candidates, filepath.Join(filepath.Dir(file), "..", "..", ".."))
	}
	if out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output(); err == nil {
		candidates = append(candidates, filepath.Dir(strings.TrimSpace(string(out))))
	}
	for _, root := range candidates {
		if _, err := os.Stat(filepath.Join(root, "internal", "tools", "go.mod")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("the project's sources were not found")
}
