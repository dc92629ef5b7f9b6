package lab

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// fleetSizes are the sizes that benchmarks of an audit use too.
var fleetSizes = []FleetSize{
	{Servers: 100, Clusters: 10, Accounts: 10_000, Connections: 266_000, Seed: 1, Skewed: 20},
	{Servers: 1000, Clusters: 50, Accounts: 100_000, Connections: 2_700_000, Seed: 1, Skewed: 200},
}

func BenchmarkFleetStart(b *testing.B) {
	for _, z := range fleetSizes {
		b.Run(fmt.Sprintf("servers=%d", z.Servers), func(b *testing.B) {
			for b.Loop() {
				f, err := StartFleet(context.Background(), z)
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

func BenchmarkFleetDrain(b *testing.B) {
	for _, z := range fleetSizes {
		b.Run(fmt.Sprintf("servers=%d", z.Servers), func(b *testing.B) {
			f, err := StartFleet(context.Background(), z)
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
