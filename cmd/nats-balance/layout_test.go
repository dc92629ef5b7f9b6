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

// layout says what each package imports of the project's other packages, and so what
// it may: cmd → plugin → internal/cli → the rest. The data goes one way:
// source → model → checks → report. A folder that is not named is one of parent/*.
func layout() map[string][]string {
	return map[string][]string{
		"cmd/nats-balance": {"plugin"},
		"plugin":           {"internal/cli"},
		"internal/cli": {"checks", "checks/cause", "dnscheck", "docs", "internal/audit", "internal/clienturl", "internal/config", "internal/lab", "internal/natsconn",
			"internal/rebalance", "internal/record", "internal/record/history", "internal/record/live", "internal/record/serve", "internal/report", "internal/source",
			"internal/source/*", "internal/source/account", "internal/source/system", "internal/sysreq", "internal/within", "internal/words"},
		"internal/audit":    {"checks", "checks/cause", "dnscheck", "internal/clienturl", "internal/probe", "internal/remedy", "internal/source", "internal/within", "internal/words"},
		"internal/config":   {"checks", "dnscheck", "internal/clienturl", "internal/words"},
		"internal/natsconn": {"internal/sysreq", "internal/within", "internal/words"},

		"internal/source":         {"checks", "checks/cause", "internal/wire", "internal/words"},
		"internal/source/profile": {"checks", "checks/cause", "internal/source", "internal/wire", "internal/words"},
		"internal/source/system":  {"checks", "internal/source", "internal/source/profile", "internal/sysreq", "internal/wire", "internal/words"},
		// Sources that have no connection to ask through.
		"internal/source/*": {"checks", "checks/cause", "internal/source", "internal/source/profile", "internal/wire", "internal/words"},
		// It says what the system account's source says of the same connection.
		"internal/source/account": {"checks", "checks/cause", "internal/probe", "internal/source", "internal/source/profile", "internal/source/system", "internal/sysreq", "internal/wire", "internal/words"},
		"internal/wire":           {"checks", "internal/words"},
		"internal/sysreq":         {},

		"internal/rebalance":      {"checks", "checks/cause", "internal/sysreq", "internal/wire", "internal/words"},
		"internal/record":         {"checks", "checks/cause", "internal/wire", "internal/words"},
		"internal/record/live":    {"checks", "internal/record", "internal/source", "internal/source/system", "internal/sysreq", "internal/wire"},
		"internal/record/history": {"checks", "internal/record", "internal/record/say", "internal/words"},
		"internal/record/serve":   {"checks", "internal/record", "internal/record/history", "internal/record/say", "internal/words"},
		"internal/record/say":     {"internal/record", "internal/words"},

		"checks":             {"internal/words"},
		"checks/cause":       {"checks", "internal/words"},
		"dnscheck":           {"internal/words"},
		"internal/clienturl": {"checks", "internal/words"},
		"internal/probe":     {"checks", "dnscheck", "internal/words"},
		"internal/remedy":    {"checks", "checks/cause", "internal/words"},
		"internal/report":    {"checks", "checks/cause", "internal/clienturl", "internal/rebalance", "internal/record", "internal/record/history", "internal/record/say", "internal/remedy", "internal/source", "internal/words"},
		"internal/words":     {},
		"internal/within":    {},
		"docs":               {},

		"internal/lab": {"checks/cause"},
		// Test equipment, which is not linked.
		"internal/lab/bench":         {},
		"internal/lab/fleet":         {"internal/lab"},
		"internal/lab/life":          {"internal/lab"},
		"internal/lab/tool":          {"internal/lab"},
		"internal/source/sourcetest": {"checks", "internal/lab", "internal/sysreq"},
		"examples":                   {},
	}
}

// placeOf is the entry of the layout that a package has, by itself or as one of several.
func placeOf(pkg string) string {
	if _, named := layout()[pkg]; named {
		return pkg
	}
	return path.Dir(pkg) + "/*"
}

// pure are the packages that judge: what they need of the world is handed in.
func pure() []string {
	return []string{"checks", "checks/cause", "internal/remedy", "internal/record"}
}

// impure reports whether a pure package has no business with another one.
func impure(pkg, name string) bool {
	switch name {
	case "context", "crypto/rand", "io", "log", "log/slog", "math/rand", "math/rand/v2", "os", "os/exec", "sync", "syscall":
		return true
	case "net": // whose parsers of addresses do without a network
		return pkg != "internal/remedy"
	}
	return strings.HasPrefix(name, "net/") && name != "net/netip" && name != "net/url"
}

func TestImportsPointOneWay(t *testing.T) {
	allowed, used := layout(), map[string]map[string]bool{}
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
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		place := placeOf(pkg)
		if used[place] == nil {
			used[place] = map[string]bool{}
			if _, known := allowed[place]; !known {
				t.Errorf("%s: package %s has no place in the layout", file, pkg)
			}
		}
		if !strings.HasSuffix(file, "_test.go") {
			checkFile(t, pkg, file, used[place])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, imports := range allowed {
		if used[pkg] == nil {
			t.Errorf("there is no package %s", pkg)
		}
		for _, own := range imports {
			if !used[pkg][own] {
				t.Errorf("%s may import %s, and does not", pkg, own)
			}
		}
	}
}

// checkFile checks what a file imports, and adds those of the project to used.
func checkFile(t *testing.T, pkg, file string, used map[string]bool) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		own, ours := strings.CutPrefix(name, module+"/")
		place := placeOf(own)
		used[place] = used[place] || ours
		switch {
		case ours && !slices.Contains(layout()[placeOf(pkg)], place):
			t.Errorf("%s: %s must not import %s", file, pkg, own)
		case pkg == "internal/audit" && (name == "github.com/choria-io/fisk" || name == "github.com/nats-io/nats.go"):
			t.Errorf("%s: what an audit does is the same whoever asks: it must not know of flags", file)
		case slices.Contains(pure(), pkg) && impure(pkg, name):
			t.Errorf("%s: %s is pure and must not import %s", file, pkg, name)
		}
	}
	if slices.Contains(pure(), pkg) {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				x, ok := s.X.(*ast.Ident)
				switch {
				case !ok:
				case x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After"}, s.Sel.Name):
					t.Errorf("%s: %s is pure and must not ask for the time", file, pkg)
				case x.Name == "net" && (strings.HasPrefix(s.Sel.Name, "Dial") || strings.HasPrefix(s.Sel.Name, "Listen") || strings.HasPrefix(s.Sel.Name, "Lookup")):
					t.Errorf("%s: %s is pure and must not use the network", file, pkg)
				}
			}
			return true
		})
	}
}

// Every package has its row in the table of docs/architecture.md.
func TestEveryPackageIsInTheTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		cell, ok := strings.CutPrefix(line, "| `")
		name, _, _ := strings.Cut(cell, "`")
		before, braced, several := strings.Cut(name, "{")
		switch {
		case !ok:
		case several:
			for last := range strings.SplitSeq(strings.TrimSuffix(braced, "}"), ",") {
				rows[before+last] = true
			}
		default:
			rows[name] = true
		}
	}
	for pkg := range layout() {
		if !rows[pkg] {
			t.Errorf("docs/architecture.md has no row of %s", pkg)
		}
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
