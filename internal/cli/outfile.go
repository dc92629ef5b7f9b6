package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// checkOutfile finds out before an audit what would keep its result from
// being written.
func checkOutfile(path string) error {
	switch path {
	case "":
		return nil
	case "-":
		return errors.New("--outfile is -: leave it out to write to stdout, or pass ./- for a file of that name")
	}
	if info, err := os.Stat(path); err == nil {
		is := func(f *os.File) bool {
			other, err := f.Stat()
			return err == nil && os.SameFile(info, other)
		}
		own := is(os.Stdout)
		switch {
		case info.IsDir():
			return fmt.Errorf("--outfile %s is a folder: pass the path of a file", path)
		case info.Mode()&os.ModeNamedPipe != 0 && !own: // to open one waits for who reads it
			return fmt.Errorf("--outfile %s is a pipe: pass the path of a file, or leave it out and redirect stdout", path)
		case info.Mode().IsRegular() && own:
			return fmt.Errorf("--outfile %s is what stdout is written to: leave it out", path)
		case info.Mode().IsRegular() && is(os.Stderr):
			return fmt.Errorf("--outfile %s is what stderr is written to, and would be replaced: pass the path of another file", path)
		}
	}
	if info, err := os.Stat(folderOf(path)); err != nil || !info.IsDir() {
		// Linux may be set not to follow others' links in folders of all.
		if _, err := ownFolder(folderOf(path)); errors.Is(err, errOthersLink) {
			return fmt.Errorf("--outfile %s %w", path, err)
		}
		return fmt.Errorf("--outfile %s can't be written, there is no folder %s: pass a path in an existing folder", path, filepath.Dir(path))
	}
	if _, _, err := outfileTarget(path); err != nil {
		return fmt.Errorf("--outfile %s %w", path, err)
	}
	return nil
}

// folderOf is the folder of a path as the system finds it: link/.. is where the link
// leads, and not where it is.
func folderOf(path string) string {
	dir, _ := filepath.Split(path)
	return cmp.Or(dir, ".")
}

// ownStore is the folder to record into without the links on the way to it. It is the
// user's own or root's, or not there yet: who may change it would choose where this
// user writes.
func ownStore(dir string) (string, error) {
	rest := ""
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil && at != filepath.Dir(at) {
			if _, err := os.Lstat(at); err == nil {
				if _, err := ownFolder(at); errors.Is(err, errOthersLink) { // which Linux may be set not to follow
					return "", err
				}
				return "", errors.New("is or leads through a link to nowhere: pass a folder of your own")
			}
			rest = filepath.Join(filepath.Base(at), rest)
			continue
		}
		if err != nil {
			return "", fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		to, err := ownFolder(at)
		if err == nil && rest == "" && !ownOrRoot(info) {
			err = errors.New("is another user's folder: pass one of your own")
		}
		return filepath.Join(to, rest), err
	}
}

// mostLinks is how many links are followed to a file.
const mostLinks = 16

var (
	errOthersLink = errors.New("is or leads through another user's link, which is not followed: pass the path of a file, in a folder of your own")
	errLoop       = errors.New("is a loop of links: pass the path of a file")
)

// outfileTarget follows links to the file that is to be replaced; old is nil where
// there is none yet. Who may put a link or a file into a folder of all, such as
// /tmp, must not choose what is replaced, nor get what is written: links are
// followed that are the user's own or root's, in folders that are, and no other
// user's file is replaced.
func outfileTarget(path string) (target string, old os.FileInfo, err error) {
	for range mostLinks {
		dir, err := ownFolder(folderOf(path))
		if err != nil {
			return "", nil, err
		}
		path = filepath.Join(dir, filepath.Base(path))
		info, err := os.Lstat(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return path, nil, nil
			}
			return "", nil, fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if info.Mode().IsRegular() && !ownOrRoot(info) {
				return "", nil, errors.New("is another user's file: pass the path of another one, in a folder of your own")
			}
			return path, info, nil
		}
		folder, err := os.Stat(filepath.Dir(path))
		if err != nil {
			return "", nil, fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		if !ownOrRoot(info) || !ownOrRoot(folder) {
			return "", nil, errOthersLink
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return path, info, nil // such as stdout, whose link is to no path
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", nil, fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", nil, errLoop
}

// The permissions of a new file, but for what the umask takes away.
const (
	private  os.FileMode = 0o600 // it names clients and hosts
	readable os.FileMode = 0o644 // a collector of another user reads it
)

// writeOutfile writes the file whole or not at all: to a temporary file beside
// it, which then takes its place. A file that is not
// regular, such as a pipe, is written in place. An old file's permissions stay.
func writeOutfile(path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	fail := func(err error) error { return fmt.Errorf("--outfile %s can't be written: %w", path, err) }
	target, old, err := outfileTarget(path)
	if err != nil {
		return fmt.Errorf("--outfile %s %w", path, err)
	}
	if old != nil && !old.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return fail(err)
		}
		if err := errors.Join(buffered(f, write), f.Close()); err != nil {
			return fail(err)
		}
		return nil
	}
	if old != nil {
		mode = old.Mode().Perm()
	}
	tmp := filepath.Join(filepath.Dir(target), fmt.Sprintf(".%s.%x", filepath.Base(target), rand.Uint64()))
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
	if err = buffered(f, write); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
