package checks

import (
	"math"
	"math/bits"
	"math/cmplx"
	"strconv"
)

// aloneBelow is the expected number of servers with m clients below which two
// such servers at once change the result by less than 5 parts in a million.
// Below it, the result has fewer right digits as a difference from 1.
const aloneBelow = 1e-5

// Chance returns the probability that, with n clients each choosing one of k
// servers evenly and independently at random, some server gets m or more.
//
// The result is a probability in [0,1], never NaN, and right to within one
// part in 100,000 for n up to 10,000,000 and k up to 5,000. That holds for
// the smallest results too; one below the smallest positive float64, 5e-324, is
// 0, and one below 1e-305 has the fewer digits of a denormal number. The
// distance of a result from 1 is good to 1e-10 only. Beyond that range the error
// grows with k, time and memory grow with the square root of n.
//
// Without servers (k <= 0) the result is 0. Otherwise, any server has 0 or more
// (m <= 0 gives 1), nobody has more than all (m > n gives 0), and a negative n
// counts as 0.
//
// The expected number S of servers with m or more is k times a binomial tail,
// with the terms of C. Loader, "Fast and Accurate Computation of Binomial
// Probabilities" (2000). Where m is more than half of n, S is the result, as two
// servers cannot both have m. Elsewhere the result is between S - S²/2 and S:
// Bonferroni's inequalities, with the counts being negatively associated (Joag-Dev
// and Proschan, 1983). So a small S is the result as well. For the others
// the complement is computed exactly: independent Poisson counts given their sum
// are the counts of the servers (B. Levin, "A Representation for Multinomial
// Cumulative Distribution Functions", 1981), and a discrete Fourier transform
// gives the distribution of that sum.
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
	expected := math.Exp(math.Log(float64(k)) + logBinomialTail(n, k, m))
	if m > n-m || expected < aloneBelow {
		return min(expected, 1)
	}
	return min(max(1-chanceAllBelow(n, k, m), 0), 1)
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

// chanceAllBelow returns the probability that each of k servers gets fewer than
// m of n clients, with an absolute error of up to about 1e-11.
//
// With independent Poisson counts of mean n/k, it is the probability that all
// are below m and their sum is n, divided by the one that their sum is n.
func chanceAllBelow(n, k, m int) float64 {
	// Sums are taken modulo size. The wrong ones that then count as n are at
	// least 12 standard deviations off, together less than 1e-30 of the right.
	size := 1 << bits.Len(uint(12*math.Sqrt(float64(n))+64))
	counts := poissonBelow(float64(n)/float64(k), m, size)
	roots := unitRoots(size)
	fourier(counts, roots)

	// The k-th power in each frequency is the k-fold sum; only the share of n
	// is transformed back. The upper half mirrors the lower one.
	sum := 0.0
	for i := 0; i <= size/2; i++ {
		// What is below e⁻¹⁰⁰ adds nothing, and denormal numbers are slow.
		if float64(k)*math.Log(cmplx.Abs(counts[i])) < -100 {
			continue
		}
		back := cmplx.Conj(rootAt(roots, i*(n%size)%size))
		part := real(power(counts[i], k) * back)
		if i > 0 && i < size/2 {
			part *= 2
		}
		sum += part
	}
	all := math.Exp(-stirlingError(n)) / math.Sqrt(2*math.Pi*float64(n))
	return sum / float64(size) / all
}

// poissonBelow returns the Poisson probabilities, for the given mean, of the
// counts below m; a count x is at index x modulo size.
func poissonBelow(mean float64, m, size int) []complex128 {
	// The largest term is 1 at first and all are scaled by their whole sum, so
	// that they add up to 1 better than with a computed largest term. What is
	// left out is too small even for the most servers.
	const negligible = 1e-30
	below := make([]complex128, size)
	mode := int(mean)
	whole := 0.0
	add := func(x int, term float64) {
		whole += term
		if x < m {
			below[x%size] += complex(term, 0)
		}
	}
	term := 1.0
	for x := mode; term > negligible; x++ {
		add(x, term)
		term *= mean / float64(x+1)
	}
	term = float64(mode) / mean
	for x := mode - 1; x >= 0 && term > negligible; x-- {
		add(x, term)
		term *= float64(x) / mean
	}
	for i := range below {
		below[i] /= complex(whole, 0)
	}
	return below
}

// power returns z to the power of k, for k >= 0.
func power(z complex128, k int) complex128 {
	result := complex(1, 0)
	for ; k > 0; k >>= 1 {
		if k&1 == 1 {
			result *= z
		}
		z *= z
	}
	return result
}

// unitRoots returns the first half of the size-th roots of unity, clockwise.
func unitRoots(size int) []complex128 {
	roots := make([]complex128, size/2)
	for i := range roots {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(size))
		roots[i] = complex(cos, -sin)
	}
	return roots
}

// rootAt returns root i of all that unitRoots returns the first half of.
func rootAt(roots []complex128, i int) complex128 {
	if i < len(roots) {
		return roots[i]
	}
	return -roots[i-len(roots)]
}

// fourier replaces a, whose length is a power of two above 1, by its discrete
// Fourier transform; roots are those of its length. It is the radix-2 algorithm
// of Cooley and Tukey.
func fourier(a, roots []complex128) {
	shift := bits.LeadingZeros(uint(len(a) - 1))
	for i := range a {
		if j := int(bits.Reverse(uint(i)) >> shift); i < j {
			a[i], a[j] = a[j], a[i]
		}
	}
	for half := 1; half < len(a); half *= 2 {
		stride := len(roots) / half
		for start := 0; start < len(a); start += 2 * half {
			low, high := a[start:start+half], a[start+half:start+2*half]
			for i := range low {
				odd := high[i] * roots[i*stride]
				low[i], high[i] = low[i]+odd, low[i]-odd
			}
		}
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
