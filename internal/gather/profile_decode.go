package gather

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
)

const (
	// longestText is how many bytes are kept of what a client says of itself.
	longestText = 128
	// mostTags is how many tags are kept of a user or a server.
	mostTags = 64
)

// connection is what is used of a ConnInfo of nats-server. Its texts are of
// whoever connected: any bytes, cut to longestText. They change with the next
// connection.
type connection struct {
	cid           uint64
	client        bool // plain, WebSocket or MQTT; no leafnode
	protocol      []byte
	name, user    []byte
	language      []byte
	version       []byte
	tags          [][]byte
	addr          netip.Addr // not valid where the server has none, as of a client in its own process
	start         time.Time  // by the server's clock; zero where it can't be read
	rtt           time.Duration
	subscriptions uint32

	text []byte // holds the texts
}

func (c *connection) reset() {
	*c = connection{text: c.text[:0], tags: c.tags[:0], client: true}
}

// page decodes a reply to CONNZ and hands over its connections one by one, so
// that memory does not grow with them. It returns how many it handed over; an
// error may come after some. It ends with the context.
func (d *decoder) page(ctx context.Context, m *nats.Msg, take func(*connection)) (int, error) {
	body, err := d.body(m)
	if err != nil {
		return 0, err
	}
	d.json.Reset(&bounded{ctx: ctx, r: body, json: d.json}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	n, answered := 0, false
	var refused *errorReply
	err = d.members(func(name []byte) error {
		switch string(name) {
		case "data":
			if d.json.PeekKind() == 'n' { // next to an error there is null
				return d.json.SkipValue()
			}
			if answered {
				return errors.New("it has its data twice")
			}
			answered = true
			return d.connz(&n, take)
		case "error":
			refused = &errorReply{}
			return d.refusal(refused)
		}
		return d.json.SkipValue()
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case err != nil:
		return n, fmt.Errorf("it is malformed: %w", cutShort(err))
	case refused != nil:
		return n, refused
	case !answered:
		return n, errors.New("it has no data")
	}
	return n, nil
}

// connz reads a Connz.
func (d *decoder) connz(n *int, take func(*connection)) error {
	listed := false
	return d.members(func(name []byte) error {
		if string(name) != "connections" {
			return d.json.SkipValue()
		}
		if listed {
			return errors.New("it has two lists of connections")
		}
		listed = true
		// A server that does not know the account has null here.
		if d.json.PeekKind() == 'n' {
			return d.json.SkipValue()
		}
		c, last := connection{}, uint64(0)
		return d.items(func() error {
			if *n == pageSize {
				return errors.New("it has more connections than were asked for")
			}
			if err := d.connection(&c); err != nil {
				return err
			}
			if c.cid <= last {
				return errors.New("its connections have no ids or are out of order")
			}
			last = c.cid
			*n++
			take(&c)
			return nil
		})
	})
}

// connection reads a ConnInfo. What it needs not be there, or is of another
// kind in another version, is left out.
func (d *decoder) connection(c *connection) error {
	c.reset()
	return d.members(func(name []byte) (err error) {
		var text []byte
		switch string(name) {
		case "cid":
			v, err := d.json.ReadValue()
			if err != nil {
				return err
			}
			if c.cid, err = strconv.ParseUint(string(v), 10, 64); err != nil {
				return errors.New("a connection has an id that is no whole number")
			}
		case "subscriptions":
			return d.number(&c.subscriptions)
		case "kind":
			text, err = d.short(c)
			c.client = len(text) == 0 || string(text) == "Client"
		case "type":
			c.protocol, err = d.short(c)
		case "name":
			c.name, err = d.short(c)
		case "authorized_user":
			c.user, err = d.short(c)
		case "lang":
			c.language, err = d.short(c)
		case "version":
			c.version, err = d.short(c)
		case "ip":
			text, err = d.short(c)
			c.addr, _ = netip.ParseAddr(string(text)) // not valid: not known
			c.addr = c.addr.Unmap().WithZone("")
		case "start":
			text, err = d.short(c)
			if c.start.UnmarshalText(text) != nil {
				c.start = time.Time{}
			}
		case "rtt":
			text, err = d.short(c)
			rtt, _ := time.ParseDuration(string(text)) // 0: not measured
			c.rtt = max(0, rtt)
		case "tags":
			c.tags = c.tags[:0]
			if d.json.PeekKind() != '[' {
				return d.json.SkipValue()
			}
			return d.items(func() error {
				text, err := d.short(c)
				if err == nil && len(text) > 0 && len(c.tags) < mostTags {
					c.tags = append(c.tags, text)
				}
				return err
			})
		default:
			return d.json.SkipValue()
		}
		return err
	})
}

// short reads a text into c and cuts it; it is nil for what is no text.
func (d *decoder) short(c *connection) ([]byte, error) {
	if d.json.PeekKind() != '"' {
		return nil, d.json.SkipValue()
	}
	from := len(c.text)
	var err error
	c.text, err = d.appendString(c.text)
	if err != nil {
		return nil, err
	}
	c.text = c.text[:min(len(c.text), from+longestText)]
	return c.text[from:len(c.text):len(c.text)], nil
}

// members reads an object, calling member for each of its names, which is only
// good until member reads the value.
func (d *decoder) members(member func(name []byte) error) error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '{' {
		return fmt.Errorf("it has %s where an object belongs", t.Kind())
	}
	for d.json.PeekKind() != '}' {
		if d.name, err = d.appendString(d.name[:0]); err != nil {
			return err
		}
		if err := member(d.name); err != nil {
			return err
		}
	}
	_, err = d.json.ReadToken()
	return err
}

// items reads an array, calling item to read each of its values.
func (d *decoder) items(item func() error) error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '[' {
		return fmt.Errorf("it has %s where a list belongs", t.Kind())
	}
	for d.json.PeekKind() != ']' {
		if err := item(); err != nil {
			return err
		}
	}
	_, err = d.json.ReadToken()
	return err
}
