package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
)

// bomb is an account report of a few hundred KiB that has 1.5 GiB of blanks in it.
func bomb() []byte {
	chunk := func(plain []byte) []byte {
		encoded := s2.EncodeBest(nil, plain)
		sum := crc32.Checksum(plain, crc32.MakeTable(crc32.Castagnoli))
		size := len(encoded) + checksumSize
		out := []byte{compressedChunk, byte(size), byte(size >> 8), byte(size >> 16)}
		out = binary.LittleEndian.AppendUint32(out, (sum>>15|sum<<17)+0xa282ead8)
		return append(out, encoded...)
	}
	blanks := chunk(bytes.Repeat([]byte(" "), longestBlock))
	out := append([]byte(snappyStart), chunk([]byte(`{"server":{"id":"S"},"data":{"account_statz":[`))...)
	out = append(out, bytes.Repeat(blanks, 3<<29/longestBlock)...)
	return append(out, chunk([]byte(`{"acc":"APP","conns":1}]}}`))...)
}

// Two bombs at a time take a fourth of the memory from which on it is freed eagerly
// (1 GiB): what is read of each at a time, and not what it has in it.
func TestBombsOfTwoServers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	m := &nats.Msg{Data: bomb(), Header: nats.Header{"Content-Encoding": []string{"snappy"}}}
	if len(m.Data) > 8<<20 {
		t.Fatalf("the bomb has %d bytes itself", len(m.Data))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			r, err := NewDecoder().Report(t.Context(), m, NewAccounts())
			if err != nil && !strings.Contains(err.Error(), "larger than") || err == nil && (len(r.Usage) != 1 || r.From.ID != "S") {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 300 {
		t.Errorf("%d MiB were allocated", n)
	}
}
