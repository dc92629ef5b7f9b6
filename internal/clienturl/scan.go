package clienturl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/nats-balance/nats-balance/checks"
	prose "github.com/nats-balance/nats-balance/internal/words"
)

const (
	maxFile     = 4 << 20 // bytes of a file that is not read in parts
	maxLine     = 1 << 20 // bytes of a line: nobody wrote a longer one
	maxLists    = 10_000  // of one scan
	maxWarnings = 100     // of one scan
	readers     = 2       // files at a time
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

var (
	errNotRegular = errors.New("it is not a regular file")
	errTooLarge   = errors.New("it is too large")
	errBinary     = errors.New("it is not text")
	errServer     = errors.New("it is the configuration of a server")
	errNoStdin    = errors.New("there is no standard input")
)

// Found is the lists that were found and what there is to know about the search.
type Found struct {
	Lists []checks.URLList
	// Warnings are sentences about what could not be read, at most about a
	// hundred. Names in them are as they are.
	Warnings []string
	Read     Read
}

func (f *Found) warn(warning string) {
	switch {
	case len(f.Warnings) < maxWarnings:
		f.Warnings = append(f.Warnings, warning)
	case len(f.Warnings) == maxWarnings:
		f.Warnings = append(f.Warnings, "there are more warnings than are listed")
	}
}

// Scanner reads client lists out of files, folders and standard input.
type Scanner struct {
	// Stdin is standard input; nil where there is none.
	Stdin io.Reader
	// Progress is told now and then how much was read, by several goroutines at
	// a time; nil is fine.
	Progress func(Progress)
}

// Progress is how much was read so far.
type Progress struct {
	Files int
	Bytes int64
}

// scan is one call of Scan.
type scan struct {
	Scanner
	files, bytes atomic.Int64
	stored, runs atomic.Int64 // bytes of ConfigMaps and Secrets, and of workloads
}

func (s *scan) seen(n int) {
	all := s.bytes.Add(int64(n))
	if s.Progress != nil {
		s.Progress(Progress{Files: int(s.files.Load()), Bytes: all})
	}
}

// Scan reads the client lists out of a file, a pipe, standard input (the path
// [Stdin]), or out of the files of a folder that can have some. In a folder it
// leaves out what others made (vendor, node_modules, build output), hidden
// folders, tests and documents; it follows no links. Objects of Kubernetes are
// read as such, with the ConfigMaps and Secrets of the same input.
//
// Each list is tied to the account, or where that is empty to the one of the
// credentials beside it. Lists are in the order of paths and lines, those of
// Kubernetes last. The error is of the path itself; other faults are warnings.
// What blocks in reading does not outlive ctx.
func (s Scanner) Scan(ctx context.Context, account, path string) (Found, error) {
	c := &scan{Scanner: s}
	found, err := c.scan(ctx, path)
	if err == nil {
		err = ctx.Err()
	}
	name := path
	if path == Stdin {
		name = "standard input"
	}
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w", name, cause(err))
	}
	if len(found.Lists) == 0 {
		found.warn("no client URL in " + name)
	}
	if account != "" {
		for i := range found.Lists {
			found.Lists[i].Account = account
		}
	}
	found.Read.Bytes = c.bytes.Load()
	found.Read.count(found.Lists)
	found.Read.Merge(Read{}) // sorts
	return found, nil
}

func (s *scan) scan(ctx context.Context, path string) (Found, error) {
	if path == Stdin {
		if s.Stdin == nil {
			return Found{}, errNoStdin
		}
		return s.single(s.file(ctx, source{name: "standard input", shown: "standard input", open: func() (io.ReadCloser, error) {
			return io.NopCloser(s.Stdin), nil
		}}))
	}
	info, err := within(ctx, func() (fs.FileInfo, error) { return os.Stat(path) })
	if err != nil {
		return Found{}, err
	}
	if info.IsDir() {
		return s.folder(ctx, path)
	}
	return s.single(s.file(ctx, source{name: path, shown: path, size: info.Size(), open: func() (io.ReadCloser, error) { return openAny(path) }}))
}

// within calls what may block for ever, and waits no longer than ctx.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		value, err := f()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// single is what was found in the only file.
func (s *scan) single(r result) (Found, error) {
	if r.err != nil && !errors.Is(r.err, errServer) {
		return Found{}, r.err
	}
	var found Found
	var kube cluster
	found.add(r, &kube)
	found.finish(&kube)
	return found, nil
}

// result is what was found in one file; index is its place in the order.
type result struct {
	index    int
	path     string
	lists    []checks.URLList
	warnings []string
	err      error // the file was not read

	workloads []object
	stores    []*store
	objects   int
	full      bool // not all of the stores were kept
	lost      int  // workloads that were not kept
}

// says reports whether there is anything in the result to keep.
func (r result) says() bool {
	return r.full || len(r.lists)+len(r.warnings)+len(r.workloads)+len(r.stores)+r.lost > 0
}

// add adds a file's result. It is false where there are too many lists.
func (f *Found) add(r result, kube *cluster) bool {
	switch {
	case r.err == nil:
		f.Read.Files++
	case errors.Is(r.err, errServer):
		f.Read.skip(r.path, SkipServer)
	case errors.Is(r.err, errBinary):
		f.Read.skip(r.path, SkipBinary)
	default:
		f.Read.skip(r.path, SkipFailed)
	}
	f.Read.Objects += r.objects
	for _, warning := range r.warnings {
		f.warn(warning)
	}
	kube.add(r)
	return f.addLists(r.lists)
}

func (f *Found) addLists(lists []checks.URLList) bool {
	left := maxLists - len(f.Lists)
	if len(lists) > left {
		f.Lists = append(f.Lists, lists[:left]...)
		f.Warnings = append(f.Warnings, fmt.Sprintf("there are more than %s server lists, the others are left out: pass a folder with fewer", prose.Count(maxLists)))
		return false
	}
	f.Lists = append(f.Lists, lists...)
	return true
}

// finish adds the lists of the objects of Kubernetes.
func (f *Found) finish(kube *cluster) {
	f.addLists(kube.lists(f.warn))
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
