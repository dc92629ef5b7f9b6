package clienturl

import (
	"path/filepath"
	"strings"
	"testing"
)

// A list of several statements or strings is one list, or incomplete: a part of it
// never passes for a list of its own.
func TestListsThatArePutTogether(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, text string
		want             []string
	}{
		{"shell adds to its variable", "a.sh", "SERVERS=\"nats://a\"\nSERVERS=\"$SERVERS,nats://b\"\n", []string{"1 a,b"}},
		{"shell adds in one line", "a.sh", "SERVERS=\"nats://a\"; SERVERS=\"${SERVERS},nats://b\"\n", []string{"1 a,b"}},
		{"shell adds with +=", "a.sh", "SERVERS=nats://a\nSERVERS+=,nats://b\n", []string{"1 a,b"}},
		{"shell adds on a condition", "a.sh", "S=\"nats://a\"\nif prod; then\n  S=\"$S,nats://b\"\nfi\n", []string{"1 a incomplete", "3 b incomplete", "1!", "3!", "3!"}},
		{"shell adds to another's variable", "a.sh", "SERVERS=\"$SERVERS,nats://b\"\n", []string{"1 b incomplete", "1!"}},
		{"shell goes on with a variable", "a.sh", "SERVERS=\"nats://a,$MORE\"\n", []string{"1 a incomplete", "1!"}},
		{"Python appends", "a.py", "SERVERS = [\"nats://a\"]\nSERVERS.append(\"nats://b\")\n", []string{"1 a,b"}},
		{"Python appends on a condition", "a.py", "SERVERS=[\"nats://a\"]\nif prod:\n    SERVERS.append(\"nats://b\")\n", []string{"1 a incomplete", "3 b incomplete", "1!", "3!"}},
		{"Python adds to lines", "a.py", "SERVERS = [\n  \"nats://a\",\n]\nSERVERS += [\"nats://b\"]\n", []string{"2 a,b"}},
		{"Python formats", "a.py", "nats_url = f\"{FIRST},nats://b\"\n", []string{"1 b incomplete", "1!"}},
		{"Python, in other functions", "a.py", "def a():\n    s = [\"nats://a\"]\n\ndef b():\n    s = []\n    s.append(\"nats://b\")\n", []string{"2 a", "6 b"}},
		{"Go appends", "a.go", "servers := []string{\"nats://a\"}\nservers = append(servers, \"nats://b\")\n", []string{"1 a,b"}},
		{"JavaScript concatenates", "a.js", "const s = \"nats://a,\" + \"nats://b\"\n", []string{"1 a,b"}},
		{"JavaScript concatenates over lines", "a.js", "const s = \"nats://a\" +\n  \",nats://b\"\n", []string{"1 a,b"}},
		{"JavaScript concatenates a variable", "a.js", "const s = \"nats://a,\" + other\nconst t = other + \",nats://b\"\n", []string{"1 a incomplete", "2 b incomplete", "1!", "2!"}},
		{"JavaScript fills in", "a.js", "const s = `nats://a,${other}`\n", []string{"1 a incomplete", "1!"}},
		{"JavaScript pushes", "a.js", "const s = [\"nats://a\"];\ns.push(\"nats://b\");\n", []string{"1 a,b"}},
		{"C joins strings", "a.c", "const char *s = \"nats://a,\" \"nats://b\";\n", []string{"1 a,b"}},
		{"PHP concatenates", "a.php", "$s = 'nats://a,' . 'nats://b';\n", []string{"1 a,b"}},
		{"two variables stay two", "a.sh", "A=nats://a\nB=nats://b\n", []string{"1 a", "2 b"}},
		{"a command's next word is not a list", "a.sh", "nats -s nats://a $SUBJECT\n", []string{"1 a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expect(t, tt.text, shapes(tt.file, tt.text), tt.want)
		})
	}
}

// The call that connects says that its string is a list, and the flags of `nats`
// whose it is.
func TestCallsAndCommandsThatConnect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, text string
		want             []string
	}{
		{"Go without a scheme", "a.go", "nc, err := nats.Connect(\"127.0.0.1:27113\", nats.UserInfo(\"iot\", \"i\"))\n", []string{"a.go:1 127.0.0.1:27113 user=iot"}},
		{"Go with names", "a.go", "nats.Connect(\"a.example:4222, b.example\")\n", []string{"a.go:1 a.example,b.example"}},
		{"Rust without a scheme", "a.rs", "let c = async_nats::connect(\"localhost\").await?;\n", []string{"a.rs:1 localhost"}},
		{"Python without a scheme", "a.py", "nc = await nats.connect(\"10.0.0.1:4222\")\n", []string{"a.py:1 10.0.0.1"}},
		{"C without a scheme", "a.c", "natsConnection_ConnectTo(&nc, \"a:4222\");\n", []string{"a.c:1 a"}},
		{"another client's call", "a.go", "redis.Connect(\"127.0.0.1:6379\") // not nats\n", nil},
		{"nats in a script", "a.sh", "nats -s nats://a:4222 --user billing --password b --connection-name cron-report pub x y\n", []string{"a.sh:1 a user=billing client=cron-report"}},
		{"nats over lines", "a.sh", "/usr/bin/nats pub x y \\\n  --connection-name=cron-report \\\n  --server nats://a:4222\n", []string{"a.sh:3 a client=cron-report"}},
		{"nats after another command", "a.sh", "nats -s nats://a:4222 req x; nats -s nats://b:4222 --connection-name b pub x\n", []string{"a.sh:1 a", "a.sh:1 b client=b"}},
		{"the user of docker", "a.sh", "docker run --user 1000 app --server nats://a:4222\n", []string{"a.sh:1 a"}},
		{"nats in a manifest", "a.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: report}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, command: [nats, -s, 'nats://a:4222', --connection-name, cron-report, pub]}]}}}}}\n",
			[]string{"CronJob report, argument -s (a.yaml:4) a client=cron-report workload=report"}},
		{"nats in the words of a shell", "a.yaml", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: report}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, args: [-c, 'nats -s nats://a:4222 --user u --connection-name=cron-report pub']}]}}}}}\n",
			[]string{"CronJob report, argument -s (a.yaml:4) a user=u client=cron-report workload=report"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{tt.file: tt.text})
			found, err := scanPath(t.Context(), "", root)
			if err != nil {
				t.Fatal(err)
			}
			got := showTied(root, found)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], root+string(filepath.Separator), "")
			}
			expect(t, tt.text, got, tt.want)
		})
	}
}
