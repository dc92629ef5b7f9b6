package dnscheck

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// maxFile is how much is read of a hosts file or resolv.conf, in bytes.
const maxFile = 1 << 20

// readHosts returns the addresses that a hosts file has for a name. A file that
// does not exist has none. Of a file that is too long, or breaks off, the error
// comes with what was read.
func readHosts(path, name string) ([]netip.Addr, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the hosts file: %w", err)
	}
	defer func() { _ = f.Close() }()
	return parseHosts(f, name)
}

// parseHosts reads the format of hosts(5): an address, then its names; "#"
// starts a comment. Lines that can't be read are passed over, as resolvers do.
func parseHosts(r io.Reader, name string) ([]netip.Addr, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		err = fmt.Errorf("reading the hosts file: %w", err)
	case len(data) > maxFile:
		data, err = data[:maxFile], fmt.Errorf("the hosts file is longer than %d bytes", maxFile)
	}
	want := strings.TrimSuffix(name, ".")
	var out []netip.Addr
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		ip, parseErr := netip.ParseAddr(fields[0])
		if parseErr != nil {
			continue
		}
		same := func(s string) bool { return strings.EqualFold(strings.TrimSuffix(s, "."), want) }
		if ip = ip.Unmap(); slices.ContainsFunc(fields[1:], same) && !slices.Contains(out, ip) {
			out = append(out, ip)
		}
	}
	return out, err
}
