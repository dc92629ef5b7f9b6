package natsconn

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// secret is a seed of nkeys or a JWT.
var secret = regexp.MustCompile(`\bS[A-Z][A-Z2-7]{40,}|\beyJ[A-Za-z0-9_.-]{20,}`)

// hide adds secrets. Those too short to be any would cut up other words.
func (l *login) hide(secrets ...string) {
	for _, s := range secrets {
		if len(s) > 3 {
			quoted, _ := json.Marshal(s) // as it is sent
			l.secrets = append(l.secrets, s, strings.Trim(string(quoted), `"`))
		}
	}
	slices.SortFunc(l.secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
}

// clean cuts out secrets: what servers say and errors quote may have some.
func (l *login) clean(text string) string {
	for _, s := range l.secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return secret.ReplaceAllString(text, "…")
}

// redact makes text from outside fit to print.
func (l *login) redact(text string) string { return words.Harmless(l.clean(text)) }

func redact(text string) string { return (&login{}).redact(text) }

// path is a path fit to print, as credentials are sometimes passed for one.
func (l *login) path(path string) string {
	if !IsLocation(path) {
		return "passed in place of a path"
	}
	return l.redact(path)
}

// IsLocation reports whether the value of a flag or an environment variable says
// where credentials are, a path or a reference such as env://NAME, and so may be
// shown. It may be the credentials themselves instead.
func IsLocation(value string) bool {
	value = strings.TrimSpace(value)
	switch {
	case strings.ContainsAny(value, "\r\n"), secret.MatchString(value), len(value) >= len("data:") && strings.EqualFold(value[:len("data:")], "data:"):
		return false
	case extension.MatchString(value), variable.MatchString(value), !looksEncoded(value):
		return true
	}
	path, _ := cutScheme(value, "file")
	_, err := os.Stat(expanded(path))
	return err == nil
}

// variable is a reference to an environment variable that is named as they mostly are.
var variable = regexp.MustCompile(`^(?i:env)://[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// extension is the end of the name of a file, which credentials have none of.
var extension = regexp.MustCompile(`\.[A-Za-z]{2,6}$`)

// looksEncoded reports whether a value may be credentials in base64, as they stand in a
// secret of Kubernetes, or a seed that is damaged: a long word, of mixed letters and
// digits where it has the hyphens of a name.
func looksEncoded(value string) bool {
	const long = 20
	const upper, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	foreign := func(r rune) bool {
		return !strings.ContainsRune(upper+digits+"abcdefghijklmnopqrstuvwxyz+=-_", r)
	}
	return slices.ContainsFunc(strings.FieldsFunc(value, foreign), func(word string) bool {
		return len(word) >= long && (!strings.ContainsAny(word, "-_") || strings.ContainsAny(word, upper) && strings.ContainsAny(word, digits))
	})
}
