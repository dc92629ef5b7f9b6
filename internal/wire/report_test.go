package wire

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// line is what is read of one account.
type line struct {
	id, name     string
	conns, leafs uint32
}

// decoded is what is read of a reply.
type decoded struct {
	from  Server
	lines []line
	err   string
}

func show(r Report, err error, in *Accounts) decoded {
	d := decoded{from: r.From}
	if err != nil {
		d.err = err.Error()
		return d
	}
	accounts := in.All()
	for _, u := range r.Usage {
		a := accounts[u.Account]
		d.lines = append(d.lines, line{a.ID, a.Name, u.Connections, u.Leafnodes})
	}
	return d
}

// same says whether a and b are the same but for the wording of errors: the
// JSON library's depends on where its buffer ends.
func same(a, b decoded) bool {
	return a.from == b.from && slices.Equal(a.lines, b.lines) && (a.err == "") == (b.err == "")
}

// read decodes a reply.
func read(d *Decoder, m *nats.Msg) decoded {
	in := NewAccounts()
	r, err := d.Report(context.Background(), m, in)
	return show(r, err, in)
}

// readBoth decodes a plain reply as it is done and with the JSON library alone,
// and makes sure that there is no difference.
func readBoth(t testing.TB, d *Decoder, data string) decoded {
	t.Helper()
	normal := read(d, &nats.Msg{Data: []byte(data)})
	if data == "" {
		return normal
	}
	// Not only as it is done, which goes the slow way where the fast one fails.
	in := NewAccounts()
	d.plain.Reset()
	d.plain.WriteString(data)
	r, err := d.fast(context.Background(), in)
	fast := show(r, err, in)

	in = NewAccounts()
	r, err = d.slow(context.Background(), nil, in)
	slow := show(r, err, in)
	if !same(normal, slow) || fast.err == "" && !same(fast, slow) {
		t.Errorf("of %.2000q\nnormally: %+v\nfast:     %+v\nslowly:   %+v", data, normal, fast, slow)
	}
	return normal
}

// agrees compares with a decoder that knows nothing of all this, where the
// reply is one on whose meaning all JSON libraries agree.
func agrees(t testing.TB, data string, got decoded) {
	t.Helper()
	type accounts struct {
		Accounts []*struct {
			ID    string   `json:"acc"`
			Name  string   `json:"name"`
			Conns *float64 `json:"conns"`
			Leafs float64  `json:"leafnodes"`
		} `json:"account_statz"`
	}
	var want struct {
		Server Server         `json:"server"`
		Data   *accounts      `json:"data"`
		Error  jsontext.Value `json:"error"`
	}
	if got.err != "" || json.Unmarshal([]byte(data), &want) != nil {
		return
	}
	if want.Server == (Server{}) { // a page
		var p struct {
			ID       string   `json:"server_id"`
			Accounts accounts `json:",inline"`
		}
		if json.Unmarshal([]byte(data), &p) != nil {
			return
		}
		want.Server.ID, want.Data = p.ID, &p.Accounts
	}
	if want.Data == nil || want.Error != nil || want.Server != got.from {
		t.Errorf("%.2000q is read as %+v", data, got)
		return
	}
	var lines []line
	for _, a := range want.Data.Accounts {
		if a == nil || a.Conns == nil || a.ID == "" {
			t.Errorf("%.2000q is read as %+v", data, got)
			return
		}
		if *a.Conns == 0 && a.Leafs == 0 {
			continue
		}
		l := line{a.ID, a.Name, uint32(*a.Conns), uint32(a.Leafs)}
		if l.name == "" {
			l.name = l.id
		}
		lines = append(lines, l)
	}
	if !reflect.DeepEqual(lines, got.lines) {
		t.Errorf("%.2000q is read as %+v, not %+v", data, got.lines, lines)
	}
}

