package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nuid"
)

// RawClients describes clients that speak the bare protocol: cheap enough to
// have thousands of, and free to claim any language and version. They answer
// the server's PING and stay until closed; one that the server closes is gone.
type RawClients struct {
	// Account is the account they belong to.
	Account string
	// Server is the server that they connect to.
	Server *Server
	// Count is their number.
	Count int
	// Name, Lang and Version are what they say about themselves, such as
	// "orders", "python3", "2.9.0".
	Name, Lang, Version string
	// Source is the loopback address that they connect from, "" for any.
	Source string
	// MQTT makes them MQTT 3.1.1 clients, on the server's MQTT listener; Lang
	// and Version are not said then, and Name is the start of the client id.
	MQTT bool
}

// rawConn is one raw client.
type rawConn struct {
	conn net.Conn
	done chan struct{} // closed when the connection is over
	once sync.Once
}

func (c *rawConn) close() { c.once.Do(func() { _ = c.conn.Close() }) }

func (c *rawConn) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// ConnectRaw connects raw clients and returns when the server has accepted all
// of them. Errors and lifetime are as for [Lab.Connect].
func (l *Lab) ConnectRaw(ctx context.Context, c RawClients) (*Group, error) {
	if c.Server == nil || c.Count < 1 || c.Source != "" && !isLoopback(c.Source) {
		return nil, errors.New("lab: raw clients need a server, a count and, if any, a loopback source")
	}
	address, hello := c.Server.Addr(), natsHello
	if c.MQTT {
		if address, hello = c.Server.MQTTAddr(), mqttHello; address == "" {
			return nil, fmt.Errorf("lab: server %s has no MQTT listener", c.Server.Name())
		}
	}
	g := &Group{account: c.Account}
	d := dialer{life: l.life, source: c.Source}
	err := each(ctx, c.Count, func(ctx context.Context, _ int) error {
		conn, err := d.dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		// What has to be interrupted is reads and writes: closing does it.
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		_ = conn.SetDeadline(time.Now().Add(patience))
		r := bufio.NewReaderSize(conn, 1<<10)
		if err := hello(conn, r, c); err != nil {
			_ = conn.Close()
			return fmt.Errorf("server %s: %w", c.Server.Name(), err)
		}
		_ = conn.SetDeadline(time.Time{})
		rc := &rawConn{conn: conn, done: make(chan struct{})}
		go rc.serve(r, c.MQTT)
		g.mu.Lock()
		g.raw = append(g.raw, rc)
		g.mu.Unlock()
		return nil
	})
	return l.keep(g, err)
}

// serve answers PINGs until the connection ends, by either side.
func (c *rawConn) serve(r *bufio.Reader, mqtt bool) {
	defer close(c.done)
	defer c.close()
	if mqtt {
		// With keep-alive 0 the server expects nothing and sends nothing.
		_, _ = io.Copy(io.Discard, r)
		return
	}
	for {
		line, err := readLine(r)
		if err != nil {
			return
		}
		if bytes.Equal(line, []byte("PING")) {
			if _, err := io.WriteString(c.conn, "PONG\r\n"); err != nil {
				return
			}
		}
	}
}

// natsHello is the exchange that opens a connection: INFO, CONNECT, PONG.
func natsHello(w io.Writer, r *bufio.Reader, c RawClients) error {
	line, err := readLine(r)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("INFO ")) {
		return fmt.Errorf("said %q instead of INFO", line)
	}
	hello, err := json.Marshal(struct {
		User     string `json:"user"`
		Pass     string `json:"pass"`
		Name     string `json:"name,omitempty"`
		Lang     string `json:"lang,omitempty"`
		Version  string `json:"version,omitempty"`
		Protocol int    `json:"protocol"`
		Verbose  bool   `json:"verbose"`
		Pedantic bool   `json:"pedantic"`
	}{User: UserOf(c.Account), Pass: Password, Name: c.Name, Lang: c.Lang, Version: c.Version, Protocol: 1})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "CONNECT %s\r\nPING\r\n", hello); err != nil {
		return err
	}
	for {
		if line, err = readLine(r); err != nil {
			return err
		}
		switch {
		case bytes.Equal(line, []byte("PONG")):
			return nil
		case bytes.HasPrefix(line, []byte("-ERR ")):
			return fmt.Errorf("refused the client: %s", line[len("-ERR "):])
		case bytes.Equal(line, []byte("PING")):
			if _, err := io.WriteString(w, "PONG\r\n"); err != nil {
				return err
			}
		}
	}
}

// readLine returns the next line without its end; of a line longer than the
// reader's buffer, such as INFO of a large cluster, only the beginning.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, more, err := r.ReadLine()
	if err != nil || !more {
		return line, err
	}
	line = bytes.Clone(line)
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return line, err
}

// mqttHello sends MQTT's CONNECT (3.1.1, section 3.1) and reads CONNACK.
func mqttHello(w io.Writer, r *bufio.Reader, c RawClients) error {
	const (
		connect, connAck = 0x10, 0x20
		cleanSession     = 0x02
		withCredentials  = 0xC0
		level311         = 4
	)
	body := mqttString(nil, "MQTT")
	body = append(body, level311, cleanSession|withCredentials, 0, 0) // keep-alive 0: none
	// A server drops the client that had the id before, so none may come twice.
	for _, s := range []string{c.Name + nuid.Next(), UserOf(c.Account), Password} {
		body = mqttString(body, s)
	}
	packet := append(binary.AppendUvarint([]byte{connect}, uint64(len(body))), body...)
	if _, err := w.Write(packet); err != nil {
		return err
	}
	var ack [4]byte
	if _, err := io.ReadFull(r, ack[:]); err != nil {
		return fmt.Errorf("no CONNACK: %w", err)
	}
	if ack[0] != connAck || ack[3] != 0 {
		return fmt.Errorf("refused the MQTT client: return code %d", ack[3])
	}
	return nil
}

func mqttString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
