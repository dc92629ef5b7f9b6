package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// mostMemory is what an audit of hostile servers may take: what it is limited to, and
// what a limit can't hold.
const mostMemory = 600 << 20

// Whatever three servers say, each as much as one can at a time, the program takes
// no more than mostMemory and --timeout. It was 1.4 GiB.
func TestHostileMemory(t *testing.T) {
	if testing.Short() || os.Getenv(tool.BuildTools) == "" {
		t.Skipf("it takes a minute, and system.TestHostileRepliesTakeNoMemory holds one of these: set %s to run it", tool.BuildTools)
	}
	t.Parallel()
	const n = 3
	from := func(server string) string {
		return fmt.Sprintf(`"server":{"name":%q,"id":%[1]q,"cluster":"c"}`, server)
	}
	plain := func(head, middle string, times int, tail string) []message {
		return []message{{head: []byte(head), middle: []byte(middle), times: times, tail: []byte(tail)}}
	}
	packed := func(head string, middle []byte, times int, tail string) []message {
		return []message{{encoding: "snappy", head: append([]byte(snappyStart), chunk(head)...), middle: middle, times: times, tail: chunk(tail)}}
	}
	blank := chunk(string(bytes.Repeat([]byte(" "), 64<<10)))
	long := chunk(string(bytes.Repeat([]byte("A"), 64<<10)))
	tags := chunk(string(bytes.Repeat([]byte(`"0123456789abcdef",`), 3<<10)))
	row := append(append(chunk(`,{"conns":1,"acc":"`), bytes.Repeat(long, 15)...), chunk(`"}`)...)
	files, listed := map[string]string{}, map[string]string{}
	for i := range n {
		s := fmt.Sprintf("S%d", i)
		files[s] = manyRows(t, s, i*3_000_000, 3_000_000)
		listed[s] = longRows(t, s, 900_000)
	}
	for name, c := range map[string]struct {
		question string
		lie      func(server string) []message
		patience time.Duration // not 3 seconds
	}{
		"1.5 GB of blanks in an account report": {"STATZ", func(s string) []message {
			return packed(`{`+from(s)+`,"data":{"account_statz":[`, blank, 3<<29>>16, `{"acc":"APP","conns":10}]}}`)
		}, 0},
		"3 million accounts": {"STATZ", func(s string) []message {
			return []message{{encoding: "snappy", file: files[s]}}
		}, 0},
		"900,000 accounts, not compressed": {"STATZ", func(s string) []message { return []message{{file: listed[s]}} }, 6 * time.Second},
		"accounts with an id of a MiB": {"STATZ", func(s string) []message {
			return packed(`{`+from(s)+`,"data":{"account_statz":[{"acc":"B","conns":1}`, row, 1000, `]}}`)
		}, 0},
		"60 MiB of routes": {"STATSZ", func(s string) []message {
			return plain(`{`+from(s)+`,"statsz":{"connections":20,"active_servers":3,"routes":[{}`, ",{}", 20<<20, "]}}")
		}, 0},
		"15 MiB of routes": {"STATSZ", func(s string) []message {
			return plain(`{`+from(s)+`,"statsz":{"connections":20,"active_servers":3,"routes":[{}`, ",{}", 5<<20, "]}}")
		}, 0},
		"60 MiB of client URLs": {"VARZ", func(s string) []message {
			return plain(`{`+from(s)+`,"data":{"connections":20,"leafnodes":0,"connect_urls":[""`, `,""`, 20<<20, "]}}")
		}, 0},
		"1.5 GB in a page of connections": {"CONNZ", func(s string) []message {
			return packed(`{`+from(s)+`,"data":{"connections":[`, blank, 3<<29>>16, `]}}`)
		}, 0},
		"a connection with a GB of tags": {"CONNZ", func(s string) []message {
			return packed(`{`+from(s)+`,"data":{"connections":[{"cid":1,"tags":[`, tags, 1<<30>>16, `""]}]}}`)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := hostileServers(t, n, func(question, server string) []message {
				if question == c.question {
					return c.lie(server)
				}
				return ordinary(n, question, server)
			})
			timeout := cmp.Or(c.patience, 3*time.Second)
			x := suffer(t, build(t), url, timeout.String(), "--no-probe", "--no-dns")
			t.Logf("%.1f s, %d MiB, status %d", x.wall.Seconds(), x.peak>>20, x.status)
			if x.peak > mostMemory || x.wall > 2*timeout+3*time.Second || x.status == 2 {
				t.Errorf("%.1f s, %d MiB, status %d: %s%s", x.wall.Seconds(), x.peak>>20, x.status, x.out, x.errs)
			}
		})
	}
}

const snappyStart = "\xff\x06\x00\x00sNaPpY"

// chunk is a text of 64 KiB at most as a part of a snappy stream.
func chunk(plain string) []byte {
	return encodedChunk(s2.EncodeBest(nil, []byte(plain)), []byte(plain))
}

func encodedChunk(encoded, plain []byte) []byte {
	sum := crc32.Checksum(plain, crc32.MakeTable(crc32.Castagnoli))
	size := len(encoded) + 4
	out := binary.LittleEndian.AppendUint32([]byte{0, byte(size), byte(size >> 8), byte(size >> 16)}, (sum>>15|sum<<17)+0xa282ead8)
	return append(out, encoded...)
}

// longRows makes a file that is an account report with n accounts, whose ids fill it up
// to nearly the most that a message may have.
func longRows(tb testing.TB, server string, n int) string {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), server))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, `{"server":{"name":%q,"id":%[1]q,"cluster":"c"},"data":{"account_statz":[{"acc":"SYS","conns":1}`, server)
	for a := range n {
		fmt.Fprintf(w, `,{"acc":"A%050d","conns":1}`, a)
	}
	_, _ = w.WriteString("]}}")
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return f.Name()
}

// manyRows makes a file that is an account report with n accounts from first on,
// of 25 bytes each that take 8 here, which no compressor finds.
func manyRows(tb testing.TB, server string, first, n int) string {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), server))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(snappyStart)
	_, _ = w.Write(chunk(`{"server":{"name":"` + server + `","id":"` + server + `","cluster":"c"},"data":{"account_statz":[{"acc":"SYS","conns":1}`))
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	for n > 0 {
		rows := min(n, 2600)
		var plain []byte
		encoded := binary.AppendUvarint(nil, uint64(25*rows)) //nolint:gosec // small
		for k := first; k < first+rows; k++ {
			id := []byte{digits[k&63], digits[k>>6&63], digits[k>>12&63], digits[k>>18&63]}
			row := append(append([]byte(`,{"acc":"`), id...), `","conns":1}`...)
			plain = append(plain, row...)
			if k == first {
				encoded = append(append(encoded, byte(len(row)-1)<<2), row...)
				continue
			}
			encoded = append(encoded, 8<<2|2, 25, 0) // as before: a copy of 9 bytes from 25 back,
			encoded = append(append(encoded, 3<<2), id...)
			encoded = append(encoded, 11<<2|2, 25, 0) // and of 12
		}
		_, _ = w.Write(encodedChunk(encoded, plain))
		first, n = first+rows, n-rows
	}
	_, _ = w.Write(chunk("]}}"))
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return f.Name()
}
