package lab_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// What is taken of MQTT over WebSocket: a server needs both listeners for it, and calls
// such a client "mqtt", as any other of MQTT.
func TestMQTTOverWebSocket(t *testing.T) {
	t.Parallel()
	c := cluster("C1", 2)
	c.WebSocket, c.MQTT = true, true
	c.Configure = func(i int, o *server.Options) {
		if i != 0 {
			o.MQTT.Port = 0
		}
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{c}, Accounts: []string{"APP"}})
	s := l.Server("C1-n1")

	if _, status := upgrade(t, l.Server("C1-n2"), "/mqtt"); status != http.StatusNotFound {
		t.Errorf("a server without MQTT answers %d", status)
	}
	if _, status := upgrade(t, l.Server("C1-n2"), "/"); status != http.StatusSwitchingProtocols {
		t.Errorf("to a client of NATS it answers %d", status)
	}

	conn, status := upgrade(t, s, "/mqtt")
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("a server with both listeners answers %d", status)
	}
	body := []byte("\x00\x04MQTT\x04\xC2\x00\x00") // 3.1.1, with a user and a password
	for _, text := range []string{"meter-1", lab.UserOf("APP"), lab.Password} {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(text))), text...) //nolint:gosec // short
	}
	packet := append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)
	if len(packet) > 125 {
		t.Fatalf("a packet of %d bytes needs a longer header", len(packet))
	}
	// The mask is zero: the payload is as it is.
	if _, err := conn.Write(append([]byte{0x82, 0x80 | byte(len(packet)), 0, 0, 0, 0}, packet...)); err != nil {
		t.Fatal(err)
	}
	var ack [6]byte // a header of two, and CONNACK
	if _, err := io.ReadFull(conn, ack[:]); err != nil || ack[2] != 0x20 || ack[5] != 0 {
		t.Fatalf("% x, %v", ack, err)
	}
	all := connz(t, s, "APP")
	if len(all) != 1 || all[0].Type != "mqtt" || all[0].MQTTClient != "meter-1" {
		t.Errorf("%+v", all)
	}
}

// upgrade asks a server for a WebSocket at a path.
func upgrade(t *testing.T, s *lab.Server, path string) (net.Conn, int) {
	t.Helper()
	_, at, _ := strings.Cut(s.WebSocketURL("APP"), "@")
	var d net.Dialer
	conn, err := d.DialContext(within(t), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: "+at+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: bmF0cy1iYWxhbmNlLWxhYg==\r\nSec-WebSocket-Version: 13\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return conn, response.StatusCode
}
