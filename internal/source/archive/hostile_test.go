package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// written is an archive by the archive's own writer: answers by their tags.
func written(t testing.TB, add func(w *jsm.Writer) error) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.zip")
	w, err := jsm.NewWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(add(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// threeServers are answers of servers s1, s2 and s3 of C1, in which ORDERS has 12, 1 and 0
// connections.
func threeServers(w *jsm.Writer) error {
	var err error
	for i, n := range []int{12, 1, 0} {
		name := fmt.Sprintf("s%d", i+1)
		from := fmt.Sprintf(`"server":{"id":"N%d","name":%q,"cluster":"C1"}`, i+1, name)
		put := func(body string, tags ...*jsm.Tag) {
			tags = append(tags, jsm.TagServer(name), jsm.TagCluster("C1"))
			err = errors.Join(err, w.AddRaw(strings.NewReader(body), "json", tags...))
		}
		put(fmt.Sprintf(`{%s,"data":{"connections":%d,"system_account":"SYS"}}`, from, n), jsm.TagServerVars())
		put(fmt.Sprintf(`{%s,"data":{"accounts":["ORDERS","SYS"]}}`, from), jsm.TagServerAccounts())
		put(fmt.Sprintf(`{%s,"data":{"routes":[{"remote_id":"N%d"}]}}`, from, (i+1)%3+1), jsm.TagServerRoutes())
		put(fmt.Sprintf(`{%s,"data":{"account_name":"ORDERS","client_connections":%d}}`, from, n), jsm.TagAccount("ORDERS"), jsm.TagAccountInfo())
	}
	return err
}

// zipped is a zip file with these members, name by name.
func zipped(t testing.TB, members ...[2]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return stored(t, b.Bytes())
}

func stored(t testing.TB, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.zip")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tags is the manifest's entry of a member of a type.
func tags(kind string) string { return `[{"Name":"artifact_type","Value":"` + kind + `"}]` }

const (
	infoPage = "capture/accounts/ORDERS/servers/C1__s1/account_info/0001.json"
	varzPage = "capture/clusters/C1/s1/variables/0001.json"
)

func TestArchiveThatIsNone(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(written(t, threeServers))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	for i := range 200 {
		flipped[100+i] ^= 0x55
	}
	huge := strings.Repeat(" ", wire.LongestAnswer+1)
	manifest := func(entries string) [2]string { return [2]string{manifestName, entries} }
	for name, c := range map[string]struct{ file, says string }{
		"no such file":            {filepath.Join(t.TempDir(), "audit.zip"), "archive audit.zip: "},
		"a folder":                {t.TempDir(), "it is not a file"},
		"empty":                   {stored(t, nil), "it is not a zip file, or cut short"},
		"text":                    {stored(t, []byte("hello")), "it is not a zip file, or cut short"},
		"cut short":               {stored(t, good[:len(good)/2]), "it is not a zip file, or cut short"},
		"damaged":                 {stored(t, flipped), "archive audit.zip: "},
		"another zip":             {zipped(t, [2]string{"readme.txt", "hello"}), "it is a zip file without capture/misc/manifest.json"},
		"no JSON":                 {zipped(t, manifest("hello")), "its manifest can't be used"},
		"manifest cut short":      {zipped(t, [2]string{"a", ""}, manifest(`{"a":[`)), "its manifest can't be used: it is cut short"},
		"manifest of nothing":     {zipped(t, manifest(`{"a":[]}`)), `it lists "a", which is not there`},
		"members twice":           {zipped(t, manifest(`{}`), [2]string{"a", ""}, [2]string{"a", ""}), `it has "a" twice`},
		"listed twice":            {zipped(t, [2]string{"a", ""}, manifest(`{"a":[],"a":[]}`)), `it lists "a" twice`},
		"outside":                 {zipped(t, manifest(`{}`), [2]string{"capture/../../etc/passwd", ""}), "which nats audit gather does not write"},
		"absolute":                {zipped(t, manifest(`{}`), [2]string{"/etc/passwd", ""}), "which nats audit gather does not write"},
		"outside on Windows":      {zipped(t, manifest(`{}`), [2]string{`capture\..\..\x`, ""}), "which nats audit gather does not write"},
		"many tags":               {zipped(t, [2]string{"a", ""}, manifest(`{"a":[`+strings.Repeat("{},", 99)+`{}]}`)), "more than 8 tags"},
		"a bomb":                  {zipped(t, [2]string{varzPage, huge}, manifest(`{"`+varzPage+`":`+tags("variables")+`}`)), "more than the 16777216 that are read"},
		"a bomb in disguise":      {zipped(t, [2]string{varzPage, huge}, manifest(`{"`+varzPage+`":[{"nAme":"artifact_type","vALUE":"variables"}]}`)), "more than the 16777216 that are read"},
		"a manifest with a novel": {zipped(t, manifest(`{"`+strings.Repeat("a", 2*wire.LongestValue)+`":[]}`)), "larger than 1 MiB"},
		"an answer of nonsense":   {zipped(t, [2]string{infoPage, "x"}, manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "archive audit.zip: decode " + infoPage},
		"an answer cut short":     {zipped(t, [2]string{infoPage, `{"server":`}, manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "archive audit.zip: decode " + infoPage},
		"an answer of another":    {zipped(t, [2]string{infoPage, `{"x":1}`}, manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "account_info of a server: it has no server or no data"},
		"an answer in a list":     {zipped(t, [2]string{infoPage, `[]`}, manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "account_info of a server: "},
		"a count below zero": {zipped(t, [2]string{infoPage, `{"server":{"id":"N"},"data":{"account_name":"A","client_connections":-1}}`},
			manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "out of range"},
		"a count beyond belief": {zipped(t, [2]string{infoPage, `{"server":{"id":"N"},"data":{"account_name":"A","client_connections":4000000000}}`},
			manifest(`{"`+infoPage+`":`+tags("account_info")+`}`)), "out of range"},
		"an archive of nothing": {zipped(t, manifest(`{}`)), "it has no account information of any server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := readAll(t.Context(), c.file)
			if err == nil || !strings.HasPrefix(err.Error(), "archive "+filepath.Base(c.file)+": ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q", err, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000) {
				t.Errorf("no sentence: %v", err)
			}
		})
	}
	if err := readAll(t.Context(), stored(t, good)); err != nil {
		t.Errorf("the archive that others are made of: %v", err)
	}
}

// readAll does all that an audit does with an archive.
func readAll(ctx context.Context, file string) error {
	a, err := Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	d, err := a.Deployment(ctx)
	if err != nil {
		return err
	}
	r := checks.CheckConcentration(d, checks.Defaults())
	var of []source.Suspect
	for _, f := range r.Findings {
		of = append(of, source.Suspect{Account: f.Account.ID, Server: f.Server.ID, Cluster: f.Cluster})
	}
	if err := a.Details(ctx, d, []string{"C1"}); err != nil {
		return err
	}
	_, _, err = a.Examine(ctx, d, of)
	return err
}

func TestArchiveIsCounted(t *testing.T) {
	t.Parallel()
	a := openArchive(t, written(t, threeServers))
	d := modelOfArchive(t, a)
	sourcetest.Complete(t, d, 3)
	r := checks.CheckConcentration(d, checks.Defaults())
	if len(r.Findings) != 1 || r.Findings[0].OnServer != 12 || r.Findings[0].Connections != 13 {
		t.Errorf("findings %+v", r.Findings)
	}
	suspect := source.Suspect{Account: "ORDERS", Server: "N1", Cluster: "C1"}
	reports, on, err := a.Examine(sourcetest.Within(t), d, []source.Suspect{suspect})
	if err != nil {
		t.Fatal(err)
	}
	if p := reports[0].Profile; p.Whole || !strings.Contains(p.Note, "0 of 13 connections were read: s1 has no list of connections in the archive, and so it is with 1 more") || reports[0].Subscriptions != nil {
		t.Errorf("profile %+v", reports[0])
	}
	if on[suspect]["N3"].Usable != checks.Yes {
		t.Errorf("accounts %+v", on)
	}
}

// An account of which there is no count anywhere is open, and nothing else is:
// nats audit gather can't ask for one with a dot in its name.
func TestArchiveWithoutAnyCountOfAnAccount(t *testing.T) {
	t.Parallel()
	a := openArchive(t, written(t, func(w *jsm.Writer) error {
		err := threeServers(w)
		return errors.Join(err, w.AddRaw(strings.NewReader(`{"server":{"id":"N4","name":"s4","cluster":"C1"},"data":{"accounts":["ORDERS","eu.orders"]}}`), "json",
			jsm.TagServer("s4"), jsm.TagCluster("C1"), jsm.TagServerAccounts()),
			w.AddRaw(strings.NewReader(`{"server":{"id":"N4","name":"s4","cluster":"C1"},"data":{"account_name":"ORDERS","client_connections":0}}`), "json",
				jsm.TagServer("s4"), jsm.TagCluster("C1"), jsm.TagAccount("ORDERS"), jsm.TagAccountInfo()))
	}))
	d := modelOfArchive(t, a)
	sourcetest.Complete(t, d, 4)
	if len(d.Uncounted) != 1 || d.Accounts[d.Uncounted[0].Accounts[0]].ID != "eu.orders" || d.Uncounted[0].Cluster != "C1" || !strings.Contains(d.Uncounted[0].Reason, "no count of account eu.orders") {
		t.Errorf("uncounted %+v", d.Uncounted)
	}
	p := checks.Defaults()
	if r := checks.CheckConcentration(d, p); r.Outcome != checks.OutcomeIncomplete || len(r.Findings) != 1 || len(r.Open) != 1 || r.Open[0].Account.ID != "eu.orders" {
		t.Errorf("outcome %s, findings %+v, open %+v", r.Outcome, r.Findings, r.Open)
	}
	// What the others carry is not known then.
	if f := checks.CheckConcentration(d, p).Findings[0]; f.Hotspot != checks.Unknown || f.Impact.Survivors[0].After != nil || f.Impact.Stranded != nil {
		t.Errorf("hotspot %s, impact %+v", f.Hotspot, f.Impact)
	}
	p.Accounts = []string{"ORDERS"}
	if r := checks.CheckConcentration(d, p); r.Outcome != checks.OutcomeFinding {
		t.Errorf("outcome %s of ORDERS alone", r.Outcome)
	}
	if r := checks.CheckHotspots(d, checks.ClientConnections().Defaults()); r.Outcome != checks.OutcomeIncomplete {
		t.Errorf("outcome %s of hotspots", r.Outcome)
	}
}

// What a server lists and the archive does not count makes the server missing,
// with what it can have at most; what it does not list is not there.
func TestArchiveWithoutACount(t *testing.T) {
	t.Parallel()
	server := func(w *jsm.Writer, name, accounts string, counted ...string) error {
		from := fmt.Sprintf(`"server":{"id":"N-%s","name":%q,"cluster":"C1"}`, name, name)
		tags := []*jsm.Tag{jsm.TagServer(name), jsm.TagCluster("C1")}
		err := errors.Join(
			w.AddRaw(strings.NewReader(`{`+from+`,"data":{"connections":7}}`), "json", append(tags, jsm.TagServerVars())...),
			w.AddRaw(strings.NewReader(`{`+from+`,"data":{"accounts":[`+accounts+`]}}`), "json", append(tags, jsm.TagServerAccounts())...),
			w.AddRaw(strings.NewReader(`{`+from+`,"data":{"routes":[{"remote_id":"N-s1"},{"remote_id":"N-s2"}]}}`), "json", append(tags, jsm.TagServerRoutes())...))
		for _, account := range counted {
			err = errors.Join(err, w.AddRaw(strings.NewReader(`{`+from+`,"data":{"account_name":"`+account+`","client_connections":2}}`), "json",
				append(tags, jsm.TagAccount(account), jsm.TagAccountInfo())...))
		}
		return err
	}
	a := openArchive(t, written(t, func(w *jsm.Writer) error {
		return errors.Join(
			server(w, "s1", `"A","B"`, "A", "B"),
			server(w, "s2", `"A"`, "A"),
			server(w, "s3", `"A","B"`, "A"),
			server(w, "s5", `"A","B"`, "A"),
			w.AddRaw(strings.NewReader(`{"server":{"id":"N-s5"},"data":{"connections":[{"cid":1,"kind":"Client"},{"cid":2,"kind":"Leafnode"},{"cid":3}]}}`), "json",
				jsm.TagServer("s5"), jsm.TagCluster("C1"), jsm.TagAccount("B"), jsm.TagAccountConnections()),
			w.AddRaw(strings.NewReader(`{}`), "json", jsm.TagServer("s4"), jsm.TagCluster("C1"), jsm.TagServerHealth()),
		)
	}))
	d := modelOfArchive(t, a)
	if len(d.Servers) != 3 || len(d.Missing) != 2 || d.Expected != 5 {
		t.Fatalf("%d servers, missing %s", len(d.Servers), sourcetest.ShowMissing(d))
	}
	if got := sourcetest.Connections(d, "B")["C1/s5"]; got != 2 {
		t.Errorf("%d connections by the list, want 2", got)
	}
	sourcetest.Noted(t, d, "1 counts of an account on a server are by its list of connections")
	if m := d.Missing[0]; m.Name != "s3" || m.Bound == nil || *m.Bound != 7 || m.Reason != "the archive has no information of account B on it" {
		t.Errorf("missing %+v", m)
	}
	if m := d.Missing[1]; m.Name != "s4" || m.Bound != nil || !strings.Contains(m.Reason, "nothing that says who is connected") {
		t.Errorf("missing %+v", m)
	}
	suspect := source.Suspect{Account: "B", Server: "N-s1", Cluster: "C1"}
	_, on, err := a.Examine(sourcetest.Within(t), d, []source.Suspect{suspect})
	if err != nil || on[suspect]["N-s2"].Usable != checks.No || on[suspect]["N-s1"].Usable != checks.Yes {
		t.Errorf("%+v, %v", on, err)
	}
}

// Of two servers of one name nats audit gather keeps the counts of the first that
// answers: the other is missing, and not taken for it.
func TestArchiveOfServersOfOneName(t *testing.T) {
	t.Parallel()
	a := openArchive(t, written(t, func(w *jsm.Writer) (err error) {
		for _, id := range []string{"N1", "N2"} {
			from := fmt.Sprintf(`"server":{"id":%q,"name":"edge"}`, id)
			tags := []*jsm.Tag{jsm.TagServer("edge"), jsm.TagNoCluster()}
			err = errors.Join(err,
				w.AddRaw(strings.NewReader(`{`+from+`,"data":{"connections":9,"system_account":"SYS"}}`), "json", append(tags, jsm.TagServerVars())...),
				w.AddRaw(strings.NewReader(`{`+from+`,"data":{"accounts":["ORDERS","SYS"]}}`), "json", append(tags, jsm.TagServerAccounts())...))
			if id == "N1" {
				err = errors.Join(err, w.AddRaw(strings.NewReader(`{`+from+`,"data":{"account_name":"ORDERS","client_connections":8,"leafnode_connections":2}}`), "json",
					append(tags, jsm.TagAccount("ORDERS"), jsm.TagAccountInfo())...))
			}
		}
		return err
	}))
	d := modelOfArchive(t, a)
	if len(d.Servers) != 1 || d.Servers[0].ID != "N1" || d.Servers[0].Cluster != "" || sourcetest.Connections(d, "ORDERS")["edge"] != 8 || sourcetest.Leafnodes(d, "ORDERS")["edge"] != 2 {
		t.Errorf("servers %+v", d.Servers)
	}
	if m := sourcetest.OnlyMissing(t, d, "", "edge", "the archive has no account information of it"); m.ID != "N2" || m.Bound == nil || *m.Bound != 9 {
		t.Errorf("missing %+v", m)
	}
}

func TestArchiveWithinItsTime(t *testing.T) {
	t.Parallel()
	file := written(t, threeServers)
	over, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if err := readAll(over, file); err == nil || !strings.Contains(err.Error(), "pass a longer --timeout") {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := readAll(stopped, file); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A member that claims to be small and is not ends with an error at its claim.
func TestArchiveThatLiesAboutASize(t *testing.T) {
	t.Parallel()
	const claimed = 64
	content := strings.Repeat(" ", 64<<20)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var packed bytes.Buffer
	inner := zip.NewWriter(&packed)
	w, _ := inner.Create("x")
	_, _ = io.WriteString(w, content)
	_ = inner.Close()
	r, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := r.File[0].OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	header := &zip.FileHeader{Name: varzPage, Method: zip.Deflate, CRC32: r.File[0].CRC32, CompressedSize64: r.File[0].CompressedSize64, UncompressedSize64: claimed}
	out, err := z.CreateRaw(header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, raw); err != nil {
		t.Fatal(err)
	}
	manifest, err := z.Create(manifestName)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.NewEncoder(manifest).Encode(map[string]any{varzPage: []map[string]string{{"Name": "artifact_type", "Value": "variables"}}}), z.Close()); err != nil {
		t.Fatal(err)
	}
	file := stored(t, b.Bytes())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = readAll(t.Context(), file)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.HasPrefix(err.Error(), "archive audit.zip: ") {
		t.Error(err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; !sourcetest.RaceDetector && grown > 1<<30 {
		t.Errorf("%d MiB were allocated for it", grown>>20)
	}
}
