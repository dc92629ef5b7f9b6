package cli

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

const connUser = ": pass those of a user of the system account with --creds, --user and --password, --nkey, --token or --context"

// connFailure is one way to fail and its sentence, in which SERVER stands for
// the address.
type connFailure struct {
	at   string // a URL, or an address
	args []string
	want string
}

func (f connFailure) check(t *testing.T) {
	t.Helper()
	got := connFails(t, patience(f.want), append([]string{"--server", f.at}, f.args...)...)
	host := f.at[max(strings.LastIndex(f.at, "/"), strings.LastIndex(f.at, "@"))+1:]
	if host != "" {
		got = strings.ReplaceAll(got, host, "SERVER")
	}
	if got != f.want {
		t.Errorf("got  %s\nwant %s", got, f.want)
	}
}

func TestConnectFailures(t *testing.T) {
	connEnv(t)
	plain, token := connAddr(connServer(t, nil)), connAddr(connTokenServer(t))
	listen := func(o *server.Options) {
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true}
	}
	ws := connServer(t, listen).WebsocketURL()
	fullWS := connServer(t, func(o *server.Options) { listen(o); o.MaxConn = -1 }).WebsocketURL()
	full := connAddr(connServer(t, func(o *server.Options) { o.MaxConn = 1 }))
	connOK(t, "--server", full, "--user", "sys", "--password", connPassword)
	seed := string(connMust(connMust(nkeys.CreateUser()).Seed()))
	connSecret(seed)
	nkey := connFile(t, filepath.Join(t.TempDir(), "sys.nk"), seed)
	hole, _, _ := blackHole(t)
	const info = `INFO {"server_id":"N","server_name":"n","max_payload":1048576,"proto":1,"headers":true}` + "\r\n"
	const port = ": pass --server URL with the port for clients"
	silent := "accepts the connection but does not answer within 1s" + port + ", --tlsfirst if it begins with TLS, or a longer --timeout"
	user := []string{"--user", "sys", "--password", connPassword}
	huge := connListen(t, func(conn net.Conn) {
		_, err := conn.Write([]byte("INFO {"))
		for chunk := []byte(strings.Repeat("a", 1<<16)); err == nil; {
			_, err = conn.Write(chunk)
		}
	})
	web := connListen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 100))
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
	})
	ends := connListen(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		accept := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x82\x09INFO {}\r\n",
			base64.StdEncoding.EncodeToString(accept[:]))
	})
	for name, f := range map[string]connFailure{
		"closes after INFO, ws": {"ws://" + ends, user, "ws://SERVER: closes the connection while logging in: pass --server URL of another server"},
		"refused":               {refusing(t), nil, "nats://SERVER: can't be reached (connection refused): pass --server URL of a running server"},
		"refused, ws":           {"ws://" + refusing(t), nil, "ws://SERVER: can't be reached (connection refused): pass --server URL of a running server"},
		"black hole":            {hole, nil, "nats://SERVER: " + silent},
		"black hole, TLS first": {hole, []string{"--tlsfirst"}, "nats://SERVER: " + silent},
		"black hole, ws":        {"ws://" + hole, nil, "ws://SERVER: " + silent},
		"black hole, wss":       {"wss://" + hole, nil, "wss://SERVER: " + silent},
		"silent after INFO":     {says(t, info, " "), user, "nats://SERVER: " + silent},
		"wrong password":        {plain, []string{"--user", "sys", "--password", connToken}, `nats://SERVER: refuses these credentials (user "sys": authorization violation)` + connUser},
		"unknown user":          {plain, []string{"--user", "x\u202ey\x1b[1m", "--password", connPassword}, `nats://SERVER: refuses these credentials (user "x\u202ey\x1b[1m": authorization violation)` + connUser},
		"wrong token":           {token, []string{"--token", connPassword}, "nats://SERVER: refuses these credentials (the token: authorization violation)" + connUser},
		"wrong token as user":   {token, []string{"--user", connPassword}, "nats://SERVER: refuses these credentials (the token: authorization violation)" + connUser},
		"empty password":        {plain, []string{"--user", "sys", "--password", ""}, `nats://SERVER: refuses these credentials (the password is empty): pass --password VALUE; with --password "$NATS_PASSWORD", set that variable first`},
		"wrong URL":             {"nats://sys:" + connToken + "@" + plain, nil, "nats://SERVER: refuses these credentials (the user and password in the URL: authorization violation)" + connUser},
		"wrong URL, no scheme":  {"sys:" + connToken + "@" + plain, nil, "nats://SERVER: refuses these credentials (the user and password in the URL: authorization violation)" + connUser},
		"wrong token URL":       {"nats://" + connPassword + "@" + token, nil, "nats://SERVER: refuses these credentials (the token in the URL: authorization violation)" + connUser},
		"wrong URL, flags":      {"nats://" + connPassword + "@" + plain, user, "nats://SERVER: refuses these credentials (the token in the URL: authorization violation)" + connUser},
		"nkey, but no nkeys":    {plain, []string{"--nkey", nkey}, "nats://SERVER: takes no nkeys" + connUser},
		"no credentials":        {plain, nil, "nats://SERVER: asks for credentials, and there are none" + connUser},
		"full":                  {full, user, "nats://SERVER: is at its limit of connections: pass --server URL of another server"},
		"HTTP":                  {says(t, "HTTP/1.1 400 Bad Request\r\n\r\n", ""), nil, "nats://SERVER: does not speak the NATS protocol but HTTP" + port},
		"HTTP, TLS first":       {web, []string{"--tlsfirst"}, "nats://SERVER: does not speak the NATS protocol but HTTP" + port},
		"HTTP, ws":              {"ws://" + web, nil, "ws://SERVER: is not a WebSocket listener of NATS: pass --server ws://HOST:PORT of one, or nats://"},
		"NATS, ws":              {"ws://" + plain, nil, "ws://SERVER: is not a WebSocket listener: pass --server nats://HOST:PORT"},
		"garbage":               {says(t, "SSH-2.0-OpenSSH\r\n", ""), nil, "nats://SERVER: does not speak the NATS protocol" + port},
		"garbage, binary":       {says(t, "\x00\x01\xff\n\x1b[2J", ""), nil, "nats://SERVER: does not speak the NATS protocol" + port},
		"garbage for INFO":      {says(t, "INFO garbage\r\n", ""), nil, "nats://SERVER: does not speak the NATS protocol" + port},
		"INFO of wrong type":    {says(t, "INFO {\"port\":\"x\"}\r\n", ""), nil, "nats://SERVER: does not speak the NATS protocol" + port},
		"huge INFO":             {huge, nil, "nats://SERVER: does not speak the NATS protocol (it sends more than 1 MiB as its greeting)" + port},
		"closes at once":        {connListen(t, func(net.Conn) {}), nil, "nats://SERVER: closes the connection before it has said anything" + port + ", or --tlsfirst if it begins with TLS"},
		"closes after INFO":     {says(t, info, ""), user, "nats://SERVER: closes the connection while logging in: pass --server URL of another server"},
		"echoes as garbage":     {says(t, info, "LINE\r\n"), user, "nats://SERVER: does not speak the NATS protocol" + port},
		"full, ws":              {fullWS, user, "ws://SERVER: is at its limit of connections: pass --server URL of another server"},
		"wrong password, ws":    {ws, []string{"--user", "sys", "--password", connToken}, `ws://SERVER: refuses these credentials (user "sys": authorization violation)` + connUser},
		"another error":         {says(t, info, "-ERR 'Parser \x1b[1m Error'\r\n"), user, `nats://SERVER: can't be used (Parser \x1b[1m Error): pass --server URL of another server`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.check(t)
		})
	}
}

