package dnscheck

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxResolvers is how many resolvers of resolv.conf are used (MAXNS of the C
// library).
const maxResolvers = 3

// System is the configuration of this machine: the resolvers, search list and
// ndots of /etc/resolv.conf, with Fallback, and the path of the hosts file.
// Time-outs and attempts of resolv.conf are not taken over, nor are the
// variables LOCALDOMAIN and RES_OPTIONS. Windows has no resolv.conf, other
// machines may have none or an empty one: there are no Resolvers then, and that
// is no error. An error is a file that can't be read; the rest is filled in.
func System() (Config, error) {
	resolvConf := "/etc/resolv.conf"
	if runtime.GOOS == "windows" {
		resolvConf = ""
	}
	return systemFrom(resolvConf, hostsPath(runtime.GOOS, os.Getenv))
}

func systemFrom(resolvConf, hosts string) (Config, error) {
	none := Config{HostsFile: hosts}
	if resolvConf == "" {
		return none, nil
	}
	f, err := os.Open(resolvConf)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("reading the resolvers: %w", err)
	}
	defer func() { _ = f.Close() }()
	cfg, err := parseResolvConf(f)
	cfg.HostsFile = hosts
	return cfg, err
}

func parseResolvConf(r io.Reader) (Config, error) {
	read, err := dns.ClientConfigFromReader(io.LimitReader(r, maxFile))
	if err != nil {
		return Config{}, fmt.Errorf("reading the resolvers: %w", err)
	}
	var resolvers []string
	for _, server := range read.Servers {
		// The C library takes addresses only; a word that is none is no resolver.
		if ip, err := netip.ParseAddr(server); err == nil && len(resolvers) < maxResolvers {
			resolvers = append(resolvers, net.JoinHostPort(ip.String(), read.Port))
		}
	}
	return Config{Resolvers: resolvers, Fallback: true, Search: read.Search, Ndots: read.Ndots}, nil
}

// hostsPath is where an operating system has its hosts file.
func hostsPath(goos string, getenv func(string) string) string {
	if goos != "windows" {
		return "/etc/hosts"
	}
	root := getenv("SystemRoot")
	if root == "" {
		root = `C:\Windows`
	}
	return root + `\System32\drivers\etc\hosts`
}

// Resolver reads HOST or HOST:PORT, where the host is an address or a name, and
// returns it as host:port, the port 53 where none is given. An IPv6 address
// with a port needs brackets; without them all of it is the address. A name is
// resolved by the system when the resolver is asked.
func Resolver(arg string) (string, error) {
	host, port := arg, "53"
	if strings.Contains(arg, "@") { // what is before it may be a secret, and is not shown
		return "", errors.New("resolver has an @, as of a user: pass HOST or HOST:PORT alone")
	}
	if _, err := netip.ParseAddr(arg); err != nil {
		switch {
		case strings.HasPrefix(arg, "[") && strings.HasSuffix(arg, "]"):
			host = arg[1 : len(arg)-1]
		case strings.Contains(arg, ":"):
			if host, port, err = net.SplitHostPort(arg); err != nil {
				return "", fmt.Errorf("resolver %q is not HOST or HOST:PORT; an IPv6 address with a port needs brackets", arg)
			}
		}
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.Is4() && strings.HasPrefix(arg, "["):
		return "", fmt.Errorf("resolver %q has brackets around what is not an IPv6 address", arg)
	case err == nil && checkZone(ip.Zone()) != nil:
		return "", fmt.Errorf("resolver %q: %w", arg, checkZone(ip.Zone()))
	case err == nil:
		host = ip.String()
	case strings.HasPrefix(arg, "["):
		return "", fmt.Errorf("resolver %q has brackets around what is not an IPv6 address", arg)
	default:
		if err := checkName(host); err != nil {
			return "", fmt.Errorf("resolver %q: %w", arg, err)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("resolver %q has the port %q, which is not a number from 1 to 65535", arg, port)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// checkZone refuses zones that are no interface's name or number.
func checkZone(zone string) error {
	for _, r := range zone {
		if r <= ' ' || r > '~' || strings.ContainsRune(`[]%"\`, r) {
			return fmt.Errorf("the zone %q is not a network interface", zone)
		}
	}
	return nil
}
