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

// What is kept of many reports is bounded, and so is what is kept of one.
func TestReportsAreBounded(t *testing.T) {
	long := strings.Repeat("A", longestAccount+1)
	for _, row := range []string{
		`{"acc":"` + long + `","name":"","conns":1,"leafnodes":0,"sent":{"msgs":1}}`,
		`{"acc":"A","name":"` + long + `","conns":1,"leafnodes":0,"sent":{"msgs":1}}`,
		`{"name":"` + long + `","conns":1,"acc":"A"}`,
	} {
		_, err := NewDecoder().Report(t.Context(), &nats.Msg{Data: []byte(head + `"data":{"account_statz":[` + row + `]}}`)}, NewAccounts())
		if err == nil || !strings.Contains(err.Error(), "longer than 4 KiB") {
			t.Errorf("%.20s: %v", row, err)
		}
	}
	in := NewAccounts()
	if !in.room(mostAllRows-1) || !in.room(1) || in.room(1) {
		t.Error("there is room for more rows than are kept")
	}
	in = NewAccounts()
	in.text = mostText + 1
	if _, _, err := in.add([]byte("A"), []row{{1, 1, 1, 0}}, nil); err == nil {
		t.Error("there is room for more names than are kept")
	}
	for name, decode := range map[string]func([]byte) error{
		"STATSZ":    func(b []byte) error { _, err := DecodeStatsz(b); return err },
		"VARZ":      func(b []byte) error { _, err := DecodeVarz(b); return err },
		"ROUTEZ":    func(b []byte) error { _, err := DecodeRoutez(b); return err },
		"LEAFZ":     func(b []byte) error { _, err := DecodeLeafz(b, "A"); return err },
		"USER.INFO": func(b []byte) error { _, err := DecodeUserInfo(b); return err },
	} {
		if err := decode(bytes.Repeat([]byte(" "), LongestAnswer+1)); err == nil || err.Error() != "it is larger than 16 MiB" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A limit of connections that no server has is none, also where an int has 32 bits.
func TestLimitsThatDoNotFit(t *testing.T) {
	for limit, want := range map[string]int{"65536": 65536, "214748365": 0, "2147483648": 0, "9223372036854775807": 0, "18446744073709551616": 0} {
		v, err := DecodeVarz([]byte(`{"server":{"id":"S"},"data":{"connections":1,"max_connections":` + limit + `}}`))
		if err != nil || (v.MaxConnections == nil) != (want == 0) || want > 0 && *v.MaxConnections != want {
			t.Errorf("%s: %v, %v", limit, v.MaxConnections, err)
		}
	}
}
