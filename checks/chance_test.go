package checks

import (
	"fmt"
	"math"
	"math/big"
	"testing"
)

// chanceTolerance is the relative error that Chance promises.
const chanceTolerance = 1e-5

// chanceError returns the relative error of got for a positive exact value.
func chanceError(got float64, exact *big.Float) float64 {
	diff := new(big.Float).Sub(big.NewFloat(got).SetPrec(exact.Prec()), exact)
	relative, _ := diff.Quo(diff, exact).Float64()
	return math.Abs(relative)
}

// fits says what is wrong with a chance; empty where nothing is. It is exact where
// one server has more than half, else a bound from above, no further off than
// Bonferroni's inequalities allow.
func fits(got float64, exact *big.Float, n, m int) string {
	if m > n-m {
		if !(chanceError(got, exact) <= chanceTolerance) {
			return "not exact"
		}
		return ""
	}
	high := new(big.Float).Mul(exact, big.NewFloat(1-chanceTolerance))
	if big.NewFloat(got).Cmp(high) < 0 {
		return "below it"
	}
	if low := new(big.Float).Mul(exact, big.NewFloat(1+chanceTolerance)); got < 1 && big.NewFloat(got-got*got/2).Cmp(low) > 0 {
		return "too far above it"
	}
	return ""
}

func TestChanceKnown(t *testing.T) {
	for _, c := range []struct {
		n, k, m int
		want    float64
	}{
		{2, 2, 2, 0.5},
		{3, 2, 2, 1}, // pigeonhole
		{3, 3, 3, 1. / 9},
		{4, 2, 3, 10. / 16},
		{10, 4, 10, 1. / 262144},
		{23, 365, 2, 0.6671028774}, // birthdays, of which the exact chance is 0.5073
		{2, 5000, 2, 1. / 5000},
		{600, 3, 600, math.Pow(3, -599)},
		{1000, 3, 1000, 0},      // 3^-999 is below the smallest float64
		{100_000, 3, 50_000, 0}, // 4e-2560
		{100_000, 3, 70_000, 0}, // 2e-12154
		{1000, 1, 1000, 1},
		{1000, 1, 1001, 0},
		{10_000_000, 5000, 2000, 1},
		{10_000_000, 5000, 10_000_000, 0},
		{0, 3, 0, 1},
		{0, 3, 1, 0},
		{-5, 3, 0, 1},
		{-5, 3, -7, 1},
		{-5, 3, 1, 0},
		{5, 0, 1, 0},
		{0, 0, 0, 0},
		{math.MinInt, math.MinInt, math.MinInt, 0},
		{math.MinInt, math.MaxInt, math.MaxInt, 0},
		{math.MaxInt, 2, math.MaxInt, 0},
	} {
		got := Chance(c.n, c.k, c.m)
		if !(math.Abs(got-c.want) <= 1e-9*c.want) {
			t.Errorf("Chance(%d, %d, %d) = %v, want %v", c.n, c.k, c.m, got, c.want)
		}
	}
}

// waysByMaximum counts the assignments of n clients to k servers by the most
// that a server gets, going through all counts.
func waysByMaximum(n, k int) []*big.Int {
	ways := make([]*big.Int, n+1)
	for i := range ways {
		ways[i] = new(big.Int)
	}
	var place func(left, servers, most int, count *big.Int)
	place = func(left, servers, most int, count *big.Int) {
		if servers == 1 {
			most = max(most, left)
			ways[most].Add(ways[most], count)
			return
		}
		for x := 0; x <= left; x++ {
			chosen := new(big.Int).Binomial(int64(left), int64(x))
			place(left-x, servers-1, max(most, x), chosen.Mul(chosen, count))
		}
	}
	place(n, k, 0, big.NewInt(1))
	return ways
}

func TestChanceEnumeration(t *testing.T) {
	for k := 1; k <= 5; k++ {
		for n := 0; n <= 14; n++ {
			ways := waysByMaximum(n, k)
			all := new(big.Int).Exp(big.NewInt(int64(k)), big.NewInt(int64(n)), nil)
			reach := new(big.Int)
			for m := n; m >= 0; m-- {
				reach.Add(reach, ways[m])
				exact := new(big.Float).SetPrec(100).SetRat(new(big.Rat).SetFrac(reach, all))
				got := Chance(n, k, m)
				if problem := fits(got, exact, n, m); problem != "" {
					t.Errorf("Chance(%d, %d, %d) = %v is %s: %v", n, k, m, got, problem, exact)
				}
			}
		}
	}
}

