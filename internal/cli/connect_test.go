package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"
)

// What nothing of the tests of connecting may print, besides what connSecret
// adds. All is in mixed case, so that lower case of it would be missed.
const (
	connPassword = "Pa55-0f&sYs"
	connToken    = "T0ken-0f'sYs"
)

var connSecrets = struct {
	sync.Mutex
	all []string
}{all: []string{connPassword, connToken}}

func connSecret(secrets ...string) {
	connSecrets.Lock()
	defer connSecrets.Unlock()
	connSecrets.all = append(connSecrets.all, secrets...)
}

func connSafe(t *testing.T, output string) {
	t.Helper()
	connSecrets.Lock()
	defer connSecrets.Unlock()
	output = strings.ToLower(output)
	for _, s := range connSecrets.all {
		parts := []string{s}
		if half := len(s) / 2; half > 4 {
			parts = append(parts, s[:half], s[half:])
		}
		for _, part := range parts {
			if strings.Contains(output, strings.ToLower(part)) {
				t.Errorf("the output has %q of the secret %q: %s", part, s, output)
			}
		}
	}
}

// connOutput takes output from several goroutines, as a file does.
type connOutput struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *connOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *connOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// connSettings are settings of a connection, by name of the flag.
type connSettings map[string]string

// connNames are the other names of a setting: variable and key of a context.
var connNames = map[string][2]string{
	"server": {"NATS_URL", "url"}, "user": {"NATS_USER", "user"}, "password": {"NATS_PASSWORD", "password"},
	"token": {"NATS_TOKEN", "token"}, "creds": {"NATS_CREDS", "creds"}, "nkey": {"NATS_NKEY", "nkey"},
	"jwt": {"NATS_JWT", "user_jwt"}, "seed": {"NATS_SEED", "user_seed"}, "tlscert": {"NATS_CERT", "cert"},
	"tlskey": {"NATS_KEY", "key"}, "tlsca": {"NATS_CA", "ca"}, "tlsfirst": {"", "tls_first"},
	"timeout": {"NATS_TIMEOUT", ""}, "socks-proxy": {"NATS_SOCKS_PROXY", "socks_proxy"},
	"inbox-prefix": {"", "inbox_prefix"}, "colors": {"NATS_COLOR", "color_scheme"}, "context": {"NATS_CONTEXT", ""},
}

func (s connSettings) flags() []string {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		switch s[name] {
		case "true":
			args = append(args, "--"+name)
		default:
			args = append(args, "--"+name, s[name])
		}
	}
	return args
}

