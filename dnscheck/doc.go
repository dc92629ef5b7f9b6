// Package dnscheck finds out what a host name resolves to, and through which
// resolver: one address or several, in a fixed order or a changing one, the
// same for every resolver or not.
//
// [Lookup] asks each resolver of a [Config] for the A and the AAAA records of a
// name, several times, over UDP with EDNS0 and over TCP where the answer does
// not fit, and follows aliases. [System] is the configuration that this
// machine's programs use, [Resolver] reads one from a command line.
//
// A verdict is as strong as what was seen. [Single] needs a resolver that
// answered for both families every time it was asked; what failed is [Failed]
// and says why, and is never taken for "no such name".
//
// What the package does not do: it does not resolve from the root, does not
// validate DNSSEC, does not ask for SRV records, does not translate
// internationalised names, and does not read nsswitch.conf, mDNS or the split
// configurations of macOS and Windows. It does not connect to the addresses.
package dnscheck
