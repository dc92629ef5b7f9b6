package cli

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

// What a flag or a variable has of credentials is repeated where it says where
// they are, and never where it is them.
func TestRepeatedFlagsShowNoCredentials(t *testing.T) {
	t.Parallel()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	jwt := "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJY.c2lnbmF0dXJl"
	creds := "-----BEGIN NATS USER JWT-----\n" + jwt + "\n------END NATS USER JWT------\n" + string(seed) + "\n"
	secrets := []string{
		"data:;base64," + base64.StdEncoding.EncodeToString([]byte(creds)), "DATA:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(seed),
		" data:;base64,eA==", "data:x", creds, string(seed), jwt, "file:///x/" + string(seed),
	}
	for flag, set := range map[string]func(*connection, string){
		"--creds": func(c *connection, v string) { c.Creds = v }, "--nkey": func(c *connection, v string) { c.NKey = v },
		"--tlskey": func(c *connection, v string) { c.TLSKey = v }, "--tlscert": func(c *connection, v string) { c.TLSCert = v }, "--tlsca": func(c *connection, v string) { c.TLSCA = v },
	} {
		for _, location := range []string{"/etc/a.creds", "file:///etc/a.creds", "env://NAME", "op://vault/item/field", "nsc://O/A/U", `C:\a.creds`, "data/a.creds"} {
			c := connection{}
			c.Servers = "nats://h"
			set(&c, location)
			if got := c.repeated(); !strings.Contains(got, flag+" "+quote(location)) {
				t.Errorf("%s %s: %s", flag, location, got)
			}
		}
		for _, secret := range secrets {
			c := connection{}
			c.Servers = "nats://h"
			set(&c, secret)
			got := c.repeated()
			if !strings.Contains(got, flag+` "$NATS_`) || strings.Contains(got, secret) || strings.Contains(got, "base64") {
				t.Errorf("%s %q: %s", flag, secret, got)
			}
		}
	}
}

// Nor do errors show them: of credentials that can't be used, of a server that
// can't be reached, and of a command line that can't be parsed.
func TestErrorsShowNoCredentials(t *testing.T) {
	t.Parallel()
	const secret = "S3cretPart0fIt"
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	missing := filepath.Join(t.TempDir(), "none.creds")
	server := []string{"audit", "concentration", "--no-context", "--timeout", "2s", "--server", "nats://127.0.0.1:1/?q=" + secret}
	for _, args := range [][]string{
		append(server, "--creds", "data:;base64,"+encoded), append(server, "--nkey", "data:;base64,"+encoded),
		append(server, "--creds", "data:;base64,%zz"+secret), append(server, "--nkey", "data:"+secret), append(server, "--creds", missing),
		append(server, "--creds", "env://NONE_SUCH"), append(server, "--creds", "nsc://O/A/U"), append(server, "--token", secret), append(server, "--jwt", secret, "--seed", secret),
		append([]string{"--password", "a", secret}, server...), append([]string{"--password=a", secret}, server...), append(server, "--password", "a", secret),
		append(server, "--token", "--"+secret), append(server, "--password", "-"+secret), append(server, "--creds", "a", secret),
		{"audit", "urls", "--no-context", "--timeout", "2s", "--server", "nats://127.0.0.1:1?" + secret},
		{"audit", "concentration", "--no-context", "--timeout", "2s", "--server", "http://127.0.0.1:1?" + secret},
	} {
		var out, errs connOutput
		status := Run(args, &out, &errs)
		said := out.String() + errs.String()
		if status != ExitNotAudited && args[1] != "urls" || strings.Contains(said, secret) || strings.Contains(said, encoded) || strings.Contains(said, secret[1:]) {
			t.Errorf("%q: status %d, %s", args, status, said)
		}
	}
}
