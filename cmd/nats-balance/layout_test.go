package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nats-balance/nats-balance"

// mayImport says what the packages of a layer may import of the project's
// other packages. The data goes one way: gather → model → checks → report.
func mayImport(pkg string) (allowed []string, known bool) {
	parts := []string{"checks", "checks/cause", "dnscheck", "internal/words"}
	switch pkg {
	case "cmd/nats-balance":
		return []string{"plugin"}, true
	case "plugin":
		return append(parts, "internal/gather", "internal/clienturl", "internal/probe",
			"internal/report", "internal/remedy", "internal/rebalance", "internal/lab", "docs"), true
	case "internal/report":
		return append(parts, "internal/remedy"), true
	case "internal/gather", "internal/clienturl", "internal/probe", "internal/remedy", "internal/rebalance", "internal/lab":
		return parts, true
	case "checks/cause":
		return []string{"checks", "internal/words"}, true
	case "internal/lab/fleet", "internal/lab/tool":
		return append(parts, "internal/lab"), true
	case "checks", "dnscheck":
		return []string{"internal/words"}, true
	case "internal/words", "docs":
		return nil, true
	}
	return nil, false
}

// pure are the packages that judge: what they need of the world is handed in.
var pure = []string{"checks", "checks/cause"}

// impure is what these packages have no business with.
var impure = []string{"context", "crypto/rand", "io", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "os/exec", "sync", "syscall"}

func TestImportsPointOneWay(t *testing.T) {
	packages := map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); file != root && err == nil {
				return filepath.SkipDir // a module of its own
			}
			if name := entry.Name(); file != root && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		packages[pkg] = true
		checkFile(t, pkg, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"cmd/nats-balance", "plugin", "checks", "checks/cause", "internal/gather", "internal/rebalance", "internal/remedy", "internal/report", "internal/words", "internal/lab", "internal/lab/fleet", "internal/lab/tool"} {
		if !packages[pkg] {
			t.Errorf("there is no package %s", pkg)
		}
	}
}

func checkFile(t *testing.T, pkg, file string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	allowed, known := mayImport(pkg)
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		own, ours := strings.CutPrefix(name, module+"/")
		switch {
		case ours && !known:
			t.Errorf("%s: package %s has no place in the layout", file, pkg)
		case ours && !slices.Contains(allowed, own):
			t.Errorf("%s: %s must not import %s", file, pkg, own)
		case slices.Contains(pure, pkg) && slices.Contains(impure, name):
			t.Errorf("%s: %s is pure and must not import %s", file, pkg, name)
		}
	}
	if slices.Contains(pure, pkg) {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After"}, s.Sel.Name) {
					t.Errorf("%s: %s is pure and must not ask for the time", file, pkg)
				}
			}
			return true
		})
	}
}

// Test equipment is for tests: the command is built without it.
func TestTestEquipmentIsNotLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, module+"/internal/lab") {
		t.Error("internal/lab, which demo needs, is not among what is linked")
	}
	for _, pkg := range []string{"internal/lab/fleet", "internal/lab/tool", "internal/lab/bench", "testing"} {
		if slices.ContainsFunc(linked, func(l string) bool { return l == pkg || l == module+"/"+pkg }) {
			t.Errorf("%s is linked into the command", pkg)
		}
	}
}

func TestMainIsNothingButRun(t *testing.T) {
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(source), "\n"); lines > 15 {
		t.Errorf("main.go has %d lines: what it does belongs into %s", lines, path.Join(module, "plugin"))
	}
}