// realReplies are what a real server answers: plain, compressed in both ways,
// with unused accounts, with one account.
func realReplies(t testing.TB) []*nats.Msg {
	t.Helper()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}, Accounts: []string{"APP", "a<b>&\"ü\\", "IDLE"}})
	for account, n := range map[string]int{"APP": 3, "a<b>&\"ü\\": 2} {
		if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: account, Server: l.Server("n1"), Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	var out []*nats.Msg
	for _, encoding := range []string{"", "snappy", "gzip", "identity"} {
		for _, body := range []string{"", `{"include_unused":true}`, `{"accounts":["APP"]}`} {
			m, err := nc.RequestMsgWithContext(sourcetest.Within(t), &nats.Msg{Subject: sysreq.AccountStatz, Data: []byte(body),
				Header: nats.Header{"Accept-Encoding": []string{encoding}}})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

// plainOf is a reply without its encoding.
func plainOf(t testing.TB, m *nats.Msg) string {
	t.Helper()
	r, err := NewDecoder().Open(m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRealReplies(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	encodings := map[string]int{}
	for i, m := range realReplies(t) {
		encodings[m.Header.Get("Content-Encoding")]++
		got := read(d, m)
		plain := plainOf(t, m)
		if again := readBoth(t, d, plain); !reflect.DeepEqual(again, got) {
			t.Errorf("%v: %+v, but plain %+v", m.Header, got, again)
		}
		agrees(t, plain, got)
		want := map[line]bool{{"APP", "APP", 3, 0}: true}
		if i%3 != 2 { // of all accounts
			want[line{"a<b>&\"ü\\", "a<b>&\"ü\\", 2, 0}] = true
			want[line{lab.SystemAccount, lab.SystemAccount, 1, 0}] = true
		}
		for _, l := range got.lines {
			if !want[l] {
				t.Errorf("%v: %+v", m.Header, l)
			}
		}
		if got.err != "" || len(got.lines) != len(want) || got.from.Name != "n1" || got.from.ID == "" {
			t.Errorf("%v: %+v of %s", m.Header, got, plain)
		}
		// No part of it is taken for the whole.
		for n := range len(m.Data) {
			if i%3 != 0 || i == 9 { // which are as the others
				break
			}
			part := &nats.Msg{Data: m.Data[:n], Header: m.Header}
			if cut := read(d, part); cut.err == "" || cut.from.ID != "" && cut.from.ID != got.from.ID {
				t.Fatalf("%v: %d of %d bytes are read as %+v", m.Header, n, len(m.Data), cut)
			}
		}
	}
	if len(encodings) != 4 {
		t.Errorf("content encodings %v, want the four that were asked for", encodings)
	}
}

const head = `{"server":{"id":"A","name":"n","host":"h","cluster":"C"},`

// reply is a reply with these rows, as a server writes it.
func reply(rows ...string) string {
	return head + `"data":{"server_id":"A","now":"2026-01-01T00:00:00Z","account_statz":[` + strings.Join(rows, ",") + `]}}`
}

// full is a row with all that nats-server 2.15 says.
func full(id string, conns, leafs int) string {
	const traffic = `{"msgs":1,"bytes":20,"gateways":{"msgs":0,"bytes":0},"routes":{"msgs":3,"bytes":4},"leafs":{"msgs":0,"bytes":0}}`
	return fmt.Sprintf(`{"acc":"%s","name":"%s","conns":%d,"leafnodes":%d,"total_conns":%d,"num_subscriptions":7,"sent":%s,"received":%s,"slow_consumers":0}`,
		id, id, conns, leafs, conns+leafs, traffic, traffic)
}

// replies are well-formed, each with what is read of it.
var replies = []struct {
	name, data string
	want       []line
}{
	{"as servers write it", reply(full("X", 1, 2), full("Y", 3, 0), full("Z", 0, 4)), []line{{"X", "X", 1, 2}, {"Y", "Y", 3, 0}, {"Z", "Z", 0, 4}}},
	{"one row", reply(full("X", 1, 2)), []line{{"X", "X", 1, 2}}},
	{"no rows", reply(), nil},
	{"unused accounts", reply(full("X", 0, 0), full("Y", 3, 0), full("Z", 0, 0)), []line{{"Y", "Y", 3, 0}}},
	{"an unused account, listed before", reply(full("X", 0, 0), full("X", 3, 0)), []line{{"X", "X", 3, 0}}},
	{"the most", reply(full("X", mostCount, mostCount), full("Y", mostCount, mostCount)), []line{{"X", "X", mostCount, mostCount}, {"Y", "Y", mostCount, mostCount}}},
	{"no name", reply(`{"acc":"X","conns":1,"leafnodes":0}`, `{"acc":"Y","name":"","conns":1,"leafnodes":0}`), []line{{"X", "X", 1, 0}, {"Y", "Y", 1, 0}}},
	{"no leafnodes", reply(`{"acc":"X","conns":1}`), []line{{"X", "X", 1, 0}}},
	{"name first", reply(full("W", 1, 0), `{"name":"x","acc":"X","conns":1,"leafnodes":0}`, full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"X", "x", 1, 0}, {"Z", "Z", 2, 0}}},
	{"another order", reply(`{"leafnodes":2,"slow_consumers":0,"conns":1,"name":"x","acc":"X"}`, full("Z", 2, 0)), []line{{"X", "x", 1, 2}, {"Z", "Z", 2, 0}}},
	{"space after a row", reply(full("X", 1, 0), " "+full("Y", 2, 0), full("Z", 3, 0)+"\n"), []line{{"X", "X", 1, 0}, {"Y", "Y", 2, 0}, {"Z", "Z", 3, 0}}},
	{"escapes in an id", reply(full("W", 1, 0), full(`X\u0059\"\\\/\n`, 1, 0), full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"XY\"\\/\n", "XY\"\\/\n", 1, 0}, {"Z", "Z", 2, 0}}},
	{"escapes only in the name", reply(`{"acc":"X","name":"\u003cx\u003e","conns":1,"leafnodes":0}`), []line{{"X", "<x>", 1, 0}}},
	{"a pair of surrogates", reply(full(`\ud83d\ude00`, 1, 0)), []line{{"😀", "😀", 1, 0}}},
	{"unicode", reply(full("Jürgen 😀", 1, 0), full("会計", 2, 0)), []line{{"Jürgen 😀", "Jürgen 😀", 1, 0}, {"会計", "会計", 2, 0}}},
	{"a name like a row", reply(full(`{\"acc\":\"`, 1, 0), full(`,{`, 2, 0), full(`\"account_statz\":[`, 3, 0)), []line{{`{"acc":"`, `{"acc":"`, 1, 0}, {",{", ",{", 2, 0}, {`"account_statz":[`, `"account_statz":[`, 3, 0}}},
	{"escapes in a field", reply(`{"\u0061cc":"X","c\u006fnns":1,"leafnode\u0073":2}`), []line{{"X", "X", 1, 2}}},
	{"unknown fields", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1,"peers":[{"acc":"P","conns":9},{"acc":"Q","conns":9}],"more":{"acc":"R","conns":5}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"rows within a row", reply(full("W", 1, 0), `{"peers":[`+full("P", 9, 0)+`,`+full("Q", 9, 0)+`],"acc":"X","conns":1}`, full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"another kind of counters", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"rate":-1.5e3,"text":"x","ok":true,"no":null,"empty":{}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"rows of several versions", reply(full("X", 1, 0), `{"acc":"Y","name":"Y","conns":1,"leafnodes":0,"total_conns":1,"sent":{"msgs":1}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Y", "Y", 1, 0}, {"Z", "Z", 2, 0}}},
	{"a list of the same name before", head + `"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]},"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"and an empty one that counts", head + `"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]},"data":{"account_statz":[]}}`, nil},
	{"a list of the same name outside of data", head + `"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `],"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"a list of the same name after", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"a name that ends like the list's", head + `"data":{"the \"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `],"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"the server last", `{"data":{"account_statz":[` + full("X", 1, 0) + `]},"server":{"cluster":"C","tags":["a",{"id":"B"}],"host":"h","name":"n","id":"A"}}`, []line{{"X", "X", 1, 0}}},
	{"data in two parts", head + `"data":{"now":1},"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"spaces all over", strings.NewReplacer(`{`, "{ \n", `:`, " : ", `,`, "\t, ", `[`, "\r[ ", `]`, " ]", `}`, " } ").Replace(reply(full("X", 1, 2), full("Y", 3, 0))) + " \n", []line{{"X", "X", 1, 2}, {"Y", "Y", 3, 0}}},
	{"nested deeply", head + `"x":` + strings.Repeat(`[{"a":`, 4000) + `1` + strings.Repeat(`}]`, 4000) + `,"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
}

func TestWellFormedReplies(t *testing.T) {
	t.Parallel()
	shared := NewDecoder() // as in a gathering, of many replies
	for _, c := range replies {
		for _, d := range []*Decoder{NewDecoder(), shared} {
			got := readBoth(t, d, c.data)
			want := decoded{from: Server{"A", "n", "h", "C"}, lines: c.want}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", c.name, got, want)
			}
			agrees(t, c.data, got)
		}
	}
}

// malformed replies, with a part of what is said of them.
var malformed = []struct{ name, data, want string }{
	{"nothing", ``, "it is empty"},
	{"space", ` `, "cut short"},
	{"no object", `[]`, "where an object belongs"},
	{"null", `null`, "where an object belongs"},
	{"text", `upstream connect error`, "malformed"},
	{"empty object", `{}`, "does not say which server"},
	{"no server", `{"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, "does not say which server"},
	{"server without id", `{"server":{"name":"n"},"data":{"account_statz":[]}}`, "does not say which server"},
	{"empty id", `{"server":{"id":"","name":"n"},"data":{"account_statz":[]}}`, "does not say which server"},
	{"server is null", `{"server":null,"data":{"account_statz":[]}}`, "null where an object belongs"},
	{"server is a list", `{"server":[],"data":{"account_statz":[]}}`, "where an object belongs"},
	{"id is a number", `{"server":{"id":5},"data":{"account_statz":[]}}`, "number where a string belongs"},
	{"id is null", `{"server":{"id":null},"data":{"account_statz":[]}}`, "null where a string belongs"},
	{"no data", head[:len(head)-1] + `}`, "neither accounts nor an error"},
	{"data is null", head + `"data":null}`, "null where an object belongs"},
	{"data is a list", head + `"data":[]}`, "where an object belongs"},
	{"data without accounts", head + `"data":{"now":1}}`, "neither accounts nor an error"},
	{"accounts are null", head + `"data":{"account_statz":null}}`, "null where the list of accounts belongs"},
	{"accounts are an object", head + `"data":{"account_statz":{}}}`, "where the list of accounts belongs"},
	{"accounts twice", head + `"data":{"account_statz":[` + full("X", 1, 0) + `],"account_statz":[` + full("Y", 1, 0) + `]}}`, "two lists"},
	{"accounts twice, one empty", head + `"data":{"account_statz":[` + full("X", 1, 0) + "," + full("Y", 1, 0) + `],"account_statz":[]}}`, "two lists"},
	{"data twice", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"data":{"account_statz":[]}}`, "two lists"},
	{"an error", head + `"error":{"code":500,"description":"busy \u0022now\""}}`, `it answered with error 500: busy "now"`},
	{"an error and data", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"error":{"code":500,"description":"busy"}}`, "it answered with error 500: busy"},
	{"an empty error", head + `"data":{"account_statz":[]},"error":{}}`, "it answered with error 0"},
	{"error is text", head + `"error":"busy"}`, "where an object belongs"},
	{"a row is null", reply(full("X", 1, 0), `null`), "null where an object belongs"},
	{"a row is text", reply(full("X", 1, 0), `"Y"`, full("Z", 1, 0)), "string where an object belongs"},
	{"a row is a list", reply(`[]`), "where an object belongs"},
	{"no id", reply(`{"name":"x","conns":1}`), "no id"},
	{"an empty id", reply(full("", 1, 0), full("Y", 1, 0)), "no id"},
	{"an empty id after another row", reply(full("Y", 1, 0), full("", 1, 0)), "no id"},
	{"an id that is null", reply(`{"acc":null,"conns":1}`), "null where a string belongs"},
	{"an id that is a number", reply(`{"acc":7,"conns":1}`), "number where a string belongs"},
	{"two ids", reply(`{"acc":"X","acc":"Y","conns":1}`), "its acc twice"},
	{"two ids, the first empty", reply(`{"acc":"","acc":"Y","conns":1}`), "its acc twice"},
	{"two ids at the ends", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"acc":"Y"}`, full("Z", 1, 0)), "its acc twice"},
	{"two names", reply(`{"name":"x","acc":"X","name":"y","conns":1}`), "its name twice"},
	{"a name that is an object", reply(`{"acc":"X","name":{},"conns":1}`), "where a string belongs"},
	{"no count", reply(`{"acc":"X","name":"X","leafnodes":0}`), "no count of connections"},
	{"two counts", reply(`{"acc":"X","name":"X","conns":1,"conns":1}`), "its conns twice"},
	{"two counts at the ends", reply(`{"acc":"X","name":"X","conns":0,"leafnodes":0,"total_conns":0,"conns":5}`, full("Z", 1, 0)), "its conns twice"},
	{"two counts of leafnodes", reply(`{"acc":"X","name":"X","conns":0,"leafnodes":0,"total_conns":0,"leafnodes":5}`, full("Z", 1, 0)), "its leafnodes twice"},
	{"a negative count", reply(full("X", -1, 0), full("Y", 1, 0)), "not a whole number"},
	{"a negative count of leafnodes", reply(full("X", 1, -1), full("Y", 1, 0)), "not a whole number"},
	{"a float", reply(`{"acc":"X","conns":1.0}`), "not a whole number"},
	{"an exponent", reply(`{"acc":"X","conns":1e3}`), "not a whole number"},
	{"minus zero", reply(`{"acc":"X","conns":-0}`), "not a whole number"},
	{"too large a count", reply(full("X", mostCount+1, 0), full("Y", 1, 0)), "not a whole number"},
	{"far too large a count", reply(`{"acc":"X","name":"X","conns":18446744073709551617,"leafnodes":0,"total_conns":0}`, full("Y", 1, 0)), "not a whole number"},
	{"a count that is null", reply(`{"acc":"X","conns":null}`), "not a whole number"},
	{"a count that is text", reply(`{"acc":"X","conns":"1"}`), "not a whole number"},
	{"a count that is a list", reply(`{"acc":"X","conns":[1]}`), "not a whole number"},
	{"a leading zero", reply(`{"acc":"X","name":"X","conns":01,"leafnodes":0,"total_conns":1}`, full("Y", 1, 0)), "malformed"},
	{"a leading zero that is not looked at", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":01}`, full("Y", 1, 0)), "malformed"},
	{"a counter that is nothing", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":}`, full("Y", 1, 0)), "malformed"},
	{"a counter that is rubbish", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1x}`, full("Y", 1, 0)), "malformed"},
	{"a row that does not end", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1`, full("Y", 1, 0)), "malformed"},
	{"a row that ends twice", reply(full("X", 1, 0)+"}", full("Y", 1, 0)), "malformed"},
	{"a comma after the last", reply(full("X", 1, 0), full("Y", 1, 0), ""), "malformed"},
	{"two commas", reply(full("X", 1, 0), "", full("Y", 1, 0)), "malformed"},
	{"no comma", reply(full("X", 1, 0) + full("Y", 1, 0)), "malformed"},
	{"a list that ends twice", reply(full("X", 1, 0), full("Y", 1, 0)+"]"), "malformed"},
	{"twice in a row", reply(full("X", 1, 0), full("X", 1, 0)), "lists an account twice"},
	{"twice far apart", reply(full("X", 1, 0), full("Y", 1, 0), full(`\u0058`, 0, 1)), "lists an account twice"},
	{"a control character", reply(full("X\n", 1, 0), full("Y", 1, 0)), "malformed"},
	{"half a surrogate", reply(full(`\ud83d`, 1, 0)), "malformed"},
	{"a bad escape", reply(full(`\x`, 1, 0)), "malformed"},
	{"more after the end", reply(full("X", 1, 0)) + `{}`, "more after its end"},
	{"rubbish after the end", reply(full("X", 1, 0)) + `x`, "malformed"},
	{"nested too deeply", head + `"x":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `,"data":{"account_statz":[]}}`, "malformed"},
	{"deep and endless", head + `"data":{"account_statz":[{"x":` + strings.Repeat(`[`, 100_000), "malformed"},
}

func TestMalformedReplies(t *testing.T) {
	t.Parallel()
	shared := NewDecoder()
	for _, c := range malformed {
		for _, d := range []*Decoder{NewDecoder(), shared} {
			got := readBoth(t, d, c.data)
			if !strings.Contains(got.err, c.want) || len(got.lines) > 0 {
				t.Errorf("%s: %+v, want …%s…", c.name, got, c.want)
			}
			if strings.HasPrefix(c.data, head) && got.from.ID != "A" {
				t.Errorf("%s: it does not say which server: %+v", c.name, got)
			}
		}
	}
	// After all of that, the decoder reads as ever.
	if got := readBoth(t, shared, reply(full("X", 1, 2))); !reflect.DeepEqual(got.lines, []line{{"X", "X", 1, 2}}) {
		t.Errorf("%+v", got)
	}
}
