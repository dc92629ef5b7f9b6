package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// connOperator is a server in operator mode with users of its system account.
type connOperator struct {
	server  *server.Server
	account nkeys.KeyPair
	claims  *jwt.AccountClaims
}

// must takes what can't fail in a test.
func connMust[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func newConnOperator(t *testing.T, change func(*jwt.AccountClaims)) *connOperator {
	t.Helper()
	operator, account := connMust(nkeys.CreateOperator()), connMust(nkeys.CreateAccount())
	id := connMust(account.PublicKey())
	claims := jwt.NewOperatorClaims(connMust(operator.PublicKey()))
	claims.SystemAccount = id
	connMust(claims.Encode(operator))
	o := &connOperator{account: account, claims: jwt.NewAccountClaims(id)}
	o.claims.Name = "SYS"
	if change != nil {
		change(o.claims)
	}
	resolver := &server.MemAccResolver{}
	o.server = connServer(t, func(options *server.Options) {
		options.Accounts, options.Users, options.SystemAccount = nil, nil, id
		options.TrustedOperators, options.AccountResolver = []*jwt.OperatorClaims{claims}, resolver
		if err := resolver.Store(id, connMust(o.claims.Encode(operator))); err != nil {
			t.Fatal(err)
		}
	})
	return o
}

// user makes a user of the system account, as JWT and seed.
func (o *connOperator) user(change func(*jwt.UserClaims)) (token, seed string) {
	key := connMust(nkeys.CreateUser())
	claims := jwt.NewUserClaims(connMust(key.PublicKey()))
	if change != nil {
		change(claims)
	}
	token, seed = connMust(claims.Encode(o.account)), string(connMust(key.Seed()))
	connSecret(token, seed)
	return token, seed
}

func (o *connOperator) creds(t *testing.T, change func(*jwt.UserClaims)) string {
	t.Helper()
	token, seed := o.user(change)
	return connFile(t, filepath.Join(t.TempDir(), "sys.creds"), string(connMust(jwt.FormatUserConfig(token, []byte(seed)))))
}

func TestConnectOperatorMode(t *testing.T) {
	connEnv(t)
	o := newConnOperator(t, nil)
	at := connAddr(o.server)
	token, seed := o.user(nil)
	bearer, _ := o.user(func(c *jwt.UserClaims) { c.BearerToken = true })
	creds := o.creds(t, nil)
	t.Setenv("CONN_SEED", seed)
	t.Setenv("CONN_DIR", filepath.Dir(creds))
	for name, settings := range map[string]connSettings{
		"creds":             {"creds": creds},
		"creds as file://":  {"creds": "file://" + creds},
		"creds by variable": {"creds": "$CONN_DIR/sys.creds"},
		"jwt and seed":      {"jwt": token, "seed": seed},
		"jwt and seed as references": {
			"jwt": "file://" + connFile(t, filepath.Join(t.TempDir(), "sys.jwt"), token+"\n"), "seed": "env://CONN_SEED"},
		"jwt of a bearer": {"jwt": bearer},
	} {
		settings["server"] = at
		t.Run(name, func(t *testing.T) { connEachWay(t, settings, false) })
	}
	t.Run("creds before the user of the context", func(t *testing.T) {
		connSettings{"server": at, "user": "sys", "password": connPassword, "token": connToken}.context(t, "app")
		connOK(t, "--context", "app", "--creds", creds)
		connOK(t, "--context", "app", "--jwt", token, "--seed", seed)
		t.Setenv("NATS_USER", "somebody")
		t.Setenv("NATS_PASSWORD", connPassword)
		connOK(t, "--server", at, "--creds", creds)
	})
	t.Run("creds before the URL", func(t *testing.T) {
		connOK(t, "--server", "nats://x:"+connPassword+"@"+at, "--creds", creds)
	})
}

func TestConnectOperatorModeFailures(t *testing.T) {
	connEnv(t)
	var revoked string
	o := newConnOperator(t, nil)
	at := connAddr(o.server)
	token, seed := o.user(nil)
	other := newConnOperator(t, nil)
	expired := o.creds(t, func(c *jwt.UserClaims) {
		c.IssuedAt, c.Expires = time.Now().Add(-time.Hour).Unix(), time.Now().Add(-time.Minute).Unix()
	})
	revoked = o.creds(t, func(c *jwt.UserClaims) {
		account := connMust(o.server.LookupAccount(o.claims.Subject))
		o.claims.Revoke(c.Subject)
		o.server.UpdateAccountClaims(account, o.claims)
	})
	full := newConnOperator(t, func(c *jwt.AccountClaims) { c.Limits.Conn = 1 })
	fullCreds := full.creds(t, nil)
	connOK(t, "--server", connAddr(full.server), "--creds", fullCreds)
	dir := t.TempDir()
	file := func(name, text string) string { return connFile(t, filepath.Join(dir, name), text) }
	unreadable := file("unreadable.creds", "")
	if err := os.Chmod(unreadable, 0); err != nil {
		t.Fatal(err)
	}
	_, err := os.ReadFile(unreadable)
	canRead := err == nil // root can, and Windows has no such modes
	const creds = ": pass --creds FILE of a user of the system account"
	const existing = ": pass the path of an existing file with "
	const nkey = ": pass --nkey FILE with the seed of a user of the system account"
	const user = ": pass those of a user of the system account with --creds, --user and --password, --nkey, --token or --context"
	for name, test := range map[string]struct {
		args []string
		want string
		skip bool
	}{
		"expired":                {args: []string{"--creds", expired}, want: "nats://SERVER: refuses these credentials (creds " + expired + ": expired at TIME)" + user},
		"revoked":                {args: []string{"--creds", revoked}, want: "nats://SERVER: refuses these credentials (creds " + revoked + ": authorization violation)" + user},
		"of another operator":    {args: []string{"--creds", other.creds(t, nil)}, want: "nats://SERVER: refuses these credentials (creds CREDS: authorization violation)" + user},
		"account full":           {args: []string{"--server", connAddr(full.server), "--creds", fullCreds}, want: "nats://SERVER: the account of these credentials is at its limit of connections" + user},
		"none":                   {want: "nats://SERVER: asks for credentials, and there are none" + user},
		"jwt with another seed":  {args: []string{"--jwt", token, "--seed", string(connMust(connMust(nkeys.CreateUser()).Seed()))}, want: "nats://SERVER: refuses these credentials (the JWT: authorization violation)" + user},
		"jwt without seed":       {args: []string{"--jwt", token}, want: "a JWT without its seed proves nothing: pass --seed as well as --jwt, or --creds FILE of a user of the system account"},
		"jwt as a path":          {args: []string{"--jwt", expired, "--seed", seed}, want: "the JWT: can't be used (no user JWT in it): pass --jwt with the JWT itself or file://PATH"},
		"jwt in no file":         {args: []string{"--jwt", "file:///none/sys.jwt", "--seed", seed}, want: "the JWT: can't be read (no such file or directory)" + existing + "--jwt"},
		"seed as a path":         {args: []string{"--jwt", token, "--seed", expired}, want: "the seed: can't be used (illegal base32 data at input byte 0): pass --seed with the seed itself or file://PATH"},
		"creds missing":          {args: []string{"--creds", "/none/sys.creds"}, want: "creds /none/sys.creds: can't be read (no such file or directory)" + existing + "--creds"},
		"creds empty":            {args: []string{"--creds", file("empty.creds", "")}, want: "creds DIR/empty.creds: can't be used (no user JWT in it)" + creds},
		"creds garbage":          {args: []string{"--creds", file("garbage.creds", "\x00\xff garbage")}, want: "creds DIR/garbage.creds: can't be used (no user JWT in it)" + creds},
		"creds without a seed":   {args: []string{"--creds", file("seedless.creds", token)}, want: "creds DIR/seedless.creds: can't be used (no nkey seed found)" + creds},
		"creds a folder":         {args: []string{"--creds", dir}, want: "creds DIR: can't be read (is a directory)" + existing + "--creds"},
		"creds unreadable":       {args: []string{"--creds", unreadable}, want: "creds DIR/unreadable.creds: can't be read (permission denied)" + existing + "--creds", skip: canRead},
		"creds in place of path": {args: []string{"--creds", token + "\n" + seed}, want: "creds passed in place of a path: can't be read (file name too long)" + existing + "--creds"},
		"creds of no scheme":     {args: []string{"--creds", "vault://sys"}, want: `creds vault://sys: can't be used (creds: no resolver registered for scheme "vault")` + creds},
		"nkey missing":           {args: []string{"--nkey", "/none/sys.nk"}, want: "nkey /none/sys.nk: can't be read (no such file or directory)" + existing + "--nkey"},
		"nkey garbage":           {args: []string{"--nkey", file("garbage.nk", "garbage")}, want: "nkey DIR/garbage.nk: can't be used (no nkey seed found)" + nkey},
		"nkey broken":            {args: []string{"--nkey", file("broken.nk", "SUAGARBAGE")}, want: "nkey DIR/broken.nk: can't be used (invalid checksum)" + nkey},
		"nkey of an account":     {args: []string{"--nkey", file("account.nk", string(connMust(o.account.Seed())))}, want: "nkey DIR/account.nk: can't be used (Not a valid nkey user seed)" + nkey},
		"nkey in place of path":  {args: []string{"--nkey", seed}, want: "nkey passed in place of a path: can't be read (no such file or directory)" + existing + "--nkey"},
		"nkey unknown":           {args: []string{"--nkey", file("other.nk", seed)}, want: "nats://SERVER: refuses these credentials (nkey DIR/other.nk: authorization violation)" + user},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.skip || runtime.GOOS == "windows" && strings.Contains(test.want, "can't be read") {
				t.Skip("not on this system, or not as this user")
			}
			if !slices.Contains(test.args, "--server") {
				test.args = append(test.args, "--server", at)
			}
			got := connFails(t, connPatience, test.args...)
			got = strings.NewReplacer(at, "SERVER", connAddr(full.server), "SERVER", dir, "DIR").Replace(got)
			if strings.Contains(test.want, "TIME") {
				got = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(got, "TIME")
			}
			if strings.Contains(test.want, "CREDS") {
				got = strings.ReplaceAll(got, test.args[1], "CREDS")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
