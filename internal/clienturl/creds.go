package clienturl

import (
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"
)

// maxCreds is the most that is read of a credentials file; they have about 2 KiB.
const maxCreds = 64 << 10

// credsAccount is the public key of the account that credentials are of. It is
// empty where the text is no credentials with a valid signature.
func credsAccount(text []byte) string {
	token, err := jwt.ParseDecoratedJWT(text)
	if err != nil {
		return ""
	}
	claims, err := jwt.DecodeUserClaims(strings.TrimSpace(token))
	switch {
	case err != nil:
		return ""
	case claims.IssuerAccount != "": // signed by one of the account's signing keys
		return claims.IssuerAccount
	}
	return claims.Issuer
}

// fileAccount is credsAccount of a file. A path that isn't absolute is relative
// to the folder.
func fileAccount(folder, path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(home, rest)
	}
	if onOtherMachine(path) {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	text, err := readRegular(path, maxCreds)
	if err != nil {
		return ""
	}
	return credsAccount(text)
}

// onOtherMachine reports whether Windows would open a path by asking the machine
// that it names, or a device: a file that was scanned must not lead there.
func onOtherMachine(path string) bool {
	path = strings.ReplaceAll(path, "/", `\`)
	return strings.HasPrefix(path, `\\`) || strings.HasPrefix(path, `\??\`)
}

// referredAccount is the account of credentials as a context refers to them: a
// path, a file:// URL, or the text itself as data. What only a program could
// tell (op://, nsc://) stays unknown.
func referredAccount(reference string) string {
	reference = os.ExpandEnv(reference)
	scheme, rest, found := strings.Cut(reference, "://")
	switch {
	case strings.HasPrefix(reference, "data:"):
		_, data, _ := strings.Cut(reference, ",")
		if text, err := base64.StdEncoding.DecodeString(data); err == nil {
			return credsAccount(text)
		}
		return credsAccount([]byte(data))
	case !found:
		return fileAccount("", reference)
	case strings.EqualFold(scheme, "file"):
		return fileAccount("", rest)
	}
	return ""
}

// readRegular reads a regular file of limited size. Devices and pipes, which
// may never end, are not opened.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > limit:
		return nil, errTooLarge
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	// The size is a hint: files of /proc have none, others grow.
	buf := bytes.NewBuffer(make([]byte, 0, min(info.Size(), limit)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case n > limit:
		return nil, errTooLarge
	}
	return buf.Bytes(), nil
}
