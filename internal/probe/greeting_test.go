package probe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// What nats-servers of these versions were seen to send.
const (
	plainINFO = `INFO {"server_id":"NA4T","server_name":"n1","version":"2.15.2","proto":3,"go":"go1.26.8","host":"127.0.0.1",` +
		`"port":4222,"headers":true,"auth_required":true,"max_payload":1048576,"client_id":5,"client_ip":"127.0.0.1",` +
		`"cluster":"C1","connect_urls":["127.0.0.1:4222","127.0.0.1:4223"],"xkey":"XB"} ` + "\r\n"
	routeINFO    = `INFO {"server_id":"NA","server_name":"n1","version":"2.15.2","host":"127.0.0.1","port":6222,"ip":"nats-route://127.0.0.1:6222/","nonce":"x","cluster":"C1","lnoc":true,"lnocu":true} ` + "\r\n"
	gatewayINFO  = `INFO {"server_id":"NA","server_name":"n1","version":"2.15.2","host":"127.0.0.1","port":7222,"gateway":"C1","gateway_url":"127.0.0.1:7222"} ` + "\r\n"
	leafnodeINFO = `INFO {"server_id":"NA","server_name":"n1","version":"2.15.2","host":"127.0.0.1","port":7422,"auth_required":true,"client_id":7,"nonce":"x","info_on_connect":true,"leafnode_urls":["127.0.0.1:7422"]} ` + "\r\n"
)

func parse(t testing.TB, line string) *info {
	t.Helper()
	i, err := readInfo(bufio.NewReader(strings.NewReader(line)))
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return i
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddr("127.0.0.1")
	i := parse(t, plainINFO)
	g := i.greeting(local)
	if g.ID != "NA4T" || g.Name != "n1" || g.Cluster != "C1" || g.Host != "127.0.0.1" || g.Port != 4222 || g.Count != 1 ||
		g.ClientIP != local || g.LocalIP != local || !slices.Equal(g.ConnectURLs, []string{"127.0.0.1:4222", "127.0.0.1:4223"}) {
		t.Errorf("got %+v", g)
	}
	if i.forServers() || i.takesProxyProtocol() {
		t.Error("a client port passes for another")
	}
	for _, line := range []string{routeINFO, gatewayINFO, leafnodeINFO} {
		if i := parse(t, line); !i.forServers() || i.takesProxyProtocol() && !strings.Contains(line, "leafnode") {
			t.Errorf("passes for a client port: %s", line)
		}
	}
	for _, line := range []string{"info\t" + plainINFO[5:], strings.TrimSuffix(plainINFO, " \r\n") + "\n"} {
		if parse(t, line).ID != "NA4T" {
			t.Errorf("not read as a client would: %q", line)
		}
	}
}

func TestGreetingIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	urls := []string{"", "app:secret@n1:4222", long}
	for n := range 1000 {
		urls = append(urls, fmt.Sprintf("n%d:4222", n))
	}
	all, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	g := parse(t, fmt.Sprintf(`INFO {"server_id":"A","server_name":%q,"cluster":%q,"host":%q,"port":70000,"client_ip":"fe80::1%%eth0","connect_urls":%s}`+"\n",
		"x"+long, long, long, all)).greeting(netip.Addr{})
	for _, s := range []string{g.Name, g.Cluster, g.Host} {
		if len(s) > 256 || len(s) < 255 || !utf8.ValidString(s) {
			t.Errorf("%d bytes, valid %v", len(s), utf8.ValidString(s))
		}
	}
	if g.Port != 0 || g.ClientIP != netip.MustParseAddr("fe80::1") || len(g.ConnectURLs) != 256 || g.ConnectURLs[0] != "n0:4222" {
		t.Errorf("got port %d, client %s, %d URLs from %q", g.Port, g.ClientIP, len(g.ConnectURLs), g.ConnectURLs[0])
	}
}

func TestPROXYProtocolIsTold(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`{"server_id":"A","version":"2.15.2","client_id":5}`:                         true,
		`{"server_id":"A","version":"2.12.0-RC.1","client_id":5}`:                    true,
		`{"server_id":"A","version":"3.0.0","client_id":5}`:                          true,
		`{"server_id":"A","version":"2.15.2","client_id":5,"client_ip":"127.0.0.1"}`: false,
		`{"server_id":"A","version":"2.1.9","client_id":5}`:                          false,
		`{"server_id":"A","version":"2.15.2"}`:                                       false,
		`{"server_id":"A","client_id":5}`:                                            false,
		`{"server_id":"A","version":"x.y.z","client_id":5}`:                          false,
	} {
		if got := parse(t, "INFO "+line+"\r\n").takesProxyProtocol(); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"hello\r\nworld":         `"hello"`,
		"\r\nhello":              `"\x0d"`,
		"":                       `""`,
		"\x1b]0;owned\x07":       `"\x1b]0;owned\x07"`,
		strings.Repeat("x", 100): `"` + strings.Repeat("x", 40) + `"`,
		strings.Repeat("é", 100): `"` + strings.Repeat(`\xc3\xa9`, 5) + `"`,
	} {
		if got := quoted([]byte(said)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzInfo(f *testing.F) {
	for _, line := range []string{plainINFO, routeINFO, gatewayINFO, leafnodeINFO, "INFO {}\r\n", "INFO", "info\t{\"server_id\":\"\xff\"}\n", "PING\r\n"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		i, err := readInfo(bufio.NewReader(strings.NewReader(string(line))))
		if err != nil {
			if !errors.Is(err, errLine) {
				t.Errorf("error %v is none of ours", err)
			}
			return
		}
		g := i.greeting(netip.Addr{})
		if g.ID == "" || len(g.ID) > maxID || len(g.Name) > maxText || len(g.Cluster) > maxText || len(g.Host) > maxText ||
			g.Port < 0 || g.Port > 65535 || len(g.ConnectURLs) > maxURLs || !utf8.ValidString(g.Name) {
			t.Errorf("out of bounds: %+v", g)
		}
		if shown := quoted(line); len(shown) > 42 || strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("not harmless: %s", shown)
		}
	})
}
