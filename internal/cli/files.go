package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/nats-balance/nats-balance/internal/within"
)

// colorful reports whether the writer is a terminal that wants colours.
func colorful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// checkOutfile finds out before an audit what would keep its result from
// being written.
func checkOutfile(path string) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil {
		stdout, err := os.Stdout.Stat()
		own := err == nil && os.SameFile(info, stdout)
		switch {
		case info.IsDir():
			return fmt.Errorf("--outfile %s is a folder: pass the path of a file", path)
		case info.Mode()&os.ModeNamedPipe != 0 && !own: // to open one waits for who reads it
			return fmt.Errorf("--outfile %s is a pipe: pass the path of a file, or leave it out and redirect stdout", path)
		case info.Mode().IsRegular() && own:
			return fmt.Errorf("--outfile %s is what stdout is written to: leave it out", path)
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return fmt.Errorf("--outfile %s can't be written, there is no folder %s: pass a path in an existing folder", path, filepath.Dir(path))
	}
	return nil
}

// writeOutfile writes the file whole or not at all: to a temporary file beside
// it, which then takes its place. What is no regular file, such as a pipe, is
// written in place.
func writeOutfile(path string, data []byte) (err error) {
	fail := func(err error) error { return fmt.Errorf("--outfile %s can't be written: %w", path, err) }
	mode := os.FileMode(0o666) // but for what the umask takes away
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays a link
	}
	old, _ := os.Stat(path) // nil where there is none
	if old != nil {
		if !old.Mode().IsRegular() {
			if err := os.WriteFile(path, data, mode); err != nil {
				return fail(err)
			}
			return nil
		}
		mode = old.Mode().Perm()
	}
	tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%x", filepath.Base(path), rand.Uint64()))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already
			err = fail(errors.Join(err, os.Remove(f.Name())))
		}
	}()
	if old != nil {
		if err = f.Chmod(mode); err != nil { // what the umask took away
			return err
		}
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readRegular reads a file whole. What is no regular file could take forever.
func (h Host) readRegular(flag, path string, most int64) ([]byte, error) {
	return reading(h, flag, path, func() ([]byte, error) {
		f, err := openRegular(flag, path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		text, err := io.ReadAll(io.LimitReader(f, most+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s %s can't be read: %w", flag, path, withoutPath(err))
		case int64(len(text)) > most:
			return nil, fmt.Errorf("%s %s has more than %d MiB: pass a smaller file", flag, path, most>>20)
		}
		return text, nil
	})
}

// reading reads a file within the time-out: one on another machine may keep who
// reads it for ever.
func reading[T any](h Host, flag, path string, f func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(h.Context, h.Timeout())
	defer cancel()
	value, err := within.Context(ctx, 0, f)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s %s can't be read within %s: pass a longer --timeout, or a file on this machine", flag, path, h.Timeout())
	}
	return value, err
}

func openRegular(flag, path string) (*os.File, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s %s is no regular file: pass the path of one", flag, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s %s can't be read: %w: pass the path of a file", flag, path, withoutPath(err))
	}
	return f, nil
}

// withoutPath is what is wrong with a path, which the message has already.
func withoutPath(err error) error {
	var wrapped *os.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