// context writes a context file.
func (s connSettings) context(t *testing.T, name string) {
	t.Helper()
	values := map[string]any{}
	for flag, value := range s {
		values[connNames[flag][1]] = value
		if value == "true" {
			values[connNames[flag][1]] = true
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	connFile(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context", name+".json"), string(data))
}

func connFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// connEnv gives the test an environment without NATS, an empty folder of
// contexts, and checks that it leaves nothing behind.
func connEnv(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	for _, names := range connNames {
		if names[0] != "" {
			t.Setenv(names[0], "")
		}
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

// connServer starts a server with a user of the system account, one of an
// ordinary account, and whatever configure adds.
func connServer(t *testing.T, configure func(*server.Options)) *server.Server {
	t.Helper()
	sys, app := server.NewAccount("SYS"), server.NewAccount("APP")
	o := &server.Options{
		ServerName: "n1", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, SystemAccount: "SYS",
		Accounts: []*server.Account{sys, app},
		Users: []*server.User{
			{Username: "sys", Password: connPassword, Account: sys},
			{Username: "app", Password: connPassword, Account: app},
		},
	}
	if configure != nil {
		configure(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

func connTokenServer(t *testing.T) *server.Server {
	t.Helper()
	return connServer(t, func(o *server.Options) {
		o.Accounts, o.Users, o.SystemAccount, o.Authorization = nil, nil, server.DEFAULT_GLOBAL_ACCOUNT, connToken
	})
}

func connAddr(s *server.Server) string { return s.Addr().String() }

// connTry parses the arguments and connects, with --trace.
func connTry(t *testing.T, args ...string) (*nats.Conn, error) {
	t.Helper()
	app, c := fisk.New("test", ""), &connection{}
	c.flags(app)
	app.Command("run", "")
	if _, err := app.Parse(append(slices.Clone(args), "run")); err != nil {
		t.Fatal(err)
	}
	var traced connOutput
	nc, err := c.connect(t.Context(), func(format string, args ...any) { fmt.Fprintln(&traced, line(fmt.Sprintf(format, args...))) })
	if err == nil {
		t.Cleanup(nc.Close)
	}
	connSafe(t, traced.String())
	if err == nil && !strings.Contains(traced.String(), "connected to ") {
		t.Errorf("the trace has no line on the connection: %q", traced.String())
	}
	return nc, err
}

// connOK connects and checks that the user is one of the system account.
func connOK(t *testing.T, args ...string) *nats.Conn {
	t.Helper()
	nc, err := connTry(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request("$SYS.REQ.SERVER.PING", nil, connPatience); err != nil {
		t.Fatalf("the system account does not answer: %v", err)
	}
	return nc
}

// connPatience is a time-out for what answers, long enough for a machine that
// is busy; what does not answer is waited for a second.
const connPatience = 30 * time.Second

// atOnce is what ends without being waited for takes at most, on a machine that is
// busy: the time-out is a minute.
const atOnce = 10 * time.Second

// patience is the timeout that a sentence mentions.
func patience(want string) time.Duration {
	if strings.Contains(want, "within 1s") {
		return time.Second
	}
	return connPatience
}

// connFails runs an audit that has to end with one sentence, and returns it.
// It runs it with --trace too, for secrets.
func connFails(t *testing.T, timeout time.Duration, args ...string) string {
	t.Helper()
	args = append([]string{"--timeout", timeout.String()}, append(slices.Clone(args), "audit", "concentration")...)
	traced := make(chan string)
	go func() {
		var all connOutput
		Run(append([]string{"--trace"}, args...), &all, &all)
		traced <- all.String()
	}()
	var out, errs connOutput
	start := time.Now()
	status := Run(args, &out, &errs)
	if took := time.Since(start); took > timeout+3*time.Second { // less than the 5 s without the flag
		t.Errorf("took %v with a time-out of %v", took, timeout)
	}
	said, isLine := strings.CutSuffix(errs.String(), "\n")
	said, isOurs := strings.CutPrefix(said, "nats-balance: ")
	if status != ExitNotAudited || out.String() != "" || !isLine || !isOurs || strings.Contains(said, "\n") {
		t.Errorf("status %d, stdout %q, stderr %q", status, out.String(), errs.String())
	}
	connSafe(t, out.String()+errs.String()+<-traced)
	return said
}

// A way to log in works the same as flags, as variables and in a context.
func TestConnectEachWay(t *testing.T) {
	connEnv(t)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := user.Seed()
	public, _ := user.PublicKey()
	connSecret(string(seed))
	plain := connServer(t, func(o *server.Options) {
		sys := o.Accounts[0]
		o.Nkeys = []*server.NkeyUser{{Nkey: public, Account: sys}}
		allow := func(subjects ...string) *server.SubjectPermission { return &server.SubjectPermission{Allow: subjects} }
		o.Users = append(o.Users, &server.User{Username: "narrow", Password: connPassword, Account: sys,
			Permissions: &server.Permissions{Publish: allow("$SYS.REQ.>"), Subscribe: allow("_MINE.>")}})
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true}
	})
	token := connTokenServer(t)
	ws := plain.WebsocketURL()
	ways := []struct {
		name     string
		settings connSettings
		flagOnly bool
	}{
		{name: "user and password", settings: connSettings{"server": connAddr(plain), "user": "sys", "password": connPassword}},
		{name: "user and password in the URL", settings: connSettings{"server": "nats://sys:" + connPassword + "@" + connAddr(plain)}},
		{name: "the same without a scheme", settings: connSettings{"server": "sys:" + connPassword + "@" + connAddr(plain)}},
		{name: "token", settings: connSettings{"server": connAddr(token), "token": connToken}},
		{name: "token in the URL", settings: connSettings{"server": "nats://" + connToken + "@" + connAddr(token)}},
		{name: "token as user", settings: connSettings{"server": connAddr(token), "user": connToken}, flagOnly: true},
		{name: "nkey", settings: connSettings{"server": connAddr(plain), "nkey": connFile(t, filepath.Join(t.TempDir(), "sys.nk"), string(seed))}},
		{name: "nkey as file://", settings: connSettings{"server": connAddr(plain), "nkey": "file://" + connFile(t, filepath.Join(t.TempDir(), "sys.nk"), string(seed))}},
		{name: "inbox prefix", settings: connSettings{"server": connAddr(plain), "user": "narrow", "password": connPassword, "inbox-prefix": "_MINE.inbox"}},
		{name: "WebSocket", settings: connSettings{"server": ws, "user": "sys", "password": connPassword}},
		{name: "WebSocket with credentials in the URL", settings: connSettings{"server": strings.Replace(ws, "//", "//sys:"+connPassword+"@", 1)}},
		{name: "spaces and empty entries", settings: connSettings{"server": " , " + connAddr(plain) + " ,,", "user": "sys", "password": connPassword}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) { connEachWay(t, way.settings, way.flagOnly) })
	}
}

// connEachWay logs in with flags, variables and a context.
func connEachWay(t *testing.T, settings connSettings, flagOnly bool) {
	t.Run("flags", func(t *testing.T) { connOK(t, settings.flags()...) })
	if flagOnly {
		return
	}
	t.Run("variables", func(t *testing.T) {
		rest := connSettings{}
		for name, value := range settings {
			if variable := connNames[name][0]; variable != "" {
				t.Setenv(variable, value)
			} else {
				rest[name] = value
			}
		}
		connOK(t, rest.flags()...)
	})
	t.Run("context", func(t *testing.T) {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir())
		settings.context(t, "sys")
		connOK(t, "--context", "sys")
		t.Setenv("NATS_CONTEXT", "sys")
		connOK(t)
	})
}

func TestConnectContexts(t *testing.T) {
	connEnv(t)
	s, other := connServer(t, nil), connServer(t, func(o *server.Options) { o.ServerName = "n2" })
	sys := connSettings{"server": connAddr(s), "user": "sys", "password": connPassword}
	sys.context(t, "sys")
	connSettings{"server": connAddr(s), "user": "app", "password": connPassword}.context(t, "app")
	connSettings{"server": "127.0.0.1:1", "user": "sys", "password": "wrong"}.context(t, "wrong")
	connSettings{"server": connAddr(s), "creds": "/none", "user": "sys", "password": connPassword}.context(t, "two")
	selected := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context.txt")
	file := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context", "sys.json")
	for _, test := range []struct {
		name, selected string
		args           []string
		server         string
	}{
		{"selected", "sys", nil, "n1"},
		{"named before selected", "wrong", []string{"--context", "sys"}, "n1"},
		{"a file", "", []string{"--context", file}, "n1"},
		{"server overridden", "sys", []string{"--server", connAddr(other)}, "n2"},
		{"all overridden", "wrong", sys.flags(), "n1"},
		{"password overridden", "wrong", []string{"--password", connPassword, "--server", connAddr(other)}, "n2"},
		{"user overridden", "app", []string{"--user", "sys", "--password", connPassword}, "n1"},
		{"overridden where there are two kinds", "two", []string{"--user", "sys", "--password", connPassword}, "n1"},
		{"none", "wrong", append([]string{"--no-context"}, sys.flags()...), "n1"},
		{"none, and one that does not exist", "nope", append([]string{"--no-context"}, sys.flags()...), "n1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			connFile(t, selected, test.selected)
			if nc := connOK(t, test.args...); nc.ConnectedServerName() != test.server {
				t.Errorf("connected to %s", nc.ConnectedServerName())
			}
		})
	}
}

// A reconnect, after the time to connect is over, finds the other servers of
// the list.
func TestConnectReconnects(t *testing.T) {
	connEnv(t)
	first, second := connServer(t, nil), connServer(t, func(o *server.Options) { o.ServerName = "n2" })
	nc := connOK(t, "--server", connAddr(first)+","+connAddr(second), "--user", "sys", "--password", connPassword, "--timeout", "2s")
	if nc.ConnectedServerName() != "n1" {
		t.Fatalf("connected to %s", nc.ConnectedServerName())
	}
	again := make(chan string, 1)
	nc.SetReconnectHandler(func(nc *nats.Conn) { again <- nc.ConnectedServerName() })
	first.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case name := <-again:
		if name != "n2" {
			t.Errorf("reconnected to %s", name)
		}
	case <-ctx.Done():
		t.Fatal("did not reconnect")
	}
	// What is read after it is no greeting, whose length is bounded.
	sub, err := nc.SubscribeSync("long")
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := nc.Publish("long", make([]byte, 900<<10)); err != nil {
			t.Fatal(err)
		}
		if _, err := sub.NextMsg(10 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
}
