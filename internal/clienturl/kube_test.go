package clienturl

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// dump is what kubectl writes for eight clients in four namespaces, the servers
// and a scaler. payments has the credentials in a Secret.
func dump(t *testing.T) (text, account, creds string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "dump", "all.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	account, _, creds = user(t, true)
	return strings.Replace(string(raw), "@CREDS@", base64.StdEncoding.EncodeToString([]byte(creds)), 1), account, creds
}

// showTied is a list with its origin and everything that ties it.
func showTied(root string, found Found) []string {
	var out []string
	for _, l := range found.Lists {
		line := show(root, l)
		for _, tie := range [][2]string{{"user", l.User}, {"client", l.Client}, {"workload", l.Workload}} {
			if tie[1] != "" {
				line += " " + tie[0] + "=" + tie[1]
			}
		}
		out = append(out, line)
	}
	return out
}

func TestDumpOfEightClients(t *testing.T) {
	t.Parallel()
	text, account, creds := dump(t)
	const nats = ".nats-headless.nats.svc"
	want := []string{
		"Deployment shop/orders-api, env NATS_URL () nats-0" + nats + " user=orders workload=orders-api",
		"Deployment shop/payments, env NATS_SERVERS () nats-0" + nats + ",nats-1" + nats + ",nats-2" + nats + " account=" + account + " workload=payments",
		"Deployment logistics/shipping, file /app/config/application.yml of ConfigMap shipping-config () nats-0" + nats + ",nats-1" + nats + " ordered=yes user=shipping client=shipping-service workload=shipping",
		"StatefulSet finance/ledger, env LEDGER_NATS_HOST () nats-0" + nats + " user=ledger-s3cr3t-user-zq client=ledger-writer workload=ledger",
		"CronJob finance/nightly-report, env NATS_HOST () nats-2" + nats + " workload=nightly-report",
		"DaemonSet logging/fluent-bit, file /fluent-bit/etc/fluent-bit.conf of ConfigMap fluent-bit () nats-1" + nats + " workload=fluent-bit",
		"Deployment iot/telemetry-gateway, env NATS_MQTT_URL () mqtts://mqtt.nats.example:8883 client=telemetry-gateway workload=telemetry-gateway",
	}
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.MarshalIndent(tree, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"standard input": text, "JSON": string(asJSON), "documents": documents(t, tree)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := Scanner{Stdin: strings.NewReader(text)}.Scan(t.Context(), "", Stdin)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range showTied("", found) {
				before, rest, _ := strings.Cut(line, "(standard input:")
				_, after, _ := strings.Cut(rest, ")")
				got = append(got, before+"()"+after)
			}
			expect(t, "lists", got, want)
			expect(t, "warnings", found.Warnings, []string{
				"NATS_URL of Deployment shop/dashboard comes from Secret dashboard-nats, which is not in the input",
			})
			if found.Read.Tied != len(want) || found.Read.Incomplete != 0 || len(found.Read.Untied) != 0 {
				t.Errorf("read %+v", found.Read)
			}
			secret(t, found, creds)
		})
	}
}

// secret fails where anything for output has what only a Secret has. The user is
// for comparing, and not for output.
func secret(t *testing.T, found Found, creds string) {
	t.Helper()
	for i := range found.Lists {
		found.Lists[i].User = ""
	}
	all := fmt.Sprintf("%+v", found)
	for _, s := range []string{"s3cr3t", strings.Split(creds, "\n")[1], "BEGIN"} {
		if strings.Contains(all, s) {
			t.Errorf("%q of a Secret is in %s", s, all)
		}
	}
}

// documents is a list as documents of their own.
func documents(t *testing.T, tree any) string {
	t.Helper()
	var out strings.Builder
	for _, item := range tree.(map[string]any)["items"].([]any) {
		text, err := yaml.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n" + string(text))
	}
	return out.String()
}

func TestLinesOfADump(t *testing.T) {
	t.Parallel()
	text, _, _ := dump(t)
	found, err := Scanner{Stdin: strings.NewReader(text)}.Scan(t.Context(), "", Stdin)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	for _, l := range found.Lists {
		var n int
		if _, err := fmt.Sscanf(l.Origin[strings.LastIndex(l.Origin, "(standard input:"):], "(standard input:%d)", &n); err != nil {
			t.Fatal(err)
		}
		near := strings.Join(lines[max(0, n-2):n+1], "\n")
		if !strings.Contains(strings.ToLower(near), "nats") && !strings.Contains(near, "envFrom") && !strings.Contains(near, "name: ledger") && !strings.Contains(near, ".conf") && !strings.Contains(near, "application") && !strings.Contains(near, "report") {
			t.Errorf("%s: the lines there are\n%s", l.Origin, near)
		}
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string // in the folder: of testdata/cases
		want  []string
	}{
		{"hosts without a port in JavaScript", map[string]string{"app.js": "app.js"},
			[]string{"app.js:2 nats-b.example,nats-c.example,127.0.0.1:14221 client=orders"}},
		{"Url before Servers in Go", map[string]string{"main.go": "main.go.txt"},
			[]string{"main.go:7 127.0.0.1:14221,127.0.0.1:14222,127.0.0.1:14223 ordered=yes"}},
		{"the monitoring endpoint of a scaler", map[string]string{"deploy.yaml": "keda-deploy.yaml", "scaler.yaml": "keda-scaler.yaml"},
			[]string{"Deployment orders, env NATS_URL (deploy.yaml:11) 127.0.0.1:14221 workload=orders"}},
		{"routes in the environment of a server", map[string]string{"docker-compose.yml": "cluster-compose.yml"},
			[]string{"docker-compose.yml:10 127.0.0.1:14221 workload=orders"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for name, from := range tt.files {
				text, err := os.ReadFile(filepath.Join("testdata", "cases", from))
				if err != nil {
					t.Fatal(err)
				}
				files[name] = string(text)
			}
			root := write(t, files)
			found, err := scanPath(t.Context(), "", root)
			if err != nil {
				t.Fatal(err)
			}
			got := showTied(root, found)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], root+string(filepath.Separator), "")
			}
			expect(t, "lists", got, tt.want)
			if len(found.Warnings) > 0 {
				t.Errorf("warnings %q", found.Warnings)
			}
		})
	}
}

