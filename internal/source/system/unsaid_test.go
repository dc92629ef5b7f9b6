package system

import (
	"bytes"
	"net"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// Where nobody ever says as whom it is connected, everything else still counts, and
// this audit's connection is taken off the account that VARZ calls the system's.
func TestNobodySaysAsWhomItIsConnected(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4, "C1-n2": 1})
	elsewhere := bytes.Replace([]byte(sysreq.UserInfo), []byte("INFO"), []byte("LOST"), 1)
	listener := sourcetest.Connect(t, l.SystemURL())
	if _, err := listener.SubscribeSync(string(elsewhere)); err != nil { // who hears it says nothing
		t.Fatal(err)
	}
	if err := listener.Flush(); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, l.SystemURL(), nats.SetCustomDialer(misdirecting{from: []byte(sysreq.UserInfo), to: elsewhere}))
	d := audit(t, nc, source.Options{Timeout: sourcetest.Patient()})
	sourcetest.Complete(t, d, 3)
	if got := sourcetest.Connections(d, "APP"); got["C1/C1-n1"] != 4 || got["C1/C1-n2"] != 1 {
		t.Errorf("%v", got)
	}
	if got := sourcetest.Sum(valuesOf(sourcetest.Connections(d, "SYS"))); got != 1 {
		t.Errorf("SYS has %d connections besides this audit's, want the listener's alone", got)
	}
}

func valuesOf(counts map[string]int) (out []int) {
	for _, n := range counts {
		out = append(out, n)
	}
	return out
}

// misdirecting changes the subject of a question on its way.
type misdirecting struct{ from, to []byte }

func (m misdirecting) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	return &misdirected{conn, m}, err
}

type misdirected struct {
	net.Conn
	misdirecting
}

func (m *misdirected) Write(p []byte) (int, error) {
	if _, err := m.Conn.Write(bytes.ReplaceAll(p, m.from, m.to)); err != nil {
		return 0, err
	}
	return len(p), nil
}
