package clienturl

import (
	"strings"
	"testing"
)

// What stands in one value of a document may be a document itself, and is read as
// what it is: none of its keys is a host.
func TestDocumentsInValues(t *testing.T) {
	t.Parallel()
	configMap := func(key, text string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  " + key + ": |\n    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
	}
	secret := func(key, text string) string {
		return strings.Replace(strings.Replace(configMap(key, text), "ConfigMap", "Secret", 1), "\ndata:", "\nstringData:", 1)
	}
	env := func(name, value string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: c, env: [{name: " + name + ", value: '" + value + "'}]}]}}}\n"
	}
	const flow, asJSON = "nats: {servers: [a:4222, b:4222]}", `{"nats":{"servers":["a:4222","b:4222"]}}`
	for _, tt := range []struct {
		name, file, text string
		want             []string
	}{
		{"YAML in YAML", "a.yaml", "config: |\n  nats:\n    servers: nats://a:4222\n  log: debug\n", []string{"a"}},
		{"YAML in YAML under the key of a server", "a.yaml", "nats:\n  server: |\n    nats:\n      servers: nats://a:4222\n", []string{"a"}},
		{"properties in YAML", "a.yaml", "config: |\n  nats.servers = nats://a:4222\n  log = debug\n", []string{"a"}},
		{"dotenv in YAML", "a.yaml", "config: |\n  NATS_URL=nats://a:4222,nats://b:4222\n  LOG=debug\n", []string{"a,b"}},
		{"a sentence in YAML", "a.yaml", "notes: |\n  connect to nats://a:4222\n  and log\n", []string{"a"}},
		{"a sentence in a line", "a.yaml", "nats:\n  description: worker connects to nats://a:4222, then logs\n", nil},
		{"hosts one a line", "a.yaml", "nats:\n  servers: |\n    a.example:4222\n    b.example:4222\n", []string{"a.example,b.example"}},
		{"hosts without a port one a line", "a.yaml", "nats:\n  servers: |\n    nats-a\n    nats-b\n", []string{"nats-a,nats-b"}},
		{"flow in a value", "a.yaml", "app: '" + flow + "'\n", []string{"a,b"}},
		{"flow in brackets in a value", "a.yaml", "app: '{" + flow + "}'\n", []string{"a,b"}},
		{"unmounted YAML", "a.yaml", configMap("application.yml", "nats:\n  servers: nats://127.0.0.1:27111"), []string{"127.0.0.1:27111"}},
		{"unmounted YAML without an extension", "a.yaml", configMap("app", "nats:\n  servers: nats://a:4222\nlog:\n  level: debug"), []string{"a"}},
		{"unmounted dotenv of one line", "a.yaml", secret(".env", "NATS_SERVERS=nats://u:p@a:4222,nats://u:p@b:4222\n"), []string{"a,b"}},
		{"unmounted JSON of one line", "a.yaml", configMap("config.json", asJSON), []string{"a,b"}},
		{"unmounted JSON without an extension", "a.yaml", configMap("config", asJSON), []string{"a,b"}},
		{"JSON in the environment", "a.yaml", env("SPRING_APPLICATION_JSON", asJSON), []string{"a,b"}},
		{"flow in the environment", "a.yaml", env("APP_CONFIG", flow), []string{"a,b"}},
		{"JSON in the environment of a service", "compose.yaml", "services:\n  web:\n    environment:\n      - 'APP=" + asJSON + "'\n", []string{"a,b"}},
		{"tables of TOML without an extension", "telegraf.conf", "[[outputs.nats]]\n  servers = [\"nats://a:4222\"]\n  name = \"telegraf-eu\"\n", []string{"a client=telegraf-eu"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{tt.file: tt.text})
			found, err := scanPath(t.Context(), "", root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, l := range found.Lists {
				l.Origin = ""
				line := strings.TrimSpace(show("", l))
				if l.Client != "" {
					line += " client=" + found.Lists[i].Client
				}
				got = append(got, line)
			}
			expect(t, tt.text, got, tt.want)
		})
	}
}

// The list of what has no replicas is found, and says that nobody uses it.
func TestListsThatNobodyUses(t *testing.T) {
	t.Parallel()
	const pod = "template: {spec: {containers: [{name: c, env: [{name: NATS_URL, value: 'nats://a'}]}]}}"
	for _, tt := range []struct{ name, text, want string }{
		{"a Deployment", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 0, " + pod + "}\n", "0 replicas"},
		{"a StatefulSet with one", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: d}\nspec: {replicas: 1, " + pod + "}\n", ""},
		{"a Deployment that says nothing", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {" + pod + "}\n", ""},
		{"a CronJob", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\nspec: {suspend: true, jobTemplate: {spec: {" + pod + "}}}\n", "suspended"},
		{"a service", "services:\n  d:\n    deploy: {replicas: 0}\n    environment: {NATS_URL: 'nats://a'}\n", "0 replicas"},
		{"a service that is scaled", "services:\n  d:\n    scale: 2\n    environment: {NATS_URL: 'nats://a'}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := scanPath(t.Context(), "", write(t, map[string]string{"a.yaml": tt.text}))
			if err != nil || len(found.Lists) != 1 {
				t.Fatalf("%+v, %v", found, err)
			}
			if got := found.Lists[0].Unused; got != tt.want {
				t.Errorf("unused %q, want %q", got, tt.want)
			}
		})
	}
}
