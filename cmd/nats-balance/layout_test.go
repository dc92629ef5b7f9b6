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
// other packages: cmd → plugin → internal/cli → the rest. The data goes one way:
// source → model → checks → report.
func mayImport(pkg string) (allowed []string, known bool) {
	ground := []string{"checks", "checks/cause", "dnscheck", "internal/words"}
	messages := append(slices.Clone(ground), "internal/wire", "internal/sysreq")
	sources := append(slices.Clone(messages), "internal/source")
	switch pkg {
	case "cmd/nats-balance":
		return []string{"plugin"}, true
	case "plugin":
		return []string{"internal/cli"}, true
	case "internal/cli":
		return append(sources, "internal/source/system", "internal/source/account", "internal/source/archive", "internal/source/monitor",
			"internal/audit", "internal/natsconn", "internal/config", "internal/clienturl", "internal/report", "internal/rebalance", "internal/lab", "internal/within",
			"internal/record", "internal/record/live", "internal/record/history", "internal/record/serve", "docs"), true
	case "internal/audit":
		return append(slices.Clone(ground), "dnscheck", "internal/source", "internal/clienturl", "internal/probe", "internal/remedy", "internal/within"), true
	case "internal/config":
		return append(slices.Clone(ground), "internal/clienturl"), true
	case "internal/natsconn":
		return []string{"internal/words", "internal/sysreq", "internal/within"}, true
	case "internal/source":
		return append(slices.Clone(ground), "internal/wire"), true
	case "internal/source/profile":
		return append(slices.Clone(ground), "internal/wire", "internal/source"), true
	case "internal/source/system":
		return append(sources, "internal/source/profile"), true
	case "internal/source/archive", "internal/source/monitor": // which have no connection to ask through
		return append(slices.Clone(ground), "internal/wire", "internal/source", "internal/source/profile"), true
	case "internal/source/account":
		// It says what the system account's source says of the same connection.
		return append(sources, "internal/source/profile", "internal/source/system", "internal/probe"), true
	case "internal/source/sourcetest": // test equipment, which is not linked
		return []string{"checks", "internal/sysreq", "internal/lab"}, true
	case "internal/rebalance":
		return messages, true
	case "internal/record":
		return append(slices.Clone(ground), "internal/wire"), true
	case "internal/record/live":
		return append(sources, "internal/source/system", "internal/record"), true
	case "internal/record/history":
		return append(slices.Clone(ground), "internal/record"), true
	case "internal/record/serve":
		return append(slices.Clone(ground), "internal/record", "internal/record/history"), true
	case "internal/wire":
		return []string{"checks", "internal/words"}, true
	case "internal/report":
		return append(slices.Clone(ground), "internal/remedy", "internal/clienturl"), true
	case "internal/clienturl", "internal/probe", "internal/remedy", "internal/lab":
		return ground, true
	case "checks/cause":
		return []string{"checks", "internal/words"}, true
	case "internal/lab/fleet", "internal/lab/life", "internal/lab/tool":
		return append(ground, "internal/lab"), true
	case "checks", "dnscheck":
		return []string{"internal/words"}, true
	case "internal/sysreq", "internal/words", "internal/within", "docs":
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
	for _, pkg := range []string{"cmd/nats-balance", "plugin", "internal/cli", "internal/audit", "internal/natsconn", "internal/config", "checks", "checks/cause", "internal/wire", "internal/sysreq", "internal/source", "internal/rebalance", "internal/remedy", "internal/report", "internal/words", "internal/lab", "internal/lab/fleet", "internal/lab/life", "internal/lab/tool"} {
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
		case pkg == "internal/audit" && (name == "github.com/choria-io/fisk" || name == "github.com/nats-io/nats.go"):
			t.Errorf("%s: what an audit does is the same whoever asks: it must not know of flags", file)
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
	for _, pkg := range []string{"internal/lab/fleet", "internal/lab/life", "internal/lab/tool", "internal/lab/bench", "testing"} {
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
