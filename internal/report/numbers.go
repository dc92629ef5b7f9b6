package report

import (
	"strconv"
)

// Percent prints with one decimal.
type Percent float64

// MarshalJSON keeps the decimal also where it is 0.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', 1, 64) }

// Chance is a probability and prints with three significant digits.
type Chance float64

// MarshalJSON writes a plain JSON number.
func (c Chance) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(c), 'g', 3, 64)), nil
}

// percent of a whole, rounded half up to one decimal.
func percent(part, whole int) Percent {
	if whole == 0 {
		return 0
	}
	tenths := (2000*int64(part) + int64(whole)) / (2 * int64(whole))
	return Percent(float64(tenths) / 10)
}
