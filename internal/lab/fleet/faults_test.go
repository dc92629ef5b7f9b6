package fleet

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func TestSilenceAndTwice(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	n := smallFleet.Servers + 1
	f.Silence(2, Ping)
	f.AnswerTwice(3, Statz)
	f.Silence(-1, All)
	f.Silence(1<<20, All)
	for _, m := range ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", n-1) {
		var st server.ServerStatsMsg
		if err := json.Unmarshal(m.Data, &st); err != nil || st.Stats.ActiveServers != n {
			t.Error(err, st.Stats.ActiveServers)
		}
	}
	ask(t, nc, "$SYS.REQ.SERVER.PING.STATSZ", "", "", n-1)
	id := f.Truth().Servers[2].ID
	ask(t, nc, "$SYS.REQ.SERVER."+id+".STATSZ", "", "", 1) // only the broadcast is silent
	var seqs []uint64
	for _, m := range ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "snappy", n+1) {
		var r statzReply
		if err := json.Unmarshal(plainData(t, m), &r); err != nil {
			t.Fatal(err)
		}
		if r.Server.ID == f.Truth().Servers[3].ID {
			seqs = append(seqs, r.Server.Seq)
		}
	}
	if len(seqs) != 2 || seqs[0] >= seqs[1] {
		t.Error("sequence numbers", seqs)
	}
	f.Silence(2, Statsz|Statz)
	ask(t, nc, "$SYS.REQ.SERVER."+id+".STATSZ", "", "", 0)
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "snappy", n) // one silent, one twice
	f.ClearFaults()
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "snappy", n)
	ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", n)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	const d = time.Second
	f.Delay(4, Statz|Ping, d)
	id := f.Truth().Servers[4].ID
	for _, subject := range []string{"$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.SERVER.PING"} {
		sub, err := nc.SubscribeSync(nc.NewRespInbox())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := nc.PublishRequest(subject, sub.Subject, nil); err != nil {
			t.Fatal(err)
		}
		for i := range smallFleet.Servers + 1 {
			m, err := sub.NextMsg(30 * time.Second)
			if err != nil {
				t.Fatal(i, err)
			}
			var r struct{ Server server.ServerInfo }
			if err := json.Unmarshal(m.Data, &r); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); r.Server.ID == id && took < d {
				t.Errorf("%s: reply %d after %s", subject, i, took)
			}
		}
	}
}

func TestAppearLate(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	n := smallFleet.Servers + 1
	roster := func(want int) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for f.activeServers() != want && time.Now().Before(deadline) { // the carrier hears of it by and by
			time.Sleep(2 * time.Millisecond)
		}
		for _, m := range ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", want) {
			var st server.ServerStatsMsg
			if err := json.Unmarshal(m.Data, &st); err != nil || st.Stats.ActiveServers != want {
				t.Error(err, st.Server.Name, st.Stats.ActiveServers, want)
			}
		}
	}
	f.AppearLate(1, Statz)
	f.AppearLate(5, 0)
	roster(n - 2)
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "snappy", n-1)
	roster(n - 1)
	f.Appear(5)
	roster(n)
	f.AppearLate(5, Ping)
	f.ClearFaults()
	roster(n)
}

func TestForeign(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	n := smallFleet.Servers + 1
	f.Foreign(Statz)
	ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", n)
	known := map[string]bool{f.Truth().CarrierID: true}
	for _, s := range f.Truth().Servers {
		known[s.ID] = true
	}
	for _, accept := range []string{"", "snappy"} {
		strangers := 0
		for id, r := range decode(t, ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", accept, n+1), statzID) {
			if !known[id] {
				strangers++
				if r.Server.Name != "stranger" || len(r.Data.Accounts) != 1 || r.Data.Accounts[0].Conns != 1000 {
					t.Errorf("%+v", r)
				}
			}
		}
		if strangers != 1 {
			t.Error(strangers, "strangers")
		}
	}
	f.Foreign(All)
	ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", n+1)
	f.Foreign(0)
	ask(t, nc, "$SYS.REQ.SERVER.PING", "", "", n)
}

func TestGarble(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	const i = 6
	s := f.Truth().Servers[i]
	name := `{"server_name":"` + s.Name + `"}`
	snappyOf := func(m *nats.Msg) ([]byte, error) { return io.ReadAll(s2.NewReader(bytes.NewReader(m.Data))) }
	encoding := func(m *nats.Msg) string { return m.Header.Get("Content-Encoding") }
	isJSON := func(b []byte) bool { return json.Valid(b) }
	// Every check gets a reply to a STATZ request that accepts snappy.
	for how, check := range map[Garble]func(*nats.Msg) bool{
		GarbleNotJSON: func(m *nats.Msg) bool {
			b, err := snappyOf(m)
			return err == nil && len(b) > 0 && !isJSON(b)
		},
		GarbleTruncatedJSON: func(m *nats.Msg) bool {
			b, err := snappyOf(m)
			return err == nil && len(b) > 1000 && b[0] == '{' && !isJSON(b)
		},
		GarbleTruncatedSnappy: func(m *nats.Msg) bool {
			_, err := snappyOf(m)
			return err != nil && encoding(m) == "snappy"
		},
		GarbleWrongEncoding:   func(m *nats.Msg) bool { return isJSON(m.Data) && encoding(m) == "snappy" },
		GarbleUnknownEncoding: func(m *nats.Msg) bool { return isJSON(m.Data) && encoding(m) == "br" },
		GarbleError: func(m *nats.Msg) bool {
			var r statzReply
			return json.Unmarshal(m.Data, &r) == nil && r.Error != nil && r.Error.Code == 400 && r.Server.ID == s.ID &&
				r.Data == nil && m.Header == nil
		},
		GarbleEmpty: func(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header == nil },
		GarbleNoServer: func(m *nats.Msg) bool {
			b, err := snappyOf(m)
			var r statzReply
			return err == nil && json.Unmarshal(b, &r) == nil && r.Server == nil && len(r.Data.Accounts) > 0
		},
		GarbleEmptyServer: func(m *nats.Msg) bool {
			b, err := snappyOf(m)
			var r statzReply
			return err == nil && json.Unmarshal(b, &r) == nil && r.Server != nil && r.Server.ID == "" && len(r.Data.Accounts) > 0
		},
		GarbleGiant: func(m *nats.Msg) bool { return len(m.Data) > giant && encoding(m) == "" },
		GarbleBomb: func(m *nats.Msg) bool {
			n, err := io.Copy(io.Discard, s2.NewReader(bytes.NewReader(m.Data)))
			t.Logf("%d bytes become %d", len(m.Data), n)
			return err == nil && n > 250<<20 && len(m.Data) < 16<<20 && encoding(m) == "snappy"
		},
		GarbleNone: func(m *nats.Msg) bool {
			b, err := snappyOf(m)
			return err == nil && isJSON(b)
		},
	} {
		f.Garble(i, Statz|Ping, how)
		if m := askOne(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", name, "snappy"); !check(m) {
			t.Errorf("%d: %v %.200q", how, m.Header, m.Data)
		}
		m := askOne(t, nc, "$SYS.REQ.SERVER.PING", name, "snappy")
		var st server.ServerStatsMsg
		intact := m.Header == nil && json.Unmarshal(m.Data, &st) == nil && st.Server.ID == s.ID && st.Stats.ActiveServers > 0
		if intact != (how == GarbleNone) {
			t.Errorf("%d leaves PING as it was: %v %.200q", how, m.Header, m.Data)
		}
	}
}
