package tool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	moduleNatscli = "github.com/nats-io/natscli"
	moduleOwn     = "github.com/nats-balance/nats-balance"

	// nativeFile is added to natscli's package cli; it is compiled there only.
	nativeFile = "audit_concentration_command.go"
	// nativeAfter is the line of natscli after which nativeLine goes.
	nativeAfter = "\tconfigureAuditGatherCommand(audit)\n"
	nativeLine  = "\tconfigureAuditConcentrationCommand(audit)\n"

	// nativeKept is how long a build that is not used stays in the cache.
	nativeKept = 24 * time.Hour
)

// BuildNativeCLI builds the nats CLI from its own source, at the version that
// internal/tools pins, with the project's `audit concentration` as a command of
// its own, the way that docs/embedding.md shows; it returns the path of the
// executable. As with [Build], it takes [BuildTools], and it is kept in the user's cache folder,
// and here built anew when the project's sources change. The build takes place
// in a module of its own in a temporary folder. It is for tests.
func BuildNativeCLI(ctx context.Context) (string, error) {
	exe, err := buildNativeCLI(ctx)
	if err != nil {
		return "", fmt.Errorf("build nats with audit concentration: %w", err)
	}
	return exe, nil
}

func buildNativeCLI(ctx context.Context) (string, error) {
	if err := mayBuild(); err != nil {
		return "", err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	key, err := sourcesHash(root)
	if err != nil {
		return "", err
	}
	dir, err := cacheDir(filepath.Join(root, "internal", "tools"), "native "+ProgramCLI)
	if err != nil {
		return "", err
	}
	name := executableName(ProgramCLI)
	exe := filepath.Join(dir, key, name)
	if _, err := os.Stat(exe); err == nil {
		now := time.Now()
		_ = os.Chtimes(filepath.Dir(exe), now, now) // used: see dropOld
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
	dropOld(dir, time.Now().Add(-nativeKept))
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // at worst a folder in the cache
	if err := nativeModule(ctx, root, tmp); err != nil {
		return "", err
	}
	built := filepath.Join(tmp, "out", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-C", tmp, "-mod=mod", "-buildvcs=false", "-o", built, ProgramCLI)
	cmd.Env = append(cmd.Environ(), "GOFLAGS=")
	if err := build(ctx, cmd); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Dir(built), filepath.Dir(exe)); err != nil {
		// Another build may have been first, which is as good.
		if _, missing := os.Stat(exe); missing != nil {
			return "", err
		}
	}
	return exe, nil
}

// nativeModule writes the module that is built: it replaces the project by its
// sources and natscli by a copy with the command added.
func nativeModule(ctx context.Context, root, dir string) error {
	tools := filepath.Join(root, "internal", "tools")
	// It says where the source is, and downloads it where it is not there yet.
	download := exec.CommandContext(ctx, "go", "mod", "download", "-C", tools, "-json", moduleNatscli)
	download.Env = append(os.Environ(), "GOWORK=off")
	out, err := download.Output()
	if err != nil {
		return fmt.Errorf("go mod download %s: %w: %s", moduleNatscli, err, strings.TrimSpace(string(out)))
	}
	var natscli struct{ Version, Dir string }
	if err := json.Unmarshal(out, &natscli); err != nil {
		return fmt.Errorf("go mod download %s: %w", moduleNatscli, err)
	}
	target := filepath.Join(dir, "natscli")
	if err := copyTree(natscli.Dir, target); err != nil {
		return err
	}
	audit := filepath.Join(target, "cli", "audit_command.go")
	text, err := os.ReadFile(audit)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), nativeAfter, nativeAfter+nativeLine, 1)
	if changed == string(text) {
		return fmt.Errorf("natscli %s: %s has no line %q to add the command after", natscli.Version, filepath.Base(audit), strings.TrimSpace(nativeAfter))
	}
	added, err := os.ReadFile(filepath.Join(root, "internal", "lab", "tool", "testdata", "natscli", nativeFile))
	if err != nil {
		return err
	}
	mod := fmt.Sprintf("module native\n\ngo 1.26.0\n\nrequire (\n\t%s %s\n\t%s v0.0.0\n)\n\nreplace (\n\t%[1]s => ./natscli\n\t%[3]s => %[4]q\n)\n",
		moduleNatscli, natscli.Version, moduleOwn, filepath.ToSlash(root))
	var sums []byte
	for _, from := range []string{root, tools} {
		sum, err := os.ReadFile(filepath.Join(from, "go.sum"))
		if err != nil {
			return err
		}
		sums = append(sums, sum...)
	}
	for name, data := range map[string][]byte{
		audit:                                    []byte(changed),
		filepath.Join(target, "cli", nativeFile): added,
		filepath.Join(dir, "go.mod"):             []byte(mod),
		filepath.Join(dir, "go.sum"):             sums,
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies the files of a module, which are read-only in the cache.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
}

// sourcesHash is a hash of what the project's packages are built from.
func sourcesHash(root string) (string, error) {
	var names []string
	skipped := []string{"testdata", "tools", "bench", "fleet", "cmd"}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != root && (strings.HasPrefix(e.Name(), ".") || slices.Contains(skipped, e.Name())):
			return fs.SkipDir
		case e.Type().IsRegular() && slices.Contains([]string{".go", ".md", ".json", ".mod", ".sum"}, path.Ext(e.Name())) && !strings.HasSuffix(e.Name(), "_test.go"):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	names = append(names, filepath.Join(root, "internal", "lab", "tool", "testdata", "natscli", nativeFile))
	h := sha256.New()
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name)
		_, err = io.Copy(h, f)
		_ = f.Close() // only read
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// dropOld removes the builds of earlier sources that nobody has used for long.
func dropOld(dir string, before time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && info.ModTime().Before(before) && regexp.MustCompile(`^([0-9a-f]{16}|build-[0-9]+)$`).MatchString(e.Name()) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