// exactChance is Chance by the k-th power of Σ zˣ/x! over x < m, of which the
// term of zⁿ is the part of the assignments with all servers below m, with
// enough digits for the difference from 1.
func exactChance(n, k, m int) *big.Float {
	prec := uint(float64(n)*math.Log2(float64(k))) + 128
	number := func(x int) *big.Float { return new(big.Float).SetPrec(prec).SetInt64(int64(x)) }
	factorial := number(1)
	one := make([]*big.Float, 0, m)
	for x := 0; x < m; x++ {
		factorial.Mul(factorial, number(max(x, 1)))
		one = append(one, number(1).Quo(number(1), factorial))
	}
	// multiply returns the terms from first to n of the product.
	multiply := func(a, b []*big.Float, first int) []*big.Float {
		product := make([]*big.Float, min(len(a)+len(b)-1, n+1))
		part := number(0)
		for i := range product {
			product[i] = number(0)
			for j := max(0, i-len(b)+1); i >= first && j <= min(i, len(a)-1); j++ {
				product[i].Add(product[i], part.Mul(a[j], b[i-j]))
			}
		}
		return product
	}
	var raise func(k, first int) []*big.Float
	raise = func(k, first int) []*big.Float {
		switch {
		case k == 1:
			return one
		case k%2 == 1:
			return multiply(raise(k-1, 0), one, first)
		}
		half := raise(k/2, 0)
		return multiply(half, half, first)
	}
	terms := raise(k, n)
	if n >= len(terms) {
		return number(1)
	}
	below := terms[n]
	for i := 1; i <= n; i++ { // times n! / kⁿ
		below.Mul(below, number(1).Quo(number(i), number(k)))
	}
	return number(1).Sub(number(1), below)
}

func TestChanceExact(t *testing.T) {
	for _, c := range []struct{ n, k, grow int }{ // every m, or ever larger steps
		{60, 3, 1}, {60, 4, 1}, {60, 5, 1}, {60, 6, 1}, {60, 7, 1},
		{300, 3, 2}, {500, 5, 5}, {200, 30, 3}, {100, 300, 3}, {40, 5000, 2},
	} {
		t.Run(fmt.Sprint(c.n, "/", c.k), func(t *testing.T) {
			t.Parallel()
			for above := 1; (c.n-1)/c.k+above <= c.n; above = above*c.grow + 1 {
				m := (c.n-1)/c.k + above
				exact := exactChance(c.n, c.k, m)
				if exact.Cmp(big.NewFloat(1e-305)) < 0 {
					break
				}
				got := Chance(c.n, c.k, m)
				if problem := fits(got, exact, c.n, m); problem != "" {
					t.Errorf("Chance(%d, %d, %d) = %v is %s: %.10g", c.n, c.k, m, got, problem, exact)
				}
			}
		})
	}
}

// exactOfThree is Chance for three servers and m above the mean, by inclusion
// and exclusion: one server has m or more, less the pairs that both have.
func exactOfThree(n, m int) *big.Float {
	const prec = 128
	number := func(x int) *big.Float { return new(big.Float).SetPrec(prec).SetInt64(int64(x)) }
	factor, result, part := number(0), number(0), number(0)
	times := func(z *big.Float, by, over int) {
		z.Mul(z, factor.SetInt64(int64(by)))
		z.Quo(z, factor.SetInt64(int64(over)))
	}
	ways := number(1) // n! / (m! (n-m)! 3ⁿ)
	for i := 1; i <= m; i++ {
		times(ways, n-m+i, 3*i)
	}
	for range n - m {
		times(ways, 1, 3)
	}

	term := number(0).SetMantExp(ways, n-m) // P(one has x), from x = m up
	negligible := number(0).SetMantExp(term, -prec)
	for x := m; x <= n && term.Cmp(negligible) > 0; x++ {
		result.Add(result, term)
		times(term, n-x, 2*(x+1))
	}
	// y are with the other two: P(one has n-y), P(a second has m-1 of y) and
	// P(it has m or more of y).
	rest := number(0).SetMantExp(ways, m)
	just := number(0).SetMantExp(number(m), -m)
	more := number(0).SetMantExp(number(1), -m)
	for y := m; y <= n-m; y++ {
		// Adding numbers of very different size is slow.
		if part.Mul(rest, more); part.MantExp(nil) > result.MantExp(nil)-prec {
			result.Sub(result, part)
		}
		times(rest, 2*(n-y), y+1)
		more.Add(more, part.SetMantExp(just, -1))
		times(just, y+1, 2*(y+2-m))
	}
	return result.Mul(result, number(3))
}

