package probe

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1" // RFC 6455 asks for it; it protects nothing
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
)

// upgradeKey makes a Sec-WebSocket-Key: 16 random bytes (RFC 6455, 4.1).
func upgradeKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	return base64.StdEncoding.EncodeToString(key[:])
}

// sendUpgrade asks for a WebSocket at the path of the URL, the way a client does.
// It offers no compression.
func sendUpgrade(w io.Writer, host, path, key string) error {
	_, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: nats-balance\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", path, host, key)
	return err
}

// accepted reads the head of an HTTP answer: its status, and whether it
// switches to a WebSocket in answer to key. The body is left unread.
func accepted(r *bufio.Reader, key string) (status int, ok bool) {
	head := textproto.NewReader(r)
	line, err := head.ReadLine()
	if err != nil {
		return 0, false
	}
	var major, minor int
	if n, _ := fmt.Sscanf(line, "HTTP/%1d.%1d %3d", &major, &minor, &status); n != 3 || status != 101 {
		return max(status, 0), false
	}
	fields, err := head.ReadMIMEHeader()
	if err != nil || !strings.EqualFold(fields.Get("Upgrade"), "websocket") {
		return status, false
	}
	return status, fields.Get("Sec-WebSocket-Accept") == acceptOf(key)
}

// acceptOf is the answer that proves that key was read (RFC 6455, 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Opcodes of RFC 6455, 5.2.
const (
	opContinuation, opText, opBinary = 0, 1, 2
	opClose, opPing, opPong          = 8, 9, 10
)

// sendClose says good-bye: a close frame with status 1000, masked as a client's
// frames must be. Whether it arrives does not matter.
func sendClose(w io.Writer) {
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	const status = 1000
	_, _ = w.Write([]byte{0x80 | opClose, 0x80 | 2, mask[0], mask[1], mask[2], mask[3],
		mask[0] ^ status>>8, mask[1] ^ status&0xff})
}

// errFrame is what a server must not send.
var errFrame = errors.New("no proper WebSocket frame")

// frames reads the payloads of a server's data frames as one stream: servers
// cut what they have to say into frames as they like. It ends at a close frame.
type frames struct {
	r *bufio.Reader
	// left is how much of the present frame is unread.
	left uint64
	// open reports whether the present message goes on in a further frame.
	open bool
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	for f.left == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n, err := f.r.Read(p[:min(uint64(len(p)), f.left)])
	f.left -= uint64(n)
	return n, err
}

// next reads the head of a frame, and control frames whole.
func (f *frames) next() error {
	var head [2]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return err
	}
	final, reserved, op := head[0]&0x80 != 0, head[0]&0x70, head[0]&0x0f
	masked, size := head[1]&0x80 != 0, uint64(head[1]&0x7f)
	if masked || reserved != 0 { // a server never masks, and there are no extensions
		return fmt.Errorf("%w: masked, or with an extension", errFrame)
	}
	if op >= opClose && (!final || size > 125) {
		return fmt.Errorf("%w: a control frame of more than it may have", errFrame)
	}
	switch op {
	case opContinuation, opText, opBinary:
		if f.open != (op == opContinuation) {
			return fmt.Errorf("%w: out of order", errFrame)
		}
		f.open = !final
	case opPing, opPong:
		_, err := f.r.Discard(int(size)) //nolint:gosec // at most 125
		return err
	case opClose:
		return io.EOF
	default:
		return fmt.Errorf("%w: unknown kind", errFrame)
	}
	var err error
	if f.left, err = f.size(size); err == nil && f.left > maxRead {
		err = fmt.Errorf("%w: too long", errFrame)
	}
	return err
}

// size reads the longer forms of a length.
func (f *frames) size(short uint64) (uint64, error) {
	var long [8]byte
	var part []byte
	switch short {
	case 126:
		part = long[6:]
	case 127:
		part = long[:]
	default:
		return short, nil
	}
	_, err := io.ReadFull(f.r, part)
	return binary.BigEndian.Uint64(long[:]), err
}