// What a workload refers to and was there, but not kept, is not told as missing.
func TestReferencesToWhatWasNotKept(t *testing.T) {
	t.Parallel()
	configMap := func(name, key, value string) string {
		return "- apiVersion: v1\n  data:\n    " + key + ": |\n      " + value + "\n  kind: ConfigMap\n  metadata:\n    labels:\n      name: other\n    name: " + name + "\n    namespace: shop\n"
	}
	lines := func(line string, size int) string { return strings.Repeat(line+"\n      ", size/(len(line)+7)) }
	deployment := func(name string, env ...string) string {
		return "- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    name: " + name + "\n    namespace: shop\n  spec:\n    template:\n      spec:\n        containers:\n        - " +
			strings.Join(env, "\n          ") + "\n"
	}
	ref := func(name, key string) string {
		return "env: [{name: NATS_URL, valueFrom: {configMapKeyRef: {name: " + name + ", key: " + key + "}}}]"
	}
	text := "apiVersion: v1\nitems:\n" +
		configMap("plain", "bus", "see the wiki") + configMap("long", "url", lines("no word of it", mostPlain+1)) + configMap("huge", "url", lines("nats://a", maxChunk)) +
		configMap("big", "url", lines("nats of no use", maxFile+maxFile/2)) +
		deployment("a", ref("plain", "bus")) + deployment("b", ref("long", "url")) + deployment("c", ref("huge", "url")) + deployment("d", ref("big", "url")) + deployment("e", ref("none", "url")) +
		deployment("f", "envFrom: [{secretRef: {name: nats}}, {configMapRef: {name: plain}}, {secretRef: {name: common}}]", "args: [--nats-url, nats://n1]") +
		"kind: List\n"
	found, err := Scanner{Stdin: strings.NewReader(text)}.Scan(t.Context(), "", Stdin)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range found.Warnings {
		if !strings.Contains(w, "document was not read") {
			got = append(got, w)
		}
	}
	expect(t, "warnings", got, []string{
		"NATS_URL of Deployment shop/a comes from ConfigMap plain, which has nothing that looks like a server list",
		"NATS_URL of Deployment shop/b comes from ConfigMap long, which is too large to be read",
		"NATS_URL of Deployment shop/c comes from ConfigMap huge, which is too large to be read",
		"NATS_URL of Deployment shop/d comes from key url of ConfigMap big, which is too large to be a list",
		"NATS_URL of Deployment shop/e comes from ConfigMap none, which is not in the input",
		"the environment of Deployment shop/f comes from Secret nats, which is not in the input",
		"the environment of these workloads may have more lists: Deployment shop/f, from ConfigMap plain, which has nothing that looks like a server list; Deployment shop/f, from Secret common, which is not in the input",
	})
}

// The memory for objects is bounded: what exceeds it is counted, and named where
// something refers to it.
func TestMoreObjectsThanAreKept(t *testing.T) {
	t.Parallel()
	o := object{kind: "ConfigMap", name: "c"}
	f := &fileReader{scan: &scan{}, result: &result{}}
	f.scan.stored.Store(maxStored - 100)
	f.store(&store{object: o, data: map[string]datum{"url": {text: "nats://a"}}}, 300)
	f.scan.stored.Store(maxStored * 2)
	f.store(&store{object: object{kind: "ConfigMap", name: "d"}}, 300)
	f.scan.runs.Store(maxWorkloads)
	roots, err := parseYAML([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a}]}\n"), 1)
	if err != nil || !f.object(roots[0]) {
		t.Fatal(err)
	}
	var c cluster
	c.add(*f.result)
	for name, want := range map[string]string{"c": unreadFull, "d": unreadFull} {
		if got := c.absent(c.find("", reference{name: name})); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	var warnings []string
	c.lists(func(w string) { warnings = append(warnings, w) })
	expect(t, "warnings", warnings, []string{"the input has more than 64 MiB of ConfigMaps and Secrets: some were not read", "the input has more than 64 MiB of workloads: 1 were not read"})
}