func TestChanceLarge(t *testing.T) {
	for _, c := range []struct{ n, m int }{
		{60, 22}, {1000, 500}, {1000, 700}, {2000, 1400}, // deep tails among them
		{100_000, 33_800}, {100_000, 34_090}, {100_000, 38_800},
	} {
		exact, got := exactOfThree(c.n, c.m), Chance(c.n, 3, c.m)
		if problem := fits(got, exact, c.n, c.m); problem != "" {
			t.Errorf("Chance(%d, 3, %d) = %v is %s: %.10g", c.n, c.m, got, problem, exact)
		}
	}
}

// chanceFalls reports whether next can be the chance for one client more than
// the one of p: it is lower but for rounding.
func chanceFalls(p, next float64) bool {
	return next >= 0 && next <= 1 && next <= p*(1+1e-9)
}

func TestChanceMonotone(t *testing.T) {
	for _, c := range []struct{ n, k int }{{7, 2}, {97, 5}, {400, 3}, {400, 40}, {1000, 5000}} {
		last := 1.0
		for m := -1; m <= c.n+2; m++ {
			p := Chance(c.n, c.k, m)
			if !chanceFalls(last, p) {
				t.Errorf("Chance(%d, %d, %d) = %v after %v", c.n, c.k, m, p, last)
			}
			last = p
		}
	}
}

func FuzzChance(f *testing.F) {
	f.Add(60, 3, 30)
	f.Add(100_000, 100, 1_200)
	f.Add(10_000_000, 3, 3_337_000)
	f.Add(9_999_999, 5000, 2_200)
	f.Add(-1, -1, -1)
	f.Fuzz(func(t *testing.T, n, k, m int) {
		n, k = n%10_000_001, k%5_001
		p := Chance(n, k, m)
		if !chanceFalls(1, p) || m < math.MaxInt && !chanceFalls(p, Chance(n, k, m+1)) {
			t.Errorf("Chance(%d, %d, %d) = %v, then %v", n, k, m, p, Chance(n, k, m+1))
		}
	})
}

func TestChanceRoundSignificant(t *testing.T) {
	for _, c := range []struct {
		p      float64
		digits int
		want   float64
	}{
		{0, 3, 0}, {1, 3, 1}, {0.123456, 3, 0.123}, {0.9996, 3, 1}, {0.0099951, 3, 0.01},
		{1.2345e-300, 3, 1.23e-300}, {1.2345e-310, 3, 1.23e-310}, {2.5e-322, 1, 3e-322},
		{math.SmallestNonzeroFloat64, 3, math.SmallestNonzeroFloat64},
		{-0.123456, 3, -0.123}, {0.16, 0, 0.2}, {0.1 + 0.2, 40, 0.1 + 0.2},
		{math.MaxFloat64, 3, math.MaxFloat64}, {math.Inf(1), 3, math.Inf(1)},
	} {
		if got := roundSignificant(c.p, c.digits); got != c.want {
			t.Errorf("roundSignificant(%v, %d) = %v, want %v", c.p, c.digits, got, c.want)
		}
	}
	if got := roundSignificant(math.NaN(), 3); !math.IsNaN(got) {
		t.Errorf("roundSignificant(NaN, 3) = %v", got)
	}
}

func BenchmarkChance(b *testing.B) {
	for _, c := range []struct{ n, k, m int }{
		{1_000, 3, 400}, {100_000, 3, 33_500}, {100_000, 100, 1_100}, {100_000, 3, 50_000},
		{10_000_000, 2, 5_000_100}, {10_000_000, 3, 3_335_000}, {10_000_000, 5000, 2_180},
	} {
		b.Run(fmt.Sprintf("n=%d,k=%d,m=%d", c.n, c.k, c.m), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Chance(c.n, c.k, c.m)
			}
		})
	}
}
