package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/choria-io/fisk"
)

// secretFlags are the flags whose value is a credential, or may have one in it.
func secretFlags() []string {
	flags := []string{
		"--password", "--token", "--user", "--jwt", "--seed", "--creds", "--nkey", "--tlscert", "--tlskey", "--tlsca", "--server", "--socks-proxy",
		"--listen-user", "--listen-password", "--listen-tlscert", "--listen-tlskey", "--listen-tlsca", "--client-url",
	}
	for _, s := range flaggedSources() {
		if s.secret {
			flags = append(flags, "--"+s.flag)
		}
	}
	return flags
}

// secretFlag is the flag of an argument that has a credential as its value, with
// whether the value is in the same argument; empty where it is none.
func secretFlag(arg string) (name string, assigned bool) {
	if strings.HasPrefix(arg, "-s") {
		return "--server", len(arg) > len("-s")
	}
	name, _, assigned = strings.Cut(arg, "=")
	if !slices.Contains(secretFlags(), name) {
		return "", false
	}
	return name, assigned
}

// afterSecret is what follows the first flag with a credential beside its value: any of it
// may be the rest of a value that was not quoted.
func afterSecret(args []string) (rest []string) {
	for i, arg := range args {
		name, assigned := secretFlag(arg)
		if name == "" {
			continue
		}
		rest = args[i+1:]
		if !assigned && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			rest = rest[1:]
		}
		return rest
	}
	return nil
}

// lastSecret is the last flag with a credential.
func lastSecret(args []string) (flag string) {
	for _, arg := range args {
		if name, _ := secretFlag(arg); name != "" {
			flag = name
		}
	}
	return flag
}

// looksSecret reports whether a word is like a variable with its value, or like a URL
// or a user with a password.
func looksSecret(word string) bool { return strings.ContainsAny(word, "=:@") }

// mayShow reports whether a word of the command line that is none of ours may be
// shown: what may be part of a credential may not.
func mayShow(args []string, word string) bool {
	if looksSecret(word) {
		return false
	}
	rest := afterSecret(args)
	return !slices.Contains(rest, word)
}

// named is what is called by a word of the command line, as far as it may be shown.
func (h Host) named(what, word string) string {
	if !mayShow(h.args, word) {
		return what + " of that name (not shown, as it may be part of a credential)"
	}
	return fmt.Sprintf("%s %q", what, word)
}

// withoutStray leaves out of an error of the parser what may be part of a credential.
// What begins with -- is a flag where it is meant to be one, as its being like one of
// ours shows.
func withoutStray(args, flags []string, err error) error {
	kinds := []error{fisk.ErrUnexpectedArgument, fisk.ErrExpectedKnownCommand, fisk.ErrUnknownLongFlag, fisk.ErrUnknownShortFlag}
	kind := slices.IndexFunc(kinds, func(k error) bool { return errors.Is(err, k) })
	if kind < 0 {
		return err
	}
	rest := afterSecret(args)
	stray := -1
	for i := len(args) - len(rest); i < len(args); i++ {
		name, _, _ := strings.Cut(args[i], "=")
		if strings.HasPrefix(args[i], "--") && (slices.Contains(flags, name) || isNear(name, flags)) {
			continue
		}
		// The longest is the one that is meant: a shorter one may be in the error by chance.
		if (repeats(err, args[i]) || strings.HasPrefix(args[i], "-") && errors.Is(err, fisk.ErrUnknownShortFlag)) && (stray < 0 || len(args[i]) > len(args[stray])) {
			stray = i
		}
	}
	if stray >= 0 {
		flag := lastSecret(args[:stray])
		return fmt.Errorf("%w: it is argument %d, after the value of %s, and not shown as it may be part of it: leave it out, or put the value in quotes, as in %s='VALUE'", kinds[kind], stray+1, flag, flag)
	}
	for _, arg := range args {
		if looksSecret(arg) && !strings.HasPrefix(arg, "-") && repeats(err, arg) {
			return fmt.Errorf("%w, not shown as it may have a credential in it", kinds[kind])
		}
	}
	return err
}
