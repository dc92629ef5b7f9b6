package clienturl

import "testing"

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
		{"a command's next word is no list", "a.sh", "nats -s nats://a $SUBJECT\n", []string{"1 a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expect(t, tt.text, shapes(tt.file, tt.text), tt.want)
		})
	}
}
