package probe

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
)

// The key and its answer are the example of RFC 6455, 1.3.
func TestAccepted(t *testing.T) {
	t.Parallel()
	const key, head = "dGhlIHNhbXBsZSBub25jZQ==", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	const answer = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for _, tt := range []struct {
		name, said string
		status     int
		ok         bool
	}{
		{"as in the RFC", head + answer + "\r\n", 101, true},
		{"no answer to the key", head + "\r\n", 101, false},
		{"another protocol", "HTTP/1.1 101 \r\nUpgrade: h2c\r\n" + answer + "\r\n", 101, false},
		{"refused", "HTTP/1.1 403 Forbidden\r\n\r\n", 403, false},
		{"no end", head + answer, 101, false},
		{"no status", "HTTP/1.1 \r\n\r\n", 0, false},
		{"HTTP/2", "HTTP/2 200\r\n\r\n", 0, false},
		{"negative", "HTTP/1.1 -10\r\n\r\n", 0, false},
		{"nothing", "", 0, false},
	} {
		if status, ok := accepted(bufio.NewReader(strings.NewReader(tt.said)), key); status != tt.status || ok != tt.ok {
			t.Errorf("%s: got %d, %v; want %d, %v", tt.name, status, ok, tt.status, tt.ok)
		}
	}
}

func TestFramesOfEverySize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, maxLine} {
		payload := bytes.Repeat([]byte("x"), size)
		head := []byte{0x82, byte(size)}
		switch {
		case size > 65535:
			head = []byte{0x82, 127, 0, 0, 0, 0, 0, byte(size >> 16), byte(size >> 8), byte(size)}
		case size > 125:
			head = []byte{0x82, 126, byte(size >> 8), byte(size)}
		}
		said := append(append(head, payload...), 0x88, 0)
		got, err := io.ReadAll(&frames{r: bufio.NewReader(bytes.NewReader(said))})
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: got %d, error %v", size, len(got), err)
		}
	}
}

func TestFramesRefused(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{
		"compressed":             "\xc2\x01x",
		"unknown kind":           "\x83\x01x",
		"unknown control":        "\x8b\x00",
		"ping in pieces":         "\x09\x00",
		"long ping":              "\x89\x7e\x00\x7e",
		"goes on without begin":  "\x80\x01x",
		"begins inside another":  "\x02\x01x\x82\x01y",
		"more than is ever read": "\x82\x7f\x00\x00\x00\x00\x00\x20\x00\x00",
		"cut off in its head":    "\x82",
		"cut off in its length":  "\x82\x7f\x00",
	} {
		if got, err := io.ReadAll(&frames{r: bufio.NewReader(strings.NewReader(said))}); err == nil {
			t.Errorf("%s: read %q without an error", name, got)
		}
	}
}

func FuzzFrames(f *testing.F) {
	for _, said := range []string{
		"\x82\x05INFO ", "\x02\x01I\x89\x00\x80\x04NFO ", "\x82\x7e\x00\x7e", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x88\x00", "\xc2\x01x",
	} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		got, _ := io.ReadAll(&frames{r: bufio.NewReader(bytes.NewReader(said))})
		if len(got) > len(said) {
			t.Errorf("%d bytes of payload in %d", len(got), len(said))
		}
	})
}