// A server may say anything, such as what it was told.
func TestConnectEcho(t *testing.T) {
	connEnv(t)
	t.Setenv("CONN_TOKEN", connToken)
	for _, test := range []struct {
		user string // in the URL
		args []string
	}{
		{"", []string{"--user", "sys", "--password", connPassword}}, {"", []string{"--token", connToken}},
		{"", []string{"--token", "env://CONN_TOKEN"}}, {"sys:" + connPassword + "@", nil}, {connToken + "@", nil},
	} {
		at := says(t, "INFO {}\r\n", "-ERR 'LINE'\r\n")
		got := connFails(t, connPatience, append(test.args, "--server", "nats://"+test.user+at)...)
		if !strings.HasPrefix(got, "nats://"+at+": can't be used (CONNECT {") || !strings.HasSuffix(got, "): pass --server URL of another server") {
			t.Errorf("got %s", got)
		}
	}
}

// The output of an audit that works has no credentials either.
func TestConnectAuditOutput(t *testing.T) {
	connEnv(t)
	plain, token := connAddr(connServer(t, nil)), connAddr(connTokenServer(t))
	for _, args := range [][]string{
		{"--server", "nats://sys:" + connPassword + "@" + plain}, {"--server", "sys:" + connPassword + "@" + plain},
		{"--server", connToken + "@" + token}, {"--server", token, "--token", connToken}, {"--server", token, "--user", connToken},
	} {
		for _, format := range []string{"text", "json"} {
			var out connOutput
			Run(append([]string{"--trace", "audit", "concentration", "--format", format}, args...), &out, &out)
			connSafe(t, out.String())
			if !strings.Contains(out.String(), "connected to nats://127.0.0.1:") {
				t.Errorf("no trace in %s", out.String())
			}
		}
	}
}

