package natsconn

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// honest is what servers send.
const honest = "INFO {\"server_id\":\"X\"}\r\n+OK\r\nPONG\r\nMSG a.b 1 5\r\nhello\r\nMSG a 1 r 0\r\n\r\nHMSG a 1 12 14\r\nNATS/1.0\r\n\r\nok\r\n" +
	"hmsg a 1 r 12 12\r\nNATS/1.0\r\n\r\n\r\nPING\n-ERR 'Permissions Violation'\r\nMSG a 1 4\r\n\nMSG\r\n"

// hostileLines are what no server sends, with what is said of it.
var hostileLines = map[string]string{
	"MSG x 1 9223372036854775807\r\n":          "a message of 9223372036854775807 bytes",
	"HMSG x 1 12 1000000000000\r\n":            "a message of 1000000000000 bytes",
	"MSG x 1 18446744073709551621\r\n":         "a message of 18446744073709551621 bytes",
	"MSG x 1 67108865\r\n":                     "where none has more than 64 MiB",
	"MSG x 1 -1\r\n":                           "can't be read",
	"MSG x 1 5\r6\r\n":                         "can't be read",
	"MSG x\r\n":                                "can't be read",
	"MSG x 1 r s 5\r\n":                        "can't be read",
	"MSG x y 5\r\n":                            "can't be read",
	"MSG $SYS.ACCOUNT.a b.CONNECT 7 120\r\n":   "whitespace in its name: $SYS.ACCOUNT.a b.CONNECT",
	"MSG $SYS.ACCOUNT.a b c.X 7 120\r\n":       "whitespace in its name: $SYS.ACCOUNT.a b c.X",
	"MSG a 5 c 7 r 120\r\n":                    "whitespace in its name: a 5 c",
	"HMSG a b 7 r 12 14\r\n":                   "whitespace in its name: a b",
	"MSG \x1b[31m b c 7 120\r\n":               `whitespace in its name: \x1b[31m b c`,
	"HMSG x 1 13 12\r\n":                       "can't be read",
	"MSG x 1 1\r\nab\r\n":                      "longer than it says",
	"MSG x 1 1\r\na\nMSG":                      "longer than it says",
	"INFO " + strings.Repeat("x", longestLine): "a line of more than 1 MiB",
	"PING" + strings.Repeat(" ", longestLine):  "a line of more than 1 MiB",
	strings.Repeat("+OK\r\n", mostRemarks/leastRemark+10*remarksEachSecond/leastRemark):    "without an end",
	strings.Repeat("-ERR 'x'\r\n", mostRemarks/leastError+10*remarksEachSecond/leastError): "without an end",
}

// framed is text in WebSocket frames.
func framed(text string, size int) []byte {
	out := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x89\x02hi")
	for len(text) > 0 {
		n := min(size, len(text))
		switch {
		case n < 126:
			out = append(out, 0x82, byte(n))
		case n < 1<<16:
			out = binary.BigEndian.AppendUint16(append(out, 0x82, 126), uint16(n)) //nolint:gosec // it is below
		default:
			out = binary.BigEndian.AppendUint64(append(out, 0x82, 127), uint64(n)) //nolint:gosec // it is positive
		}
		out = append(out, text[:n]...)
		text = text[n:]
	}
	return out
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	pieces := func(t *testing.T, follow interface{ read([]byte) error }, data []byte, size int) error {
		t.Helper()
		for len(data) > 0 {
			n := min(size, len(data))
			if err := follow.read(data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	}
	check := func(t *testing.T, err error, want string) {
		t.Helper()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	cases := map[string]string{honest: ""}
	for text, want := range hostileLines {
		cases[honest+text] = want
	}
	for text, want := range cases {
		for _, size := range []int{1, 2, 7, 4096, len(text)} {
			if size < 4096 && len(text) > 1<<16 {
				continue
			}
			check(t, pieces(t, &protocol{}, []byte(text), size), want)
			check(t, pieces(t, &webSocket{inside: &protocol{}}, framed(text, size), size), want)
		}
	}
	compressed := framed("PING\r\n", 10)
	compressed[bytes.LastIndexByte(compressed, 0x82)] |= 0x40
	check(t, pieces(t, &webSocket{inside: &protocol{}}, compressed, 3), "compresses")
	for size, want := range map[uint64]string{longestMessage: "", longestMessage + 1: "a WebSocket frame of 67108865 bytes", 1 << 62: "a WebSocket frame of 4611686018427387904 bytes"} {
		check(t, pieces(t, &webSocket{inside: &protocol{}}, binary.BigEndian.AppendUint64(append(framed(honest, 9), 0x82, 127), size), 1), want)
	}
}

// However what comes is cut into pieces, the same is said of it.
func FuzzProtocol(f *testing.F) {
	f.Add([]byte(honest), 3)
	for text := range hostileLines {
		if len(text) < 1<<10 {
			f.Add([]byte(text), 1)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		if cut < 0 || cut > len(data) {
			return
		}
		whole, pieces := &protocol{}, &protocol{}
		want := whole.read(data)
		got := pieces.read(data[:cut])
		if got == nil {
			got = pieces.read(data[cut:])
		}
		if (want == nil) != (got == nil) {
			t.Errorf("whole: %v; cut at %d: %v", want, cut, got)
		}
		if want == nil && (whole.payload != pieces.payload || whole.tail != pieces.tail || whole.payload > longestMessage) {
			t.Errorf("%+v, %+v", whole, pieces)
		}
	})
}
