package checks

import (
	"math"
	"slices"
)

// Confined are clients of one account that get to the same servers, all or some.
type Confined struct {
	// Account is an index into ceilings, To are indexes of servers, and N is how many
	// clients.
	Account int
	To      []int
	N       float64

	on []float64 // of them, by server
}

// Near is how exact the shares of [Level] are.
const Near = 0.001

// WholeShare is a share rounded up, but for what it is inexact by.
func WholeShare(n float64) int { return int(math.Ceil(n - 10*Near)) }

// Level returns what each server has when clients are spread over the servers that they
// get to so that the loads are as even as can be, and no account has more than its
// ceiling on one. It fills one block after the other into what the others leave, until
// nothing changes.
func Level(blocks []*Confined, servers int, ceilings []float64) []float64 {
	load, of := make([]float64, servers), make([][]float64, len(ceilings))
	for _, b := range blocks {
		if of[b.Account] == nil {
			of[b.Account] = make([]float64, servers)
		}
		if len(b.on) != servers {
			b.on = make([]float64, servers)
		}
		clear(b.on)
		for _, i := range b.To {
			b.on[i] = b.N / float64(len(b.To))
			load[i] += b.on[i]
			of[b.Account][i] += b.on[i]
		}
	}
	const most, effort = 30, 400_000 // fewer where there are very many: a second at most
	for range min(most, max(2, effort/(1+len(blocks)*servers))) {
		changed := 0.0
		for _, b := range blocks {
			was := slices.Clone(b.on)
			for _, i := range b.To {
				load[i] -= b.on[i]
				of[b.Account][i] -= b.on[i]
			}
			b.fill(load, of[b.Account], ceilings[b.Account])
			for _, i := range b.To {
				load[i] += b.on[i]
				of[b.Account][i] += b.on[i]
				changed = max(changed, math.Abs(b.on[i]-was[i]))
			}
		}
		if changed < Near {
			break
		}
	}
	return load
}

// fill puts the clients of a block on the servers with the least, up to one water line
// and no more than is left of the ceiling; evenly what finds no place.
func (b *Confined) fill(load, own []float64, ceiling float64) {
	put := func(line float64) (sum float64) {
		for _, i := range b.To {
			b.on[i] = min(max(0, line-load[i]), max(0, ceiling-own[i]))
			sum += b.on[i]
		}
		return sum
	}
	low, high := 0.0, b.N
	for _, i := range b.To {
		high = max(high, load[i]+b.N)
	}
	for range 50 {
		if line := (low + high) / 2; put(line) < b.N {
			low = line
		} else {
			high = line
		}
	}
	rest := (b.N - put(high)) / float64(len(b.To))
	for _, i := range b.To {
		b.on[i] += rest
	}
}
