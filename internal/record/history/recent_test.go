package history

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// What is held of a history is bounded in memory, whoever wrote it: of more, the last
// documents are held.
func TestReadingIsBounded(t *testing.T) {
	wide := spread(began(), 20, 1, 1)
	for i := range 61 {
		wide.Servers = append(wide.Servers, record.Share{Server: checks.ServerRef{ID: fmt.Sprintf("NA%054d", i), Name: fmt.Sprintf("server-%d", i), Host: "10.0.0.1"}})
	}
	ofWatch, err := json.Marshal(record.DocumentOf(record.Change{Kind: record.Crossed, Time: began(), Cluster: "C1", Spread: wide, Before: wide, Since: began()}))
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"type":"nats-balance.v1.change","time":"2026-01-02T03:04:05+01:00"`
	const most = 8 << 20
	for what, text := range map[string]string{
		"of a watch":      string(ofWatch),
		"short":           head + "}",
		"with long names": head + `,"cluster":"` + strings.Repeat("x", 200<<10) + `"}`,
		"with servers":    head + `,"spread":{"servers":[{}` + strings.Repeat(",{}", 10_000) + `]}}`,
		"with moves":      head + `,"moves":[{}` + strings.Repeat(`,{"service":"x"}`, 10_000) + `]}`,
	} {
		before := inUse()
		r := &recent{most: most}
		n := 0
		for ; n < 50 || !r.cut; n++ {
			var d record.Document
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(what, err)
			}
			d.Time = began().Add(time.Duration(n) * time.Second)
			r.add(d)
		}
		if took := inUse() - before; took > most+1<<20 {
			t.Errorf("%s: %d documents take %d KiB", what, len(r.docs), took>>10)
		}
		if last := r.docs[len(r.docs)-1]; !last.Time.Equal(began().Add(time.Duration(n-1)*time.Second)) || r.held > most || len(r.docs) >= n {
			t.Errorf("%s: %d of %d documents, the last of %s", what, len(r.docs), n, last.Time)
		}
		runtime.KeepAlive(r)
	}
}

// A history that was cut says so, as JSON and as a page.
func TestCutIsSaid(t *testing.T) {
	t.Parallel()
	docs := documents(leaning())
	h := tell(docs)
	for _, cut := range []bool{false, true} {
		h.Cut = cut
		data, err := json.Marshal(DocumentOf(h, "", began()))
		if want := fmt.Sprintf(`"truncated":%t`, cut); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s, %v", want, data, err)
		}
		var page strings.Builder
		if err := (Chart{From: began(), To: began().Add(time.Hour), Cut: cut}).Write(&page, docs); err != nil || strings.Contains(page.String(), "Older changes were left out") != cut {
			t.Errorf("%t: %s, %v", cut, page.String(), err)
		}
	}
}

func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) //nolint:gosec // in range
}
