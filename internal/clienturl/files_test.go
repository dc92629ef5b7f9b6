package clienturl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// write makes files in a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// user makes credentials of a new account's user, signed by a signing key or by
// the account itself.
func user(t *testing.T, signing bool) (account, token, creds string) {
	t.Helper()
	accountKey, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	account, _ = accountKey.PublicKey()
	userKey, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := userKey.PublicKey()
	claims := jwt.NewUserClaims(public)
	signer := accountKey
	if signing {
		claims.IssuerAccount = account
		if signer, err = nkeys.CreateAccount(); err != nil {
			t.Fatal(err)
		}
	}
	if token, err = claims.Encode(signer); err != nil {
		t.Fatal(err)
	}
	seed, _ := userKey.Seed()
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		t.Fatal(err)
	}
	return account, token, string(text)
}

func TestAccountOfTheCredentialsBeside(t *testing.T) {
	t.Parallel()
	first, _, creds := user(t, false)
	second, token, signed := user(t, true)
	root := write(t, map[string]string{
		"keys/first.creds":  creds,
		"keys/second.creds": signed,
		"keys/bad.creds":    "-----BEGIN NATS USER JWT-----\neyJhbGciOiJub25lIn0.e30.x\n------END NATS USER JWT------\n",
		"a.go":              "func a() {\n\tnats.Connect(\"nats://a\", nats.UserCredentials(\"keys/first.creds\"))\n}\nfunc b() {\n\tnats.Connect(\"nats://b\")\n}\n",
		"b.yaml":            "one:\n  nats: [nats://c]\n  creds: file://keys/second.creds\ntwo:\n  nats: [nats://d]\n  creds: keys/bad.creds\nthree:\n  nats: [nats://e]\n  creds: keys/none.creds\n",
		"c.json":            `{"servers": ["nats://f"], "jwt": "` + token + `", "other": "eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0"}`,
		"d.go":              "nats.Connect(\"nats://g\")" + strings.Repeat("\n", 31) + "x(\"keys/first.creds\")\n",
		"e.env":             "NATS_URL=nats://h\nNATS_CREDS=" + filepath.ToSlash("keys/first.creds") + "\n",
	})
	found, err := scanPath(t.Context(), "", root)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "lists", showAll(root, found), []string{
		"a.go:2 a account=" + first, "a.go:5 b",
		"b.yaml:2 c account=" + second, "b.yaml:5 d", "b.yaml:8 e",
		"c.json:1 f account=" + second, "d.go:1 g", "e.env:1 h account=" + first,
	})
	found, err = scanPath(t.Context(), "ORDERS", filepath.Join(root, "a.go"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "lists with an account given", showAll(filepath.Join(root, "a.go"), found), []string{"2 a account=ORDERS", "5 b account=ORDERS"})
}

func TestWhatAFolderIsReadFor(t *testing.T) {
	t.Parallel()
	const url = "url: nats://a\n"
	root := write(t, map[string]string{
		"a.yaml": url, "sub/dir/b.yml": url, ".env.prod": "NATS_URL=nats://b\n", "noext": url, "a.md": url,
		".git/config.yaml": url, ".hidden/a.yaml": url, "vendor/a.yaml": url, "x/node_modules/a.json": url,
		"x/build/a.yaml": url, "test_a.py": url, "a.spec.ts": url, "OrdersTest.java": url, "tests/a.go": url,
		"binary.yaml": "\x00" + url, "large.sh": "run nats://large\n" + strings.Repeat("#\n", maxFile/2),
		"long.yaml": url + "x: " + strings.Repeat("nats://long,", maxLine/8) + "\nz: nats://c\n",
	})
	if err := os.Symlink(filepath.Join(root, "a.yaml"), filepath.Join(root, "link.yaml")); err == nil {
		link := filepath.Join(root, "..", filepath.Base(root)+"-link")
		if err := os.Symlink(root, link); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(link) })
		found, err := scanPath(t.Context(), "", link) // the root itself may be one
		if err != nil || len(found.Lists) != 5 || !strings.HasPrefix(found.Lists[0].Origin, link) {
			t.Errorf("a link to the folder: %d lists, %v", len(found.Lists), err)
		}
	}
	found, err := scanPath(t.Context(), "", root)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "lists", showAll(root, found), []string{".env.prod:1 b", "a.yaml:1 a", "long.yaml:1 a", "long.yaml:3 c", "sub/dir/b.yml:1 a"})
	warnings := strings.Join(found.Warnings, "\n")
	if len(found.Warnings) != 2 || !strings.Contains(warnings, "large.sh was not read: it is larger than 4 MiB") || !strings.Contains(warnings, "long.yaml has a line of more than 1 MiB") {
		t.Errorf("warnings: %s", warnings)
	}
	if found.Read.Files != 4 {
		t.Errorf("%d files were read, want 4", found.Read.Files)
	}
}

