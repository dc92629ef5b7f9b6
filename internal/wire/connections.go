package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// PageSize is nats-server's default for a page of connections.
	PageSize = server.DefaultConnListSize
	// longestText is how many bytes are kept of what a client says of itself.
	longestText = 128
	// mostTags is how many tags are kept of a user or a server.
	mostTags = 64
	// mostTexts is how many bytes are kept of one connection, about: three times
	// what its tags and all its other texts have.
	mostTexts = 32 << 10
)

// Connection is what is used of a ConnInfo of nats-server. Its texts are of
// whoever connected: any bytes, cut to 128 of them. They change with the next
// connection.
type Connection struct {
	ID     uint64 // never used again while the server process lives
	Client bool   // plain, WebSocket or MQTT; no leafnode
	// Protocol is "nats", "mqtt" or "websocket"; a server of before 2.4 does not
	// tell it.
	Protocol   []byte
	Account    []byte // empty is $G
	Name, User []byte
	MQTTClient []byte // the client id of MQTT
	Language   []byte
	Version    []byte
	Tags       [][]byte
	Addr       netip.Addr // not valid where the server has none, as of a client in its own process
	Start      time.Time  // by the server's clock; zero where it can't be read
	// Idle is how long it neither sent nor got a message; 0 where not reported.
	Idle          time.Duration
	RTT           time.Duration
	Subscriptions uint32
	Pending       int64 // bytes that wait to be sent to the client
	TLS           bool
	// Stop and Reason are of a closed connection, by the server's clock and in its
	// words.
	Stop   time.Time
	Reason []byte

	active time.Time // the last time that it was not idle
	text   []byte    // holds the texts
}

// LoggedIn reports whether the connection shows a sign of a login. A server counts
// one of which it has not yet heard who it is as of $G, and knows nothing of it.
func (c *Connection) LoggedIn() bool {
	return len(c.User)+len(c.Name)+len(c.MQTTClient)+len(c.Language)+len(c.Version) > 0 || c.Subscriptions > 0
}

func (c *Connection) reset() {
	*c = Connection{text: c.text[:0], Tags: c.Tags[:0], Client: true}
}

// ErrOtherServer is of a message that is from another server than was asked.
var ErrOtherServer = errors.New("it is not from the server that was asked")

// Connections decodes a page of a CONNZ and hands over its connections one by
// one, so that memory does not grow with them. With an id it takes none but
// those of that server. It returns how many it handed over; an error may come
// after some. It ends with the context.
func (d *Decoder) Connections(ctx context.Context, body io.Reader, id string, take func(*Connection)) (int, error) {
	return d.page(ctx, body, connectionPage{d: d, id: id, take: take})
}

// Closed decodes a page of closed connections, which may come in any order, as
// Connections does.
func (d *Decoder) Closed(ctx context.Context, body io.Reader, id string, take func(*Connection)) (int, error) {
	return d.page(ctx, body, connectionPage{d: d, id: id, closed: true, take: take})
}

func (d *Decoder) page(ctx context.Context, body io.Reader, p connectionPage) (int, error) {
	d.Begin(ctx, body)
	err := d.Members(p.member)
	if err == nil {
		err = d.End()
	}
	switch {
	case errors.Is(err, ErrOtherServer):
		return p.n, ErrOtherServer
	case err != nil:
		return p.n, asMalformed(CutShort(err))
	case p.refused != nil:
		return p.n, p.refused
	case !p.answered:
		return p.n, errors.New("it has no data")
	case p.known && p.id != "" && p.from.ID == "":
		return p.n, errors.New("it does not say which server it is from")
	case p.says != nil && int(*p.says) != p.n:
		return p.n, fmt.Errorf("it lists %s connections, and says that it has %s", words.Count(p.n), words.Count(int(*p.says)))
	}
	return p.n, nil
}

// connectionPage is a page that is being read.
type connectionPage struct {
	d      *Decoder
	id     string
	closed bool // in any order
	take   func(*Connection)

	form     form
	from     Server
	now      time.Time
	n        int
	answered bool    // there is data
	says     *uint32 // how many it has; nil where it does not say
	listed   bool    // there is a list,
	known    bool    // of an account that the server knows
	refused  *Error
}

func (p *connectionPage) member(name []byte) error {
	switch string(name) {
	case "server":
		if err := p.form.reply(); err != nil {
			return err
		}
		if err := p.d.server(&p.from); err != nil {
			return err
		}
		if p.id != "" && p.from.ID != p.id {
			return ErrOtherServer
		}
		return nil
	case "data":
		if err := p.form.reply(); err != nil {
			return err
		}
		if p.d.json.PeekKind() == 'n' { // next to an error there is null
			return p.d.Skip()
		}
		if p.answered {
			return errors.New("it has its data twice")
		}
		p.answered = true
		return p.d.Members(p.content)
	case "error":
		p.refused = &Error{}
		return p.d.refusal(p.refused)
	case "server_id":
		if !p.form.page() {
			return p.d.Skip()
		}
		if err := p.d.String(&p.from.ID); err != nil {
			return err
		}
		// A page of an account that the server does not know has no id.
		if p.id != "" && p.from.ID != "" && p.from.ID != p.id {
			return ErrOtherServer
		}
		return nil
	case "now", "connections", "num_connections":
		if !p.form.page() {
			return p.d.Skip()
		}
		p.answered = p.answered || string(name) == "connections"
		return p.content(name)
	}
	return p.d.Skip()
}

