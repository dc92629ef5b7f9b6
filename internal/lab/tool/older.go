package tool

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
)

// StartServersOfVersion is [StartProcessCluster] with a released version of
// nats-server, such as v2.10.29, rather than the pinned one.
func StartServersOfVersion(ctx context.Context, version string, n int, accounts []string, extra func(i int) string) (*ProcessCluster, error) {
	if n < 1 {
		return nil, errors.New("a process cluster needs a process")
	}
	exe, err := buildServer(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("build nats-server %s: %w", version, err)
	}
	return startProcesses(ctx, processCluster, exe, n, accounts, extra)
}

// buildServer builds a version of nats-server as its own module has it, and
// keeps it as [Build] does.
func buildServer(ctx context.Context, version string) (string, error) {
	if !regexp.MustCompile(`^v2\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$`).MatchString(version) {
		return "", fmt.Errorf("%q is not a version such as v2.10.29", version)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	pkg := ProgramServer + "@" + version
	dir, err := cacheDir(filepath.Join(root, "internal", "tools"), pkg)
	if err != nil {
		return "", err
	}
	return builtOnce(ctx, dir, executableName(ProgramServer), func(tmp string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "go", "install", pkg)
		cmd.Dir = tmp
		cmd.Env = append(cmd.Environ(), "GOBIN="+tmp)
		return cmd
	})
}