func TestAFileGivenIsReadWhateverItsName(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"README.md": "nats://a\n", "binary": "\x00nats://a", "none": "nothing\n", "a_test.go": "x(\"nats://b\")"})
	for _, name := range []string{"README.md", "a_test.go"} {
		if found, err := scanPath(t.Context(), "", filepath.Join(root, name)); err != nil || len(found.Lists) != 1 || found.Read.Files != 1 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	if _, err := scanPath(t.Context(), "", filepath.Join(root, "binary")); !errors.Is(err, errBinary) {
		t.Errorf("a binary: %v", err)
	}
	missing := filepath.Join(root, "missing")
	if _, err := scanPath(t.Context(), "", missing); !errors.Is(err, os.ErrNotExist) && !strings.Contains(fmt.Sprint(err), missing) {
		t.Errorf("a path that isn't there: %v", err)
	}
	found, err := scanPath(t.Context(), "", filepath.Join(root, "none"))
	if err != nil || len(found.Lists) != 0 || len(found.Warnings) != 1 || !strings.HasPrefix(found.Warnings[0], "no client URL in ") {
		t.Errorf("a file without a list: %+v, %v", found, err)
	}
	if _, err := scanPath(t.Context(), "", os.DevNull); err == nil {
		t.Error("a device was read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scanPath(ctx, "", root); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before it began: %v", err)
	}
}

func TestFoldersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if os.Getuid() <= 0 {
		t.Skip("root can read everything, and Windows has no such modes")
	}
	root := write(t, map[string]string{"a.yaml": "nats://a\n", "b.yaml": "nats://b\n", "c/c.yaml": "nats://c\n"})
	for _, name := range []string{"b.yaml", "c"} {
		path := filepath.Join(root, name)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(path, 0o700) })
	}
	found, err := scanPath(t.Context(), "", root)
	if err != nil || len(found.Lists) != 1 || len(found.Warnings) != 2 || skipped(found.Read) != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestMoreListsThanAnybodyHas(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("%02d.yaml", i)] = strings.Repeat("a: nats://a\n", 500)
	}
	found, err := scanPath(t.Context(), "", write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(found.Lists); n != maxLists {
		t.Errorf("%d lists", n)
	}
	if w := fmt.Sprint(found.Warnings); !strings.Contains(w, "there are more than 10,000 server lists") {
		t.Errorf("warnings %s", w)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a: nats://${X}\n", 1000)
	found, err := scanPath(t.Context(), "", write(t, map[string]string{"a.yaml": text}))
	if err != nil || len(found.Warnings) != maxWarnings+1 {
		t.Errorf("%d warnings, %v", len(found.Warnings), err)
	}
}

func TestContexts(t *testing.T) {
	account, token, creds := user(t, true)
	config := write(t, map[string]string{
		"a.creds":                       creds,
		"nats/context.txt":              "broken",
		"nats/context/broken.json":      `{"url": "nats://x:s3cret`,
		"nats/context/default.json":     `{"description": "no url"}`,
		"nats/context/jwt.json":         `{"url": "nats://j", "user_jwt": "` + token + `"}`,
		"nats/context/nsc.json":         `{"nsc": "nsc://op/acc/user"}`,
		"nats/context/op.json":          `{"url": "nats://o", "creds": "op://vault/item"}`,
		"nats/context/placeholder.json": `{"url": "nats://u:s3cret@$HOST:4222"}`,
		"nats/context/user.json":        `{"url": "nats://u:s3cret@a:4222, tls://b", "user": "x", "creds": "/none"}`,
	})
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("CREDS_HERE", config)
	t.Setenv("PATH", "") // nothing is run
	path := filepath.Join(config, "nats", "context", "prod.json")
	if err := os.WriteFile(path, []byte(`{"url": "nats://c,,nats://d", "creds": "$CREDS_HERE/a.creds"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := Contexts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "lists", showAll("", found), []string{
		"context default 127.0.0.1", "context jwt j account=" + account, "context op o",
		"context prod c,d account=" + account, "context user a,tls://b",
	})
	expect(t, "warnings", found.Warnings, []string{
		"context broken is not valid JSON",
		"context nsc has its servers looked up by nsc, which is not run: pass --client-url",
		"context placeholder has a URL that has a placeholder: pass the URL that it becomes",
	})
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	found, err = Contexts(t.Context())
	if err != nil || len(found.Lists) != 0 || len(found.Warnings) != 1 {
		t.Errorf("no contexts: %+v, %v", found, err)
	}
}

// skipped is how many files were not read.
func skipped(r Read) int {
	n := 0
	for _, s := range r.Skipped {
		n += s.Files
	}
	return n
}
