package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/within"
	"github.com/nats-balance/nats-balance/internal/words"
)

// colorful reports whether the writer is a terminal that wants colours.
func colorful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && rewritable(w)
}

// rewritable reports whether the writer is a terminal that knows control sequences.
func rewritable(w io.Writer) bool { return os.Getenv("TERM") != "dumb" && isTerminal(w) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth returns how many columns a terminal has; 0 for anything else.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// columns is how wide the terminal of the output is; 80 where it has none.
func (h Host) columns() int {
	const usual = 80
	return cmp.Or(lineWidth(h.Out), usual)
}

// wrap writes a sentence in lines of [Host.columns].
func (h Host) wrap(w io.Writer, indent, sentence string) {
	fmt.Fprintln(w, report.Folded(indent+sentence, indent, h.columns()))
}

// lineWidth returns how many columns lines may have on a terminal; 0 for anything else.
func lineWidth(w io.Writer) int {
	const least, most = 40, 160
	if columns := terminalWidth(w); columns > 0 {
		return min(max(least, columns), most)
	}
	return 0
}

// readRegular reads a file whole. It refuses a file that is not regular,
// such as a pipe: reading that may never end.
func (h Host) readRegular(ctx context.Context, flag, path string, most int64) ([]byte, error) {
	return reading(ctx, h, flag, path, func() ([]byte, error) {
		text, err := readUpTo(path, most)
		var long *longError
		if errors.As(err, &long) {
			return nil, fmt.Errorf("%s %s has more than %d MiB: pass a smaller file", flag, path, most>>20)
		}
		return text, explainOpen(flag, path, err)
	})
}

// readUpTo reads a regular file of so many bytes at most. See [reading] for what
// keeps who reads it.
func readUpTo(path string, most int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case int64(len(text)) > most:
		return nil, &longError{most}
	}
	return text, nil
}

// longError is that a file has more bytes than are read of it.
type longError struct{ most int64 }

func (e *longError) Error() string {
	return fmt.Sprintf("it has more than %s bytes", words.Count(int(e.most)))
}

var errNotRegular = errors.New("it is not a regular file")

// reading reads a file within the time-out: one on another machine may keep who
// reads it for ever.
func reading[T any](ctx context.Context, h Host, flag, path string, f func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout())
	defer cancel()
	value, err := within.Context(ctx, 0, f)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s %s can't be read within %s: pass a longer --timeout, or a file on this machine", flag, path, h.Timeout())
	}
	return value, err
}

func openRegular(flag, path string) (*os.File, error) {
	f, err := openFile(path)
	return f, explainOpen(flag, path, err)
}

// explainOpen says what is wrong with the file of a flag; nil where nothing is.
func explainOpen(flag, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNotRegular):
		return fmt.Errorf("%s %s is not a regular file: pass the path of one", flag, path)
	}
	return fmt.Errorf("%s %s can't be read: %w: pass the path of a file", flag, path, err)
}

func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
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
