package probe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// maxLine bounds the INFO line in bytes. A server's own limit for a line
	// (4 KiB by default) does not hold for INFO: it lists every server of the
	// cluster several times over.
	maxLine = 1 << 20
	// maxID, maxText and maxURLs bound what is kept of an INFO: bytes of a
	// server's id, bytes of a name or URL, and URLs.
	maxID, maxText, maxURLs = 128, 256, 256
)

// info is what is read of a server's INFO, see the Info struct of nats-server.
type info struct {
	ID           string   `json:"server_id"`
	Name         string   `json:"server_name"`
	Version      string   `json:"version"`
	Cluster      string   `json:"cluster"`
	Host         string   `json:"host"`
	Port         int      `json:"port"`
	TLSRequired  bool     `json:"tls_required"`
	TLSAvailable bool     `json:"tls_available"`
	ClientID     uint64   `json:"client_id"`
	ClientIP     string   `json:"client_ip"`
	ConnectURLs  []string `json:"connect_urls"`

	// These stand in no INFO to a client: routes tell what they can do
	// (lnoc), gateways their name, leafnode ports that another INFO follows.
	LNOC          bool     `json:"lnoc"`
	Gateway       string   `json:"gateway"`
	GatewayURL    string   `json:"gateway_url"`
	LeafnodeURLs  []string `json:"leafnode_urls"`
	InfoOnConnect bool     `json:"info_on_connect"`
}

// errLine is why a line that begins like an INFO is none.
var errLine = errors.New("no INFO of a nats-server")

// readInfo reads one INFO line. Its errors are errLine, with nothing of the line
// or the connection in them.
func readInfo(r *bufio.Reader) (*info, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); len(line) > maxLine {
			return nil, fmt.Errorf("%w: its line has no end", errLine)
		}
		if err == nil {
			return parseInfo(line)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: its line is cut off", errLine)
		}
	}
}

// parseInfo reads the line as a client would: the operation in any case, then
// one JSON object.
func parseInfo(line []byte) (*info, error) {
	if !beginsInfo(line) {
		return nil, fmt.Errorf("%w: another operation", errLine)
	}
	var i info
	if err := json.Unmarshal(line[len(infoOperation):], &i); err != nil {
		return nil, fmt.Errorf("%w: its JSON can't be read", errLine)
	}
	if i.ID == "" {
		return nil, fmt.Errorf("%w: it has no server_id", errLine)
	}
	if len(i.ID) > maxID {
		return nil, fmt.Errorf("%w: its server_id is too long", errLine)
	}
	return &i, nil
}

// infoOperation is what an INFO begins with; a tab will do for the space.
const infoOperation = "INFO "

func beginsInfo(line []byte) bool {
	n := len(infoOperation)
	return len(line) >= n && strings.EqualFold(string(line[:n-1]), infoOperation[:n-1]) &&
		(line[n-1] == ' ' || line[n-1] == '\t')
}

// greeting is what is kept of an INFO: of bounded size, and without URLs that
// are too long or have credentials, which no nats-server sends.
func (i *info) greeting(local netip.Addr) checks.Greeting {
	g := checks.Greeting{
		ID: i.ID, Name: words.Cut(i.Name, maxText), Cluster: words.Cut(i.Cluster, maxText), Host: words.Cut(i.Host, maxText),
		LocalIP: local, Count: 1,
	}
	if i.Port > 0 && i.Port <= 65535 {
		g.Port = i.Port
	}
	if ip, err := netip.ParseAddr(i.ClientIP); err == nil {
		g.ClientIP = plainIP(ip)
	}
	for _, u := range i.ConnectURLs {
		if u != "" && len(u) <= maxText && !strings.Contains(u, "@") && len(g.ConnectURLs) < maxURLs {
			g.ConnectURLs = append(g.ConnectURLs, u)
		}
	}
	return g
}

// forServers reports whether the INFO is one that routes, gateways or leafnodes get.
func (i *info) forServers() bool {
	return i.LNOC || i.InfoOnConnect || i.Gateway != "" || i.GatewayURL != "" || len(i.LeafnodeURLs) > 0
}

// takesProxyProtocol reports whether the server waits for a PROXY header: it then
// leaves out the client's address, which it can't know yet. Servers before the
// PROXY protocol, which came in 2.12, may have left it out for another reason.
func (i *info) takesProxyProtocol() bool {
	return i.ClientID > 0 && i.ClientIP == "" && i.since(2, 12)
}

// since compares the server's version.
func (i *info) since(major, minor int) bool {
	numbers := strings.SplitN(strings.TrimPrefix(i.Version, "v"), ".", 3)
	if len(numbers) < 3 {
		return false
	}
	ma, err1 := strconv.Atoi(numbers[0])
	mi, err2 := strconv.Atoi(numbers[1])
	return err1 == nil && err2 == nil && slices.Compare([]int{ma, mi}, []int{major, minor}) >= 0
}

// plainIP makes addresses comparable: IPv4 as IPv4, and without a zone, which
// only the machine that it is of understands.
func plainIP(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// quoted shows what was said: at most 40 characters of its first line, in
// printable ASCII.
func quoted(said []byte) string {
	const most = 40
	var b strings.Builder
	for n, c := range said {
		if n > 0 && (c == '\n' || c == '\r') {
			break
		}
		shown := string(rune(c))
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			shown = fmt.Sprintf(`\x%02x`, c)
		}
		if b.Len()+len(shown) > most {
			break
		}
		b.WriteString(shown)
	}
	return `"` + b.String() + `"`
}
