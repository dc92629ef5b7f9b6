package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"
)

// The framing format of snappy, as nats-server writes it:
// https://github.com/google/snappy/blob/master/framing_format.txt
const (
	snappyStart  = "\xff\x06\x00\x00sNaPpY" // the first chunk
	longestBlock = 64 << 10                 // what a chunk has without its encoding
	chunkHead    = 4                        // its kind and its length
	checksumSize = 4

	compressedChunk   = 0x00
	uncompressedChunk = 0x01
)

// unsnappy undoes snappy of a message that has fewer bytes than that without it:
// straight into d.plain, where a stream reader would copy through two buffers. It
// reports whether it did so. What is not as nats-server writes it, or wrong, is
// for the stream reader.
func (d *Decoder) unsnappy(data []byte, fewer int) bool {
	d.plain.Reset()
	rest, ok := after(data, snappyStart)
	total := 0
	for chunks := rest; ok && len(chunks) > 0; {
		var n int
		_, n, chunks, ok = cutChunk(chunks)
		total += n
		ok = ok && total < fewer
	}
	if !ok {
		return false
	}
	plain := slices.Grow(d.plain.Bytes()[:0], total)
	for len(rest) > 0 {
		var chunk []byte
		var n int
		chunk, n, rest, _ = cutChunk(rest)
		block := plain[len(plain) : len(plain)+n : len(plain)+n]
		encoded := chunk[chunkHead+checksumSize:]
		if chunk[0] == uncompressedChunk {
			copy(block, encoded)
		} else if _, err := s2.Decode(block, encoded); err != nil {
			return false
		}
		sum := crc32.Checksum(block, crc32.MakeTable(crc32.Castagnoli))
		if sum = (sum>>15 | sum<<17) + 0xa282ead8; sum != binary.LittleEndian.Uint32(chunk[chunkHead:]) {
			return false
		}
		plain = plain[:len(plain)+n]
	}
	d.plain = *bytes.NewBuffer(plain)
	return true
}

// cutChunk cuts off the first chunk, which holds n bytes without its encoding.
func cutChunk(b []byte) (chunk []byte, n int, rest []byte, ok bool) {
	if len(b) < chunkHead+checksumSize {
		return nil, 0, nil, false
	}
	size := chunkHead + int(b[1]) + int(b[2])<<8 + int(b[3])<<16
	if size < chunkHead+checksumSize || size > len(b) {
		return nil, 0, nil, false
	}
	chunk, rest = b[:size], b[size:]
	switch n = size - chunkHead - checksumSize; b[0] {
	case compressedChunk:
		var err error
		n, err = s2.DecodedLen(chunk[chunkHead+checksumSize:])
		ok = err == nil
	case uncompressedChunk:
		ok = true
	}
	return chunk, n, rest, ok && n <= longestBlock
}
