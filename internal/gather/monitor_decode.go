package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/nats-balance/nats-balance/checks"
)

// Monitoring ports serve what servers answer to requests, without the envelope
// that says who it is from: a page has a server_id itself.

// errOtherServer is that two pages of a URL are of two servers.
var errOtherServer = errors.New("different servers answer at this URL, as of a load balancer or after a restart: pass the URL of each server itself")

// monitorVarz is what is used of /varz.
type monitorVarz struct {
	identity
	system      string
	start       time.Time
	connections int
	gateway     bool
	limit       *int
	details     *checks.Details // nil where there is not all that it takes
}

func decodeMonitorVarz(body []byte, asked, came time.Time) (monitorVarz, error) {
	var page struct {
		ID          string    `json:"server_id"`
		Name        string    `json:"server_name"`
		Host        string    `json:"host"`
		Start       time.Time `json:"start"`
		Connections *int      `json:"connections"`
		System      string    `json:"system_account"`
		Cluster     struct {
			Name string `json:"name"`
		} `json:"cluster"`
		Gateway struct {
			Name string `json:"name"`
		} `json:"gateway"`
		Leaf struct {
			Remotes []struct{} `json:"remotes"`
		} `json:"leaf"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return monitorVarz{}, malformedPage(err)
	}
	if page.ID == "" || page.Connections == nil || *page.Connections < 0 || *page.Connections > most {
		return monitorVarz{}, errors.New("it has no server_id or no count of connections: it is not from a nats-server")
	}
	v := monitorVarz{
		identity: identity{ID: page.ID, Name: page.Name, Host: page.Host, Cluster: page.Cluster.Name},
		system:   page.System, start: page.Start, connections: *page.Connections, gateway: page.Gateway.Name != "",
	}
	switch {
	case v.gateway:
		v.Cluster = page.Gateway.Name
	case v.Cluster == "" && len(page.Leaf.Remotes) > 0:
		// Elsewhere nats-server names the cluster of such a leaf as the leaf.
		v.Cluster = v.Name
	}
	reply, err := json.Marshal(struct {
		Server identity        `json:"server"`
		Data   json.RawMessage `json:"data"`
	}{v.identity, body})
	if err == nil {
		// What can't be read of the rest is not known, but the server is.
		v.limit, v.details, err = decodeDetails(reply, v.ID, asked, came)
	}
	if err != nil {
		v.limit, v.details = nil, nil
	}
	return v, nil
}

// malformedPage says so of a page.
func malformedPage(err error) error { return fmt.Errorf("it is malformed: %w", err) }

// monitorPeer is the other side of a route.
type monitorPeer struct {
	id, name string
	addr     netip.Addr // not valid where not told
}

// decodeMonitorRoutez reads /routez of the server with this id. Of several
// routes to a peer the first counts.
func decodeMonitorRoutez(body []byte, id string) ([]monitorPeer, error) {
	var page struct {
		ID     string `json:"server_id"`
		Routes []struct {
			ID   string `json:"remote_id"`
			Name string `json:"remote_name"`
			IP   string `json:"ip"`
		} `json:"routes"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, malformedPage(err)
	}
	if page.ID != id {
		return nil, errOtherServer
	}
	var out []monitorPeer
	seen := map[monitorPeer]bool{}
	for _, r := range page.Routes {
		addr, _ := netip.ParseAddr(r.IP) // not valid: not told
		p := monitorPeer{r.ID, r.Name, addr.Unmap().WithZone("")}
		// A peer that has not yet said who it is is no evidence.
		if p.id != "" && p.id != id && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	if len(out) > mostServers {
		return nil, errors.New("it has more peers than there can be")
	}
	return out, nil
}

// decodeMonitorGatewayz reads the names of the clusters that the server with
// this id has gateways to or from.
func decodeMonitorGatewayz(body []byte, id string) ([]string, error) {
	var page struct {
		ID       string              `json:"server_id"`
		Outbound map[string]struct{} `json:"outbound_gateways"`
		Inbound  map[string][]struct {
		} `json:"inbound_gateways"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, malformedPage(err)
	}
	if page.ID != id {
		return nil, errOtherServer
	}
	out := once(slices.AppendSeq(slices.Collect(maps.Keys(page.Outbound)), maps.Keys(page.Inbound)))
	out = slices.DeleteFunc(out, func(name string) bool { return name == "" })
	if len(out) > mostServers {
		return nil, errors.New("it has more gateways than there can be")
	}
	return out, nil
}

// decodeMonitorAccountz reads what a server says of an account, which is an
// error where it does not know it.
func decodeMonitorAccountz(body []byte, refused error, id, account string) (checks.AccountOn, error) {
	reply := struct {
		Server identity        `json:"server"`
		Data   json.RawMessage `json:"data,omitempty"`
		Error  *errorReply     `json:"error,omitempty"`
	}{Server: identity{ID: id}}
	var status *statusError
	switch {
	case errors.As(refused, &status) && status.code == http.StatusBadRequest && strings.Contains(status.text, "does not exist"):
		reply.Error = &errorReply{Code: status.code, Description: status.text}
	case refused != nil:
		return checks.AccountOn{}, refused
	default:
		var page struct {
			ID      string          `json:"server_id"`
			Account json.RawMessage `json:"account_detail"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return checks.AccountOn{}, malformedPage(err)
		}
		if page.ID != id {
			return checks.AccountOn{}, errOtherServer
		}
		reply.Data = page.Account
	}
	enveloped, err := json.Marshal(reply)
	if err != nil {
		return checks.AccountOn{}, malformedPage(err)
	}
	_, on, err := decodeInfo(enveloped, account)
	return on, err
}