// What the audit finds out after connecting is said as well: here of an
// ordinary account that may not ask about itself.
func TestConnectOrdinaryAccount(t *testing.T) {
	connEnv(t)
	s := connServer(t, func(o *server.Options) {
		o.Users[1].Permissions = &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"$SYS.REQ.ACCOUNT.>"}}}
	})
	got := connFails(t, connPatience, "--server", "nats://app:"+connPassword+"@"+connAddr(s))
	want := "nats://" + connAddr(s) + `: the user of these credentials lacks a permission: Permissions Violation for Publish to "$SYS.REQ.ACCOUNT.PING.STATZ"` +
		": allow the user to publish to $SYS.REQ.ACCOUNT.PING.>, or pass another user"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConnectUnknownName(t *testing.T) {
	connEnv(t)
	// The second is what a system without any name server says in time.
	want := regexp.MustCompile(`^nats://none\.invalid:4222: (its name can't be resolved \([^()]+\): pass --server with a name or address that exists` +
		`|can't be reached within 1s: pass --server URL of a running server, or a longer --timeout)$`)
	if got := connFails(t, time.Second, "--server", "none.invalid:4222"); !want.MatchString(got) {
		t.Errorf("got %s", got)
	}
}

func TestConnectLameDuck(t *testing.T) {
	connEnv(t)
	s := connServer(t, func(o *server.Options) { o.LameDuckDuration, o.LameDuckGracePeriod = time.Minute, -30*time.Second })
	at := connAddr(s)
	nc := connOK(t, "--server", at, "--user", "sys", "--password", connPassword)
	if _, err := nc.RTT(); err != nil {
		t.Fatal(err)
	}
	go s.LameDuckShutdown()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still accepts")
		}
	}
	connFailure{at, nil, "nats://SERVER: can't be reached (connection refused): pass --server URL of a running server"}.check(t)
}

