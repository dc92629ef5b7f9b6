package clienturl

import (
	"context"
	"errors"
	"io"
	"os"
)

const pumpSize = 256 << 10

// pump reads a file, a pipe or standard input so that what blocks there does not
// outlive the context: the goroutine that waits is left behind then.
type pump struct {
	ctx    context.Context //nolint:containedctx // it is one reading
	chunks chan []byte
	failed error // set before chunks is closed
	rest   []byte
	seen   func(n int)
	stop   chan struct{}
}

// newPump opens and reads with open. size is a hint, 0 where it is not known.
func newPump(ctx context.Context, size int64, seen func(int), open func() (io.ReadCloser, error)) *pump {
	p := &pump{ctx: ctx, chunks: make(chan []byte, 1), stop: make(chan struct{}), seen: seen}
	go func() {
		defer close(p.chunks)
		r, err := open()
		if err != nil {
			p.failed = err
			return
		}
		defer func() { _ = r.Close() }() // it was only read
		length := int64(pumpSize)
		if size > 0 {
			length = min(size+512, pumpSize)
		}
		for {
			b := make([]byte, length)
			n, err := io.ReadAtLeast(r, b, min(len(b), 4096))
			if n > 0 {
				select {
				case p.chunks <- b[:n]:
				case <-p.stop:
					return
				}
			}
			switch {
			case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
				return
			case err != nil:
				p.failed = err
				return
			}
		}
	}()
	return p
}

// Read implements io.Reader.
func (p *pump) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		select {
		case chunk, ok := <-p.chunks:
			if !ok {
				if p.failed != nil {
					return 0, p.failed
				}
				return 0, io.EOF
			}
			p.rest = chunk
			if p.seen != nil {
				p.seen(len(chunk))
			}
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Close lets go of the reading.
func (p *pump) Close() { close(p.stop) }

// openRegular opens a file that must be regular.
func openRegular(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	}
	return os.Open(path)
}

// openAny opens a regular file or a pipe, such as <(…) is. Devices may never
// end, and are not opened.
func openAny(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0:
		return nil, errNotRegular
	}
	return os.Open(path)
}
