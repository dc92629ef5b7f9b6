package natsconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/nats-io/jsm.go/natscontext"
)

// mostOfFile bounds a file of a context, of credentials, of keys and certificates.
const mostOfFile = 1 << 20

var errNotRegular = errors.New("it is not a regular file")

// readFile reads a regular file of limited size: others, such as /dev/zero, may never
// end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, mostOfFile+1))
	if err == nil && len(text) > mostOfFile {
		return nil, fmt.Errorf("it has more than %d MiB", mostOfFile>>20)
	}
	return text, err
}

// checkFiles reads each file that natscontext and nats.go are going to read for the
// login: they do without a bound, and anew for each reconnect, so that credentials
// can be renewed.
func (l *login) checkFiles() *fileError {
	c := l.nctx
	type named struct {
		ref  string
		of   subject
		bare bool // whether it is a path without file:// too
	}
	files := []named{{c.Token(), ofSecret, false}, {c.Certificate(), ofCertificate, true}, {c.Key(), ofCertificate, true}, {c.CA(), ofCA, true}}
	for _, r := range l.references() {
		files = append(files, named{r.value, r.of, l.kind() == "creds" || l.kind() == "nkey"})
	}
	for _, f := range files {
		path, file := cutScheme(f.ref, "file")
		if strings.TrimSpace(f.ref) == "" || !file && (!f.bare || hasScheme(f.ref)) {
			continue
		}
		_, err := readFile(expanded(path))
		// What is missing or locked is said by who reads it.
		if missing := (*os.PathError)(nil); err != nil && !errors.As(err, &missing) {
			return &fileError{f.of, err}
		}
	}
	return nil
}

// hasScheme reports whether a value is a reference such as env://NAME, or data.
func hasScheme(value string) bool {
	scheme, _, found := strings.Cut(value, ":")
	return found && len(scheme) > 1 && !strings.ContainsAny(scheme, `/\.~$`) // one letter is a drive of Windows
}

// cutScheme takes scheme:// from the front of a value, in upper or lower case.
func cutScheme(value, scheme string) (rest string, found bool) {
	n := len(scheme) + len("://")
	if len(value) < n || !strings.EqualFold(value[:n], scheme+"://") {
		return value, false
	}
	return value[n:], true
}

// expanded is a path with variables and ~ as natscontext has them.
func expanded(path string) string {
	path = os.ExpandEnv(path)
	if !strings.HasPrefix(path, "~") {
		return path
	}
	who, err := user.Current()
	if err != nil {
		return path
	}
	return strings.Replace(path, "~", who.HomeDir, 1)
}

// contextFiles is the folder of contexts with files of limited size.
type contextFiles struct{ *natscontext.FileBackend }

// Load implements natscontext.Backend.
func (b contextFiles) Load(ctx context.Context, name string) ([]byte, error) {
	if natscontext.ValidateName(name) == nil {
		if err := checkContext(b.Path(name)); err != nil {
			return nil, err
		}
	}
	return b.FileBackend.Load(ctx, name)
}

// Selected implements natscontext.Selector.
func (b contextFiles) Selected(ctx context.Context) (string, error) {
	if err := checkContext(filepath.Join(filepath.Dir(filepath.Dir(b.Path("any"))), "context.txt")); err != nil {
		return "", err
	}
	return b.FileBackend.Selected(ctx)
}

// contextFile is a context in a file of limited size.
type contextFile struct{ *natscontext.SingleFileBackend }

// Load implements natscontext.Backend.
func (b contextFile) Load(ctx context.Context, name string) ([]byte, error) {
	if err := checkContext(b.Path(name)); err != nil {
		return nil, err
	}
	return b.SingleFileBackend.Load(ctx, name)
}

// checkContext finds what keeps a file from being read whole. One that is missing or
// locked is for who reads it.
func checkContext(path string) error {
	_, err := readFile(path)
	if missing := (*os.PathError)(nil); errors.As(err, &missing) {
		return nil
	}
	return err
}