// monitor makes the decoder read a page.
func (d *decoder) monitor(ctx context.Context, body io.Reader) {
	d.text, d.rows, d.cut = d.text[:0], d.rows[:0], 0
	d.json.Reset(&bounded{ctx: ctx, r: body, json: d.json}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// monitorReport reads /accstatz of the server with this id.
func (d *decoder) monitorReport(ctx context.Context, body io.Reader, id string, in *interner) ([]checks.Usage, error) {
	d.monitor(ctx, body)
	from, listed := "", false
	err := d.members(func(name []byte) error {
		switch string(name) {
		case "server_id":
			return d.string(&from)
		case "account_statz":
			if listed {
				return errors.New("it has two lists of accounts")
			}
			listed = true
			return d.accounts()
		}
		return d.json.SkipValue()
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case err != nil:
		return nil, malformedPage(cutShort(err))
	case !listed:
		return nil, errors.New("it has no accounts")
	case from != id:
		return nil, errOtherServer
	}
	usage := in.add(d.text, d.rows)
	return usage, d.onlyOnce(usage)
}

// monitorConnz reads a page of /connz of the server with this id and hands over
// its connections one by one, as page does.
func (d *decoder) monitorConnz(ctx context.Context, body io.Reader, id string, take func(*connection)) (n int, err error) {
	d.monitor(ctx, body)
	from, listed, known := "", false, true
	err = d.members(func(name []byte) error {
		switch string(name) {
		case "server_id":
			if err := d.string(&from); err != nil {
				return err
			}
			if from != "" && from != id {
				return errOtherServer
			}
			return nil
		case "connections":
			if listed {
				return errors.New("it has two lists of connections")
			}
			listed = true
			// A server that does not know the account has null here, and no id.
			if d.json.PeekKind() == 'n' {
				known = false
				return d.json.SkipValue()
			}
			c, last := connection{}, uint64(0)
			return d.items(func() error {
				if from == "" {
					return errors.New("it has connections before it says which server it is from")
				}
				if n == pageSize {
					return errors.New("it has more connections than were asked for")
				}
				if err := d.connection(&c); err != nil {
					return err
				}
				if c.cid <= last {
					return errors.New("its connections have no ids or are out of order")
				}
				last = c.cid
				n++
				take(&c)
				return nil
			})
		}
		return d.json.SkipValue()
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case errors.Is(err, errOtherServer):
		return n, errOtherServer
	case err != nil:
		return n, malformedPage(cutShort(err))
	case !listed:
		return n, errors.New("it has no connections")
	case from == "" && known:
		return n, errors.New("it does not say which server it is from")
	}
	return n, nil
}
