package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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
	return startProcesses(ctx, exe, n, accounts, extra)
}

// buildServer builds a version of nats-server as its own module has it, and
// keeps it as [BuildTool] does.
func buildServer(ctx context.Context, version string) (string, error) {
	if !regexp.MustCompile(`^v2\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$`).MatchString(version) {
		return "", fmt.Errorf("%q is no version such as v2.10.29", version)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	pkg := ToolServer + "@" + version
	dir, err := toolDir(filepath.Join(root, "internal", "tools"), pkg)
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, toolName(ToolServer))
	if _, err := os.Stat(exe); err == nil {
		return exe, nil
	}
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // at worst a folder in the cache
	cmd := exec.CommandContext(ctx, "go", "install", pkg)
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOBIN="+tmp)
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(filepath.Join(tmp, toolName(ToolServer)), exe); err != nil {
		if _, missing := os.Stat(exe); missing != nil {
			return "", err
		}
	}
	return exe, nil
}
