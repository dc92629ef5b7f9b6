package clienturl

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	maxFile     = 4 << 20 // bytes of a file
	maxLine     = 1 << 20 // bytes of a line: nobody wrote a longer one
	maxLists    = 10_000  // of one scan
	maxWarnings = 100     // of one scan
	readers     = 2       // files at a time
)

var (
	errNotRegular = errors.New("it is no regular file")
	errTooLarge   = errors.New("it is too large")
	errBinary     = errors.New("it is no text")
)

// Found is the lists that were found and what there is to know about the search.
type Found struct {
	Lists []checks.URLList
	// Warnings are sentences about what could not be read, at most about a
	// hundred. Names in them are as they are.
	Warnings []string
	// Files is how many files were read, Skipped how many were not: those of
	// other kinds, tests, and the unreadable.
	Files, Skipped int
}

func (f *Found) warn(warning string) {
	switch {
	case len(f.Warnings) < maxWarnings:
		f.Warnings = append(f.Warnings, warning)
	case len(f.Warnings) == maxWarnings:
		f.Warnings = append(f.Warnings, "there are more warnings than are listed")
	}
}

// Scan reads the client lists out of a file, or out of the files of a folder
// that can have some. In a folder it leaves out what others made (vendor,
// node_modules, build output), hidden folders, tests and documents; it follows
// no links. Each list is tied to the account, or where that is empty to the one
// of the credentials beside it. Lists are in the order of paths and lines. The
// error is of the path itself; other faults are warnings.
func Scan(ctx context.Context, account, path string) (Found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w", path, cause(err))
	}
	var found Found
	if info.IsDir() {
		found, err = scanFolder(ctx, path)
	} else {
		result := scanFile(path)
		err = result.err
		found.add(result)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w", path, cause(err))
	}
	if len(found.Lists) == 0 {
		found.warn("no client URL in " + path)
	}
	if account != "" {
		for i := range found.Lists {
			found.Lists[i].Account = account
		}
	}
	return found, nil
}

// result is what was found in one file; index is its place in the order.
type result struct {
	index    int
	lists    []checks.URLList
	warnings []string
	err      error // the file was not read
}

// add adds a file's result. It is false where there are too many lists.
func (f *Found) add(r result) bool {
	if r.err == nil {
		f.Files++
	} else {
		f.Skipped++
	}
	for _, warning := range r.warnings {
		f.warn(warning)
	}
	room := maxLists - len(f.Lists)
	if len(r.lists) > room {
		f.Lists = append(f.Lists, r.lists[:room]...)
		f.Warnings = append(f.Warnings, fmt.Sprintf("there are more than %d server lists, the others are left out: pass a folder with fewer", maxLists))
		return false
	}
	f.Lists = append(f.Lists, r.lists...)
	return true
}

// scanFolder reads a folder's files, several at a time.
func scanFolder(parent context.Context, root string) (Found, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	type file struct {
		index int
		path  string
	}
	files, results := make(chan file), make(chan result)
	var walk, work sync.WaitGroup
	var walkErr error
	skipped := 0
	walk.Go(func() {
		defer close(files)
		index := 0
		walkErr = walkFolder(ctx, root, func(path string, problem error) error {
			index++
			if problem != nil {
				return send(ctx, results, result{index: index, warnings: []string{warning(path, problem)}, err: problem})
			}
			return send(ctx, files, file{index, path})
		}, func() { skipped++ })
	})
	for range readers {
		work.Go(func() {
			for f := range files {
				r := scanFile(f.path)
				r.index = f.index
				if r.err != nil && !errors.Is(r.err, errBinary) {
					r.warnings = append(r.warnings, warning(f.path, r.err))
				}
				if send(ctx, results, r) != nil {
					return
				}
			}
		})
	}
	go func() {
		walk.Wait()
		work.Wait()
		close(results)
	}()
	var found Found
	var kept []result // those that say something
	lists := 0
	for r := range results {
		if len(r.lists) == 0 && len(r.warnings) == 0 {
			found.add(r)
			continue
		}
		kept = append(kept, r)
		if lists += len(r.lists); lists > maxLists {
			cancel() // the search ends here
		}
	}
	if err := parent.Err(); err != nil {
		return Found{}, err
	}
	if walkErr != nil && lists <= maxLists {
		return Found{}, walkErr
	}
	slices.SortFunc(kept, func(a, b result) int { return cmp.Compare(a.index, b.index) })
	for _, r := range kept {
		if !found.add(r) {
			break
		}
	}
	found.Skipped += skipped
	return found, nil
}

// send hands over a value, unless the context ends before.
func send[T any](ctx context.Context, to chan<- T, value T) error {
	select {
	case to <- value:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// walkFolder calls found for each file to read, in order of path, and for what
// can't be read, with why; skipped for each file that is of no interest.
func walkFolder(ctx context.Context, root string, found func(path string, problem error) error, skipped func()) error {
	// The root may be a link to a folder, which filepath.WalkDir would not follow.
	return fs.WalkDir(os.DirFS(root), ".", func(rel string, entry fs.DirEntry, err error) error {
		path := filepath.Join(root, filepath.FromSlash(rel))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && rel == ".":
			return err
		case err != nil:
			return found(path, err)
		case rel == ".":
			return nil
		case entry.IsDir() && !wantsFolder(entry.Name()):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular() || !wantsFile(rel):
			skipped()
			return nil
		}
		return found(path, nil)
	})
}

// scanFile reads one file.
func scanFile(path string) result {
	text, err := readRegular(path, maxFile)
	if err != nil {
		if errors.Is(err, errTooLarge) {
			err = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
		}
		return result{err: err}
	}
	if bytes.IndexByte(text[:min(len(text), 8<<10)], 0) >= 0 {
		return result{err: errBinary}
	}
	var r result
	if !speaksOfNATS(text) {
		return r
	}
	if blankLongLines(text) {
		r.warnings = append(r.warnings, fmt.Sprintf("%s has a line of more than %d MiB, which was not read", path, maxLine>>20))
	}
	lists, warnings := extract(path, text)
	r.lists, r.warnings = lists, append(r.warnings, warnings...)
	return r
}

// speaksOfNATS rules most files out without looking closer.
func speaksOfNATS(text []byte) bool {
	for _, word := range []string{"nats", "NATS", "Nats"} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

func blankLongLines(text []byte) bool {
	found := false
	for from := 0; from < len(text); {
		end := bytes.IndexByte(text[from:], '\n')
		if end < 0 {
			end = len(text) - from
		}
		if end > maxLine {
			blank(text[from : from+end])
			found = true
		}
		from += end + 1
	}
	return found
}

func warning(path string, err error) string {
	return fmt.Sprintf("%s was not read: %s", path, cause(err))
}

// cause is an error without the operation and the path, which the caller names.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// wantsFolder is whether a folder of that name can have configuration that its
// owner wrote.
func wantsFolder(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	return !slices.Contains([]string{"node_modules", "vendor", "target", "dist", "build", "__pycache__", "testdata"}, name)
}
