package dnscheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Limits of RFC 1035, section 2.3.4, without the final dot.
const (
	maxName  = 253
	maxLabel = 63
)

// checkName says why a name is no host name: RFC 1123 with the underscores that
// are found in practice.
func checkName(name string) error {
	bare := strings.TrimSuffix(name, ".")
	switch {
	case bare == "":
		return errors.New("the name is empty")
	case len(bare) > maxName:
		return fmt.Errorf("the name has %s characters, more than %s", words.Count(len(bare)), words.Count(maxName))
	}
	for _, r := range bare {
		switch {
		case r >= 0x80:
			return fmt.Errorf("the name %q is not ASCII; internationalised names are needed in their xn-- form", bare)
		case r != '.' && !isNameByte(byte(r)):
			return fmt.Errorf("the name %q has the character %q, which no host name has", bare, r)
		}
	}
	for label := range strings.SplitSeq(bare, ".") {
		switch {
		case label == "":
			return fmt.Errorf("the name %q has an empty label", bare)
		case len(label) > maxLabel:
			return fmt.Errorf("the name %q has a label of %s characters, more than %s", bare, words.Count(len(label)), words.Count(maxLabel))
		}
	}
	return nil
}

func isNameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

// isLocalhost reports whether RFC 6761 reserves the name for this machine.
func isLocalhost(name string) bool {
	bare := strings.ToLower(strings.TrimSuffix(name, "."))
	return bare == "localhost" || strings.HasSuffix(bare, ".localhost")
}

// candidates are the names to ask for, in order, with final dots, as the C
// library's res_search forms them; direct reports whether the first is the name as
// it is. Those that a domain makes too long are left out.
func candidates(cfg Config, name string) (out []string, direct bool) {
	asIs := dns.Fqdn(name)
	if dns.IsFqdn(name) {
		return []string{asIs}, true
	}
	for _, domain := range cfg.Search {
		// "." in the search list is the name as it is.
		full := asIs + strings.Trim(domain, ".")
		if full = dns.Fqdn(full); checkName(full) == nil && !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	direct = strings.Count(name, ".") >= cfg.Ndots
	switch {
	case direct:
		out = slices.DeleteFunc(out, func(s string) bool { return s == asIs })
		out = slices.Insert(out, 0, asIs)
	case !slices.Contains(out, asIs):
		out = append(out, asIs)
	}
	return out, direct
}

// sentence formats and makes harmless: what comes from the network or a file
// may hold anything.
func sentence(format string, args ...any) string { return words.ASCII(fmt.Sprintf(format, args...)) }
