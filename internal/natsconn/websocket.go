package natsconn

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// webSocket follows the frames that a server sends, and hands on what is in
// them.
type webSocket struct {
	opened bool
	head   int    // bytes of the response to the upgrade
	blank  bool   // the line of the response that is being read is empty so far
	header []byte // of a frame, begun
	frame  uint64 // of a frame's payload, still to come
	silent bool   // the frame is none of data
	inside *protocol
}

var errCompressed = errors.New("compresses what it sends, although nobody asked for that")

func (w *webSocket) read(data []byte) error {
	for ; !w.opened && len(data) > 0; data = data[1:] { // the response to the upgrade
		if w.head++; w.head > longestLine {
			return errors.New("sends an answer to the upgrade of more than 1 MiB")
		}
		switch data[0] {
		case '\n':
			w.opened, w.blank = w.blank, true
		case '\r':
		default:
			w.blank = false
		}
	}
	for len(data) > 0 {
		if w.frame > 0 {
			n := min(w.frame, uint64(len(data)))
			if !w.silent {
				if err := w.inside.read(data[:n]); err != nil {
					return err
				}
			}
			w.frame -= n
			data = data[n:]
			continue
		}
		w.header = append(w.header, data[0])
		data = data[1:]
		if err := w.begin(); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a frame where its header is whole.
func (w *webSocket) begin() error {
	if len(w.header) < 2 {
		return nil
	}
	length := w.header[1] & 0x7f
	size, rest := uint64(length), w.header[2:]
	switch {
	case length == 126 && len(rest) < 2, length == 127 && len(rest) < 8:
		return nil
	case length == 126:
		size = uint64(binary.BigEndian.Uint16(rest))
	case length == 127:
		size = binary.BigEndian.Uint64(rest)
	}
	if w.header[0]&0x70 != 0 { // nats.go would decompress it, to whatever size
		return errCompressed
	}
	if size > longestMessage { // nor does nats.go take it
		return fmt.Errorf("sends a WebSocket frame of %d bytes, where none has more than %d MiB", size, longestMessage>>20)
	}
	w.silent, w.frame = w.header[0]&0x08 != 0, size
	w.header = w.header[:0]
	return nil
}
