package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// sizes are the sizes that benchmarks of an audit use too.
var sizes = []Size{
	{Servers: 100, Clusters: 10, Accounts: 10_000, Connections: 266_000, Seed: 1, Skewed: 20},
	{Servers: 1000, Clusters: 50, Accounts: 100_000, Connections: 2_700_000, Seed: 1, Skewed: 200},
}

func BenchmarkStart(b *testing.B) {
	for _, z := range sizes {
		b.Run(fmt.Sprintf("servers=%d", z.Servers), func(b *testing.B) {
			for b.Loop() {
				f, err := Start(context.Background(), z)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				f.Stop()
				b.StartTimer()
			}
		})
	}
}

func BenchmarkDrain(b *testing.B) {
	for _, z := range sizes {
		b.Run(fmt.Sprintf("servers=%d", z.Servers), func(b *testing.B) {
			f, err := Start(context.Background(), z)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Stop()
			plain, packed := f.Bytes()
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			b.SetBytes(packed)
			cut := 0
			for b.Loop() {
				if _, _, _, err := f.Drain(ctx); err != nil {
					cut++ // a short run then: the time means nothing if this is not 0
				}
			}
			b.ReportMetric(float64(plain)/(1<<20), "plain-MiB")
			b.ReportMetric(float64(packed)/(1<<20), "packed-MiB")
			b.ReportMetric(float64(cut), "cut-off")
		})
	}
}
