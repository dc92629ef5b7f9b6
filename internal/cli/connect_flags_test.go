package cli

import (
	"slices"
	"testing"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats-server/v2/server"
)

// The flags are those of nats 0.5.1, so that contexts, scripts and the host of
// plugins carry over.
func TestConnectFlags(t *testing.T) {
	app, c := fisk.New("test", ""), &connection{}
	c.flags(app)
	type flag struct {
		envar, initial string
		short          rune
		boolean        bool
		negatable      bool
		hidden         bool
	}
	want := map[string]flag{
		"server": {envar: "NATS_URL", short: 's'}, "user": {envar: "NATS_USER"}, "password": {envar: "NATS_PASSWORD"},
		"token": {envar: "NATS_TOKEN"}, "connection-name": {initial: "nats-balance " + Version()},
		"creds": {envar: "NATS_CREDS"}, "nkey": {envar: "NATS_NKEY"}, "jwt": {envar: "NATS_JWT"}, "seed": {envar: "NATS_SEED"},
		"tlscert": {envar: "NATS_CERT"}, "tlskey": {envar: "NATS_KEY"}, "tlsca": {envar: "NATS_CA"},
		"tlsfirst": {boolean: true, negatable: true}, "tls-first": {boolean: true, negatable: true, hidden: true},
		"timeout": {envar: "NATS_TIMEOUT", initial: "5s"}, "socks-proxy": {envar: "NATS_SOCKS_PROXY"}, "inbox-prefix": {},
		"colors": {envar: "NATS_COLOR"}, "context": {envar: "NATS_CONTEXT"},
		"trace": {boolean: true}, "no-context": {boolean: true},
	}
	for _, f := range app.Model().Flags {
		got := flag{envar: f.Envar, short: f.Short, boolean: f.Boolean, negatable: f.Negatable, hidden: f.Hidden}
		if len(f.Default) > 0 {
			got.initial = f.Default[0]
		}
		if w, ok := want[f.Name]; ok && got != w {
			t.Errorf("--%s is %+v, want %+v", f.Name, got, w)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestConnectName(t *testing.T) {
	connEnv(t)
	s := connServer(t, nil)
	args := []string{"--server", connAddr(s), "--user", "sys", "--password", connPassword}
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"default", "nats-balance " + Version(), nil},
		{"own", "auditor of the night", []string{"--connection-name", "auditor of the night"}},
		{"empty", "nats-balance " + Version(), []string{"--connection-name", " "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			nc := connOK(t, append(slices.Clone(args), test.args...)...)
			cid, _ := nc.GetClientID()
			z, err := s.Connz(&server.ConnzOptions{CID: cid})
			if err != nil || len(z.Conns) != 1 || z.Conns[0].Name != test.want {
				t.Errorf("the server sees %+v, %v, want the name %q", z, err, test.want)
			}
		})
	}
}
