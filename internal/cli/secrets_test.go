package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/words"
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
			if got := c.repeated(); !strings.Contains(got, flag+" "+words.Shell(location)) {
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
	missing, baseline := filepath.Join(t.TempDir(), "none.creds"), filepath.Join(t.TempDir(), "baseline.json")
	if err := os.WriteFile(baseline, []byte(`{"type":"`+report.ImpactType+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	server := []string{"audit", "concentration", "--no-context", "--timeout", "2s", "--server", "nats://127.0.0.1:1/?q=" + secret}
	for _, args := range [][]string{
		append(server, "--creds", "data:;base64,"+encoded), append(server, "--nkey", "data:;base64,"+encoded),
		append(server, "--creds", "data:;base64,%zz"+secret), append(server, "--nkey", "data:"+secret), append(server, "--creds", missing),
		append(server, "--creds", encoded), append(server, "--nkey", encoded), append(server, "--creds", "file://"+encoded), append(server, "--creds", "env://"+encoded), append(server, "--nkey", "op://"+encoded), append(server, "--creds", "nsc://"+encoded), append(server, "--nkey", "SUAB"+secret+"XYZ"),
		append(server, "--creds", strings.Repeat(encoded, 100)), append(server, "--tlsca", encoded), append(server, "--tlscert", encoded, "--tlskey", encoded),
		append(server, "--creds", "env://NONE_SUCH"), append(server, "--creds", "nsc://O/A/U"), append(server, "--token", secret), append(server, "--jwt", secret, "--seed", secret),
		append([]string{"--password", "a", secret}, server...), append([]string{"--password=a", secret}, server...), append(server, "--password", "a", secret),
		append(server, "--token", "--"+secret), append(server, "--password", "-"+secret), append(server, "--password", "a", "--"+secret), append(server, "--password=a", "--"+secret), append(server, "--creds", "a", secret),
		{"watch", "--listen-user", "u", "--listen-password", "correct", secret}, {"watch", "--listen-tlskey", "a", secret}, {"watch", "--tlskey", "a", secret},
		{"watch", "--socks-proxy", "a", secret}, {"watch", "--server", "a", secret}, {"watch", "-s", "a", "--no-context", secret}, {"audit", "concentration", "--monitor", "http://a", secret},
		{"watch", "NATS_PASSWORD=" + secret}, {"watch", "password=" + secret}, {"watch", "u:" + secret}, {"watch", secret + "@h"}, {"u:" + secret, "watch"},
		{"watch", "--password", "a", "b", secret}, {"watch", "--password", "a", `"` + secret}, {"--password", "a", `"` + secret}, {"watch", "--password", "a", "--tiemout=" + secret},
		{"watch", "--password", "a", "--" + secret, "--tiemout", "5s"},
		{"explain", "--password", "q", secret}, {"explain", "u:" + secret},
		{"impact", "--baseline", baseline, "--password", "q", secret}, {"impact", "--baseline", baseline, "u:" + secret + "@h"},
		{"audit", "urls", "--no-context", "--timeout", "2s", "--server", "nats://127.0.0.1:1?" + secret},
		{"audit", "concentration", "--no-context", "--timeout", "2s", "--server", "http://127.0.0.1:1?" + secret},
	} {
		var out, errs connOutput
		status := Run(args, &out, &errs)
		said := out.String() + errs.String()
		if strings.Contains(strings.Join(args, " "), missing) && !strings.Contains(said, missing) {
			t.Errorf("the path of a file is not shown: %s", said)
		}
		if status != ExitNotAudited && !slices.Contains(args, "urls") || strings.Contains(said, secret) || strings.Contains(said, encoded) || strings.Contains(said, secret[1:]) {
			t.Errorf("%q: status %d, %s", args, status, said)
		}
	}
}

// foundSource has a finding, and nothing more to tell.
type foundSource struct{ source.Source }

func (foundSource) Kind() source.Kind     { return system.Kind() }
func (foundSource) Limits() source.Limits { return source.Limits{} }
func (foundSource) Deployment(context.Context) (*checks.Deployment, error) {
	return incidentCluster(17, 1, 0), nil
}
func (foundSource) Details(context.Context, *checks.Deployment, []string) error { return nil }
func (foundSource) Connections(context.Context, *checks.Deployment, []source.Suspect) ([]source.Report, error) {
	return nil, nil
}
func (foundSource) Examine(_ context.Context, _ *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	out := make([]source.Report, len(of))
	for i := range out {
		out[i].Profile = &checks.Profile{}
	}
	return out, nil, nil
}

// No format shows a credential, of whatever kind, in the source, the hints of what
// clients use, or the commands that it prints.
func TestFormatsShowNoCredentials(t *testing.T) {
	t.Parallel()
	const secret = "S3cretPart0fIt"
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	data := "data:;base64," + encoded
	for kind, c := range map[string]struct {
		set   func(*connection)
		shows string // where it is, which may be shown
	}{
		"creds, data":        {func(c *connection) { c.Creds = data }, ""},
		"nkey, data":         {func(c *connection) { c.NKey = data }, ""},
		"creds, file":        {func(c *connection) { c.Creds = "/etc/a.creds" }, "/etc/a.creds"},
		"creds, environment": {func(c *connection) { c.Creds = "env://MY_CREDS" }, "env://MY_CREDS"},
		"creds, op":          {func(c *connection) { c.Creds = "op://vault/item" }, "op://vault/item"},
		"creds, nsc":         {func(c *connection) { c.Creds = "nsc://O/A/U" }, "nsc://O/A/U"},
		"nkey, op":           {func(c *connection) { c.NKey = "op://vault/item" }, "op://vault/item"},
		"token in the URL":   {func(c *connection) { c.Servers = "nats://" + secret + "@h.example:4222" }, ""},
		"password in it":     {func(c *connection) { c.Servers = "nats://me:" + secret + "@h.example:4222" }, ""},
		"token":              {func(c *connection) { c.Token = secret }, ""},
		"password":           {func(c *connection) { c.User, c.Password = "me", secret }, ""},
		"token as user":      {func(c *connection) { c.User = secret }, ""},
		"jwt and seed":       {func(c *connection) { c.JWT, c.Seed = secret, secret }, ""},
		"query of the URL":   {func(c *connection) { c.Servers = "nats://h.example:4222/?x=" + secret }, ""},
	} {
		conn := connection{}
		conn.Servers = "nats://h.example:4222"
		c.set(&conn)
		p := checks.Defaults()
		p.All = true
		result, err := audit.Audit(t.Context(), foundSource{}, audit.Request{Parameters: p, Causes: true, Timeout: time.Minute,
			Flags: conn.repeated(), Again: conn.repeated(), Connected: conn.Servers})
		if err != nil {
			t.Fatal(err)
		}
		doc := report.New(report.Input{Check: checks.Concentration(), SourceKind: system.Kind(), SourceDetail: []string{system.Shown(conn.Servers)}, Parameters: p,
			Deployment: result.Deployment, Result: result.Verdict, Lists: result.Lists, Warnings: result.Warnings,
			Explained: []report.Explained{report.Explained(result.Explained[0])}})
		shown := false
		for _, format := range report.Formats() {
			var out bytes.Buffer
			if err := report.Write(&out, doc, format, report.Style{}); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{secret, encoded, url.QueryEscape(secret)} {
				if strings.Contains(out.String(), part) {
					t.Errorf("%s: %s shows %q", kind, format, part)
				}
			}
			shown = shown || strings.Contains(out.String(), c.shows)
		}
		if !shown {
			t.Errorf("%s: no command has %s", kind, c.shows)
		}
	}
}

// A name is shown where it can't be part of a credential.
func TestNamesThatMayBeSecret(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"impact n1": true, "impact n1 --password x": true, "impact --json n1": true, "--password x impact --json n1": false, "impact -sx n1": false, "impact --creds=x n1": false,
	} {
		h := Host{args: strings.Fields(line)}
		if got := h.named("server", "n1"); strings.Contains(got, "n1") != want {
			t.Errorf("%s: %s", line, got)
		}
	}
	for _, word := range []string{"u:p", "a@b", "A=b"} {
		if got := (Host{}).named("server", word); strings.Contains(got, word) {
			t.Error(got)
		}
	}
}
