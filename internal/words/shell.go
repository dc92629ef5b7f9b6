package words

import "strings"

// Shell returns a value as one word of a POSIX shell, without quotes where it
// needs none. Escape what a terminal acts on first, see [Printable]: a shell's
// quotes don't.
func Shell(s string) string {
	if s != "" && s[0] != '=' && !strings.ContainsFunc(s, special) { // zsh looks up a command for =name
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// special reports whether a character may mean something to a shell.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("_./:,+@=-", r)
}
