package cli

import (
	"fmt"

	"github.com/choria-io/fisk"
)

// notEmpty refuses what would be read as not given.
func notEmpty(flag, pass string) fisk.OptionValidator {
	return func(text string) error {
		if text == "" {
			return &usageError{err: fmt.Errorf(`--%s is "": pass %s`, flag, pass)}
		}
		return nil
	}
}

// wholeNumber reads a flag; an empty text leaves the default.
func wholeNumber(flag, text string, to *int) error {
	if text == "" {
		return nil
	}
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' || n > 1_000_000_000 {
			return fmt.Errorf("--%s is %q: pass a whole number", flag, text)
		}
		n = n*10 + int(r-'0')
	}
	*to = n
	return nil
}
