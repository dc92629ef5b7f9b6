package checks

import (
	"math"
	"strconv"
)

// Chance returns the probability that, with n clients each choosing one of k
// servers evenly and independently at random, some server gets m or more. Where m
// is half of n or less it is an upper bound.
//
// It is the expected number S of servers with m or more: k times a binomial tail,
// with the terms of C. Loader, "Fast and Accurate Computation of Binomial
// Probabilities" (2000). Two servers can't both have more than half, so for those
// S is the probability itself. Elsewhere the probability is between S - S²/2 and S,
// by Bonferroni's inequalities and as the counts are negatively associated
// (Joag-Dev and Proschan, 1983); more than 1 is 1.
//
// The result is in [0,1], never NaN, and S is right to within one part in 100,000
// for n up to 10,000,000 and k up to 5,000, also where it is smallest: below the
// smallest positive float64, 5e-324, it is 0, and below 1e-305 it has the fewer
// digits of a denormal number.
//
// Without servers (k <= 0) the result is 0. Otherwise, any server has 0 or more
// (m <= 0 gives 1), nobody has more than all (m > n gives 0), and a negative n
// counts as 0.
func Chance(n, k, m int) float64 {
	switch {
	case k <= 0:
		return 0
	case m <= 0:
		return 1
	case m > n:
		return 0
	case m <= (n-1)/k+1:
		return 1 // By the pigeonhole principle; always so for one server.
	}
	// The logarithm is kept to the end as the tail alone can underflow.
	return min(math.Exp(math.Log(float64(k))+logBinomialTail(n, k, m)), 1)
}

// logBinomialTail returns the logarithm of the probability that a given one of
// k servers gets m or more of n clients, for k > 1 and n/k < m <= n.
func logBinomialTail(n, k, m int) float64 {
	// Above the mean the terms fall faster and faster, so that the rest is
	// negligible soon after a term is.
	sum, term := 1.0, 1.0
	for x := m; x < n && term > 1e-20*sum; x++ {
		term *= float64(n-x) / (float64(x+1) * float64(k-1))
		sum += term
	}
	return logBinomial(n, k, m) + math.Log(sum)
}

// logBinomial returns the logarithm of the probability that a given one of k
// servers gets exactly m of n clients, for k > 1 and 0 < m <= n.
//
// It is Loader's form: a difference of log-gammas would lose up to nine digits
// to cancellation, here each part is about as small as the result.
func logBinomial(n, k, m int) float64 {
	all, servers, here := float64(n), float64(k), float64(m)
	if m == n {
		return -all * math.Log(servers)
	}
	elsewhere := float64(n - m)
	return stirlingError(n) - stirlingError(m) - stirlingError(n-m) -
		deviance(here, all/servers) -
		deviance(elsewhere, all*(servers-1)/servers) +
		0.5*math.Log(all/(2*math.Pi*here*elsewhere))
}

// stirlingError returns log(n!) less Stirling's formula for it,
// log(√(2πn)·(n/e)ⁿ), for n > 0.
func stirlingError(n int) float64 {
	x := float64(n)
	if n < 16 {
		// The series is not yet good to 1e-16, and there is little to cancel.
		lg, _ := math.Lgamma(x + 1)
		return lg - (x+0.5)*math.Log(x) + x - 0.5*math.Log(2*math.Pi)
	}
	y := 1 / (x * x)
	return (1./12 - y*(1./360-y*(1./1260-y*(1./1680-y/1188)))) / x
}

// deviance returns x·log(x/mean) + mean - x for positive x and mean: how
// unlikely a count of x is where mean is expected, as a logarithm.
func deviance(x, mean float64) float64 {
	if math.Abs(x-mean) >= 0.1*(x+mean) {
		return x*math.Log(x/mean) + mean - x
	}
	// Close to the mean that would cancel; this is its series in v.
	v := (x - mean) / (x + mean)
	sum := (x - mean) * v
	power := 2 * x * v
	for i := 3.0; ; i += 2 {
		power *= v * v
		next := sum + power/i
		if next == sum {
			return sum
		}
		sum = next
	}
}

// roundSignificant returns p rounded to the given number of significant
// decimal digits, at least one: the float64 nearest to that decimal number. 0
// stays 0, and so do infinities and NaN. A denormal p may have fewer digits to
// begin with.
func roundSignificant(p float64, digits int) float64 {
	text := strconv.FormatFloat(p, 'e', max(digits, 1)-1, 64)
	rounded, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return p // Rounded up beyond the largest float64.
	}
	return rounded
}
