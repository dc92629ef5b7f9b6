package clienturl

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// folder reads a folder's files, several at a time.
func (s *scan) folder(parent context.Context, root string) (Found, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	type file struct {
		index int
		path  string
	}
	files, results := make(chan file), make(chan result)
	var walk, work sync.WaitGroup
	var walkErr error
	var skipped Read
	walk.Go(func() {
		defer close(files)
		index := 0
		walkErr = walkFolder(ctx, root, func(path string, problem error) error {
			index++
			if problem != nil {
				return send(ctx, results, result{index: index, path: path, warnings: []string{warning(path, problem)}, err: problem})
			}
			return send(ctx, files, file{index, path})
		}, skipped.skip)
	})
	for range readers {
		work.Go(func() {
			for f := range files {
				r := s.file(ctx, source{name: f.path, shown: f.path, size: sizeOf(f.path), open: func() (io.ReadCloser, error) { return openRegular(f.path) }})
				r.index = f.index
				if r.err != nil && !errors.Is(r.err, errBinary) && !errors.Is(r.err, errServer) {
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
	var kube cluster
	var kept []result // those that say something
	lists := 0
	for {
		var r result
		var more bool
		select {
		case r, more = <-results:
		case <-parent.Done(): // a file or a folder may block for ever
			return Found{}, parent.Err()
		}
		if !more {
			break
		}
		if !r.says() {
			found.add(r, &kube)
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
		if !found.add(r, &kube) {
			break
		}
	}
	found.finish(&kube)
	found.Read.Merge(skipped)
	return found, nil
}

// sizeOf is a file's size as a hint; 0 where it is not known.
func sizeOf(path string) int64 {
	if info, err := os.Lstat(path); err == nil {
		return info.Size()
	}
	return 0
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
func walkFolder(ctx context.Context, root string, found func(path string, problem error) error, skipped func(path string, why SkipReason)) error {
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
		case !entry.Type().IsRegular():
			skipped(path, SkipUnusable)
			return nil
		case isCode(strings.ToLower(filepath.Ext(rel))) && isTest(rel):
			skipped(path, SkipTest)
			return nil
		case !wantsFile(rel):
			skipped(path, SkipKind)
			return nil
		}
		return found(path, nil)
	})
}

// wantsFolder reports whether a folder of that name can have configuration that
// its owner wrote.
func wantsFolder(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	return !slices.Contains([]string{"node_modules", "vendor", "target", "dist", "build", "__pycache__", "testdata"}, name)
}