func TestConnectURLs(t *testing.T) {
	connEnv(t)
	connSecret("p/ss-0f-sys", "ss-0f-sys", "p@ss-0f-sys", "p,ss-0f-sys", "12,34-0f", "34-0f")
	const pass = ": pass --server nats://HOST:PORT, or tls://, ws:// or wss://"
	const unread = "server URL 1 of the list can't be read: write special characters of its user and password as %40 for @, %2F for /, %2C for a comma, or pass them with --user and --password, and --server nats://HOST:PORT"
	for list, want := range map[string]string{
		"nats://":                           `"nats://" is not a server URL` + pass,
		"nats://:4222":                      `"nats://:4222" is not a server URL` + pass,
		"http://x":                          `"http://x" is not the URL of a NATS server` + pass,
		"nats:x":                            unread,
		"::::":                              unread,
		"://x":                              unread,
		"nats://a b":                        unread,
		"nats://a:b":                        unread,
		"nats://a:70000":                    `"nats://a:70000" is not a server URL` + pass,
		"a:0":                               `"a:0" is not a server URL` + pass,
		"nats://[::1":                       unread,
		"nats://\x1b[2J":                    unread,
		" ":                                 "the list of server URLs is empty" + pass,
		" , ,,":                             "the list of server URLs is empty" + pass,
		"127.0.0.1:1,,nats://":              `"nats://" is not a server URL` + pass,
		"ws://127.0.0.1:1,nats://127.0.0.1": "the list of server URLs mixes WebSocket and others: pass --server with one kind only",
		"sys:" + connPassword + "@":         `"" is not a server URL` + pass,
		"sys:" + connPassword + "@a:70000":  unread,
		connToken + "@:4222":                `":4222" is not a server URL` + pass,
		"nats://" + connToken + "@":         `"nats://" is not a server URL` + pass,
		"http://a?" + connToken:             `"http://a" is not the URL of a NATS server` + pass,
		"nats://sys?" + connToken + "@a":    unread,
		"nats://sys:p/ss-0f-sys@127.0.0.1":  unread,
		"nats://p/ss-0f-sys@127.0.0.1":      unread,
		"sys:p/ss-0f-sys@127.0.0.1":         unread,
		"nats://sys:p,ss-0f-sys@127.0.0.1":  unread,
		// What may be a token or a password is neither shown nor looked up.
		"nats://" + connToken + `\u0040h:4222`: unread,
		"nats://" + connToken + "%40h:4222":    unread,
		"nats://" + connToken + "&#64;h:4222":  unread,
		"nats://" + connToken + "=40h:4222":    unread,
		"nats://" + connToken + "＠h:4222":      unread,
		"nats://sys:" + connToken:              unread,
		// By the rules of nats.go these are two servers.
		"nats://127.0.0.1:12,34-0f@127.0.0.1:1": "server URL 1 of the list, nats://127.0.0.1:1: can't be reached (connection refused): pass --server URL of a running server",
		"nats://sys:p%ss-0f-sys@127.0.0.1":      unread,
		"x://sys:p@ss-0f-sys@127.0.0.1":         `"x://127.0.0.1" is not the URL of a NATS server` + pass,
	} {
		t.Run(list, func(t *testing.T) {
			if got := connFails(t, connPatience, "--server", list); want != "" && got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	t.Run("an @ in the password", func(t *testing.T) {
		s := connServer(t, func(o *server.Options) { o.Users[0].Password = "p@ss-0f-sys" })
		connOK(t, "--server", "nats://sys:p@ss-0f-sys@"+connAddr(s))
	})
}

func TestConnectContextFailures(t *testing.T) {
	connEnv(t)
	folder := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats")
	at := connAddr(connServer(t, nil))
	selected := filepath.Join(folder, "context.txt")
	t.Run("none at all", func(t *testing.T) {
		got := connFails(t, connPatience, "--context", "sys")
		if want := `there is no context "sys": there are no contexts here, pass --server and --creds`; got != want {
			t.Errorf("got  %s", got)
		}
	})
	garbage := connFile(t, filepath.Join(folder, "context", "garbage.json"), connPassword)
	connFile(t, filepath.Join(folder, "context", "types.json"), `{"url":["`+connPassword+`"]}`)
	connFile(t, filepath.Join(folder, "context", "nsc.json"), `{"nsc":"nsc://o/a/u"}`)
	connSettings{"server": at, "user": "sys", "password": connToken}.context(t, "wrong")
	connSettings{"server": at, "user": "sys", "creds": "/x"}.context(t, "two")
	connSettings{"server": at, "user": "sys", "password": "env://CONN_NONE"}.context(t, "env")
	connSettings{"server": at, "user": "sys", "password": "env:" + connToken}.context(t, "odd")
	t.Setenv("PATH", t.TempDir())
	all := []string{"env", "garbage", "nsc", "odd", "two", "types", "wrong"}
	const pass = ": pass --context one of OTHERS, or --server and --creds"
	const selectOne = ": select one with `nats context select`, or pass --context NAME or --no-context"
	for _, test := range []struct {
		name, selected, context, want string
	}{
		{"missing", "", "nope", `there is no context "nope"` + pass},
		{"selected missing", "nope", "", `the selected context "nope" does not exist` + selectOne},
		{"garbage", "", "garbage", `context "garbage" can't be loaded (invalid character 'P' looking for beginning of value)` + pass},
		{"of wrong types", "", "types", `context "types" can't be loaded (json: cannot unmarshal array into Go struct field settings.url of type string)` + pass},
		{"garbage file", "", garbage, `context "` + garbage + `" can't be loaded (invalid character 'P' looking for beginning of value)` + pass},
		{"missing file", "", "/none/sys.json", `"/none/sys.json" is neither the name of a context nor a file that ends in .json` + pass},
		{"a path", "", "../x", `"../x" is neither the name of a context nor a file that ends in .json` + pass},
		{"selected path", "../x", "", `"../x" is neither the name of a context nor a file that ends in .json` + selectOne},
		{"two kinds", "", "two", `context "two" has credentials of different kinds, user and creds: leave one of them in it, or pass others with --creds, --user and --password, --nkey or --token`},
		{"nsc without nsc", "", "nsc", `context "nsc" can't be loaded (cannot find 'nsc' in user path)` + pass},
		{"wrong password", "wrong", "", "nats://" + at + `: refuses these credentials (user "sys": authorization violation)` + connUser},
		{"reference to nothing", "", "env", `the credentials: can't be used (password: env: variable "CONN_NONE" is not set)` + connUser},
		{"password like a reference", "", "odd", `the credentials: can't be used (password: env: variable "…" is not set)` + connUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			connFile(t, selected, test.selected)
			var args []string
			if test.context != "" {
				args = []string{"--context", test.context}
			}
			others := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == strings.TrimSuffix(filepath.Base(test.context), ".json") })
			want := strings.ReplaceAll(test.want, "OTHERS", strings.Join(others, ", "))
			if got := connFails(t, connPatience, args...); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	t.Run("two kinds of flags", func(t *testing.T) {
		got := connFails(t, connPatience, "--server", at, "--user", "sys", "--password", connPassword, "--creds", "/x")
		if want := "--user and --creds are credentials of different kinds: pass only one of them"; got != want {
			t.Errorf("got  %s", got)
		}
	})
}
