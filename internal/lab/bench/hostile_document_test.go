package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A hundred servers with ten thousand accounts each: every row is written, in less
// than half the memory there is where few are findings, and in what there is
// where all are. It was 825 MB and 34 s for few, and 2 GiB for all.
func TestHostileDocument(t *testing.T) {
	t.Parallel()
	if testing.Short() || os.Getenv(tool.BuildTools) == "" {
		t.Skipf("these take half a minute: set %s to run them", tool.BuildTools)
	}
	const n, accounts = 100, 10_000
	for _, c := range []struct {
		findings int
		format   string
		most     int64 // MiB
		least    int64 // bytes of output
	}{
		{20, "csv", 384, n * accounts * 30},
		{accounts, "csv", 512, n * accounts * 30},
		{accounts, "json", 512, n * accounts * 100},
		{accounts, "text", 512, 1000},
	} {
		t.Run(fmt.Sprintf("%d findings as %s", c.findings, c.format), func(t *testing.T) {
			url := hostileServers(t, n, func(question, server string) []message {
				switch question {
				case "STATZ":
					return manyAccounts(server, n, accounts, c.findings)
				case "CONNZ":
					return said(`{"server":{"name":%q,"id":%[1]q,"cluster":"c"},"error":{"code":500,"description":"no"}}`, server)
				}
				return ordinary(n, question, server)
			})
			x := suffer(t, build(t), url, sourcetest.Patient().String(), "--no-probe", "--no-dns", "--format", c.format)
			t.Logf("%.1f s, %.1f s CPU, %d MiB, status %d, %d MB", x.wall.Seconds(), x.cpu.Seconds(), x.peak>>20, x.status, x.size>>20)
			if x.peak>>20 > c.most || x.status != 1 || x.size < c.least {
				t.Errorf("%d MiB, status %d, %d bytes: %s", x.peak>>20, x.status, x.size, x.errs)
			}
		})
	}
}

// manyAccounts is the report of a server of n. Of these accounts some have 500
// connections on one server, and all have one on each of the others.
func manyAccounts(server string, n, accounts, skewed int) []message {
	var b strings.Builder
	fmt.Fprintf(&b, `{"server":{"name":%q,"id":%[1]q,"host":"127.0.0.1","cluster":"c"},"data":{"account_statz":[{"acc":"SYS","name":"SYS","conns":1,"leafnodes":0}`, server)
	for a := range accounts {
		on := 1
		if a < skewed && server == fmt.Sprintf("S%d", a%n) {
			on = 500
		}
		fmt.Fprintf(&b, `,{"acc":"A%d","name":"A%[1]d","conns":%d,"leafnodes":0}`, a, on)
	}
	b.WriteString("]}}")
	return []message{{head: []byte(b.String())}}
}
