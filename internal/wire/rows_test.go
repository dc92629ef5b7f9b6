package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
)

// What is alike is what plainCounters reads too, and rows that a server writes
// are alike.
func TestAlikeIsWhatIsReadOneByOne(t *testing.T) {
	t.Parallel()
	const row = `,"total_conns":%s,"sent":{"msgs":%s,"bytes":1},"slow_consumers":%s}`
	shape := shapeOf(fmt.Sprintf(row, "1", "22", "0"))
	behind := strings.Repeat(" ", 24)
	numbers := []string{"", "0", "7", "00", "01", "10", "1234567", "12345678", "123456789", "100000000000000", "0123456789", "1234567890123456", "12345678901234567", "-1", "1.5", "1e9", "1/", "1:", "１", "\x801"}
	for _, first := range numbers {
		for _, second := range numbers {
			for _, last := range numbers {
				text := fmt.Sprintf(row, first, second, last)
				want := plainCounters([]byte(text))
				got := alike([]byte(text+behind), shape)
				if most := max(len(first), len(second), len(last)); got != want && (got != 0 || most <= 15) {
					t.Errorf("%s: %d, want %d", text, got, want)
				}
			}
		}
	}
	text := fmt.Sprintf(row, "1", "2", "3")
	for i := range text {
		for _, c := range "\"0x,}" {
			other := text[:i] + string(c) + text[i+1:] + behind
			if got := alike([]byte(other), shape); got != 0 && got != plainCounters([]byte(other)) {
				t.Errorf("%s is alike", other)
			}
		}
		if n := alike([]byte(text[:i]), shape); n != 0 {
			t.Errorf("%s has %d", text[:i], n)
		}
	}
}

// A stream as a server writes it is undone at once; all others, and the wrong
// ones, are left to the stream reader.
func TestSnappyAtOnce(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 300_000) // that can't be compressed
	for i := range noise {
		noise[i] = byte(chance.Uint32())
	}
	d := NewDecoder()
	for _, plain := range []string{"{}", strings.Repeat("account ", 100_000), string(noise)} {
		packed := snappyOf(plain)
		if !d.unsnappy(packed, len(plain)+1) || d.plain.String() != plain {
			t.Errorf("%d bytes are read as %d others", len(plain), d.plain.Len())
		}
		if d.unsnappy(packed, len(plain)) {
			t.Errorf("%d bytes are fewer than that", len(plain))
		}
		for range 200 {
			broken := bytes.Clone(packed)
			broken[chance.IntN(len(broken))] ^= byte(1 + chance.IntN(255))
			broken = broken[:chance.IntN(len(broken)+1)]
			if !d.unsnappy(broken, inMemory) {
				continue
			}
			at := d.plain.String()
			body, err := NewDecoder().Open(&nats.Msg{Data: broken, Header: nats.Header{"Content-Encoding": []string{"snappy"}}})
			if err != nil {
				t.Fatal(err)
			}
			if want, err := io.ReadAll(body); err != nil || string(want) != at {
				t.Errorf("a broken stream is read: %v", err)
			}
		}
	}
	var large bytes.Buffer
	w := s2.NewWriter(&large) // blocks of 1 MiB
	if _, err := w.Write(make([]byte, 3<<20)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if d.unsnappy(large.Bytes(), inMemory) {
		t.Error("s2 is no snappy")
	}
}

// Accounts have one number each, whoever asks first.
func TestAccountsAreNumberedOnce(t *testing.T) {
	t.Parallel()
	in := NewAccounts()
	const accounts, servers = 5000, 8
	numbers := make([][]uint32, servers)
	var wg sync.WaitGroup
	for s := range servers {
		wg.Go(func() {
			numbers[s] = make([]uint32, accounts)
			order := rand.New(rand.NewPCG(1, uint64(s))).Perm(accounts)
			for len(order) > 0 {
				var text []byte
				var rows []row
				part := order[:min(700, len(order))]
				order = order[len(part):]
				for _, a := range part {
					text = fmt.Appendf(text, "A%d", a)
					id := len(text)
					text = fmt.Appendf(text, "name %d", a)
					rows = append(rows, row{idEnd: id, nameEnd: len(text), conns: uint32(a)})
				}
				usage, _, _ := in.add(text, rows, nil)
				for i, a := range part {
					if usage[i].Connections != uint32(a) {
						t.Errorf("account %d has %+v", a, usage[i])
					}
					numbers[s][a] = usage[i].Account
				}
			}
		})
	}
	wg.Wait()
	all := in.All()
	if len(all) != accounts {
		t.Fatalf("%d accounts", len(all))
	}
	for s := range servers {
		for a, n := range numbers[s] {
			if want := fmt.Sprintf("A%d", a); all[n].ID != want || all[n].Name != fmt.Sprintf("name %d", a) {
				t.Fatalf("account %s is %+v", want, all[n])
			}
		}
	}
}