// content reads a member of a Connz.
func (p *connectionPage) content(name []byte) error {
	switch string(name) {
	case "now":
		var text string
		if p.d.json.PeekKind() != '"' {
			return p.d.Skip()
		}
		err := p.d.String(&text)
		p.now, _ = time.Parse(time.RFC3339, text) // zero: not reported
		p.now = plausible(p.now)
		return err
	case "num_connections":
		if p.d.json.PeekKind() != '0' {
			return p.d.Skip()
		}
		p.says = new(uint32)
		return p.d.number(p.says)
	case "connections":
		if p.listed {
			return errors.New("it has two lists of connections")
		}
		p.listed = true
		// A server that does not know the account has null here.
		if p.d.json.PeekKind() == 'n' {
			return p.d.Skip()
		}
		p.known = true
		return p.connections()
	}
	return p.d.Skip()
}

func (p *connectionPage) connections() error {
	c, last := Connection{}, uint64(0)
	return p.d.Items(func() error {
		if p.id != "" && p.from.ID == "" {
			return errors.New("it has connections before it says which server it is from")
		}
		if p.n == PageSize {
			return errors.New("it has more connections than were asked for")
		}
		if err := p.d.connection(&c); err != nil {
			return err
		}
		if c.ID <= last && !p.closed {
			return errors.New("its connections have no ids or are out of order")
		}
		last = c.ID
		if !c.active.IsZero() && !p.now.IsZero() {
			c.Idle = max(0, p.now.Sub(c.active))
		}
		p.n++
		p.take(&c)
		return nil
	})
}

// connection reads a ConnInfo. What it needs not be there, or is of another
// kind in another version, is left out.
func (d *Decoder) connection(c *Connection) error {
	c.reset()
	return d.Members(func(name []byte) (err error) {
		var text []byte
		switch string(name) {
		case "cid":
			v, err := d.json.ReadValue()
			if err != nil {
				return err
			}
			if c.ID, err = strconv.ParseUint(string(v), 10, 64); err != nil {
				return errors.New("a connection has an id that is not a whole number")
			}
		case "subscriptions":
			return d.number(&c.Subscriptions)
		case "pending_bytes":
			v, err := d.json.ReadValue()
			if err != nil {
				return err
			}
			pending, _ := strconv.ParseInt(string(v), 10, 64) // 0: not reported
			c.Pending = max(0, pending)
		case "kind":
			text, err = d.short(c)
			c.Client = len(text) == 0 || string(text) == "Client"
		case "type":
			c.Protocol, err = d.short(c)
		case "name":
			c.Name, err = d.short(c)
		case "mqtt_client":
			c.MQTTClient, err = d.short(c)
		case "tls_version":
			text, err = d.short(c)
			c.TLS = len(text) > 0
		case "authorized_user":
			c.User, err = d.short(c)
		case "account":
			c.Account, err = d.short(c)
		case "lang":
			c.Language, err = d.short(c)
		case "version":
			c.Version, err = d.short(c)
		case "ip":
			text, err = d.short(c)
			c.Addr, _ = netip.ParseAddr(string(text)) // not valid: not known
			c.Addr = c.Addr.Unmap().WithZone("")
		case "start":
			return d.moment(c, &c.Start)
		case "stop":
			return d.moment(c, &c.Stop)
		case "reason":
			c.Reason, err = d.short(c)
		case "last_activity":
			return d.moment(c, &c.active)
		case "rtt":
			text, err = d.short(c)
			rtt, _ := time.ParseDuration(string(text)) // 0: not measured
			c.RTT = max(0, rtt)
		case "tags":
			c.Tags = c.Tags[:0]
			if d.json.PeekKind() != '[' {
				return d.Skip()
			}
			return d.Items(func() error {
				text, err := d.short(c)
				if err == nil && len(text) > 0 && len(c.Tags) < mostTags {
					c.Tags = append(c.Tags, text)
				}
				return err
			})
		default:
			return d.Skip()
		}
		return err
	})
}

// moment reads a time; it is zero for what is none.
func (d *Decoder) moment(c *Connection, at *time.Time) error {
	text, err := d.short(c)
	if at.UnmarshalText(text) != nil {
		*at = time.Time{}
	}
	*at = plausible(*at)
	return err
}

// short reads a text into c and cuts it; it is nil for what is not text, or more
// of it than a connection has.
func (d *Decoder) short(c *Connection) ([]byte, error) {
	if d.json.PeekKind() != '"' {
		return nil, d.Skip()
	}
	from := len(c.text)
	var err error
	c.text, err = d.appendString(c.text)
	if err != nil {
		return nil, err
	}
	if from > mostTexts {
		c.text = c.text[:from]
		return nil, nil
	}
	c.text = c.text[:min(len(c.text), from+longestText)]
	return c.text[from:len(c.text):len(c.text)], nil
}
