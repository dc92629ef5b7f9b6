package lab

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
)

// CloseClients closes all clients of an account, and returns when no server
// counts one. When the context ends before, the error says which do.
func (l *Lab) CloseClients(ctx context.Context, account string) error {
	l.mu.Lock()
	groups := slices.Clone(l.clients)
	l.mu.Unlock()
	for _, g := range groups {
		if g.account == account {
			g.Close()
		}
	}
	none := make(map[string]int)
	for _, s := range l.servers {
		none[s.group.Name+"/"+s.name] = 0
	}
	return l.WaitCounts(ctx, account, none)
}

// Reload adds configuration, in the language of nats-server, to what the server
// has, and has the server take it over while it runs. What the server refuses it
// does not have afterwards.
func (s *Server) Reload(conf string) error {
	srv := s.Embedded()
	if srv == nil {
		return fmt.Errorf("lab: server %s is not running", s.name)
	}
	s.mu.Lock()
	before := s.conf
	s.conf = append(slices.Clone(before), conf)
	s.mu.Unlock()
	o, err := s.configured()
	if err == nil {
		err = srv.ReloadOptions(o)
	}
	if err != nil {
		s.mu.Lock()
		s.conf = before
		s.mu.Unlock()
		return fmt.Errorf("lab: server %s: reload: %w", s.name, err)
	}
	return nil
}

// Restart stops the server, adds configuration as Reload does, if there is any,
// and starts it again as [Server.Start] does.
func (s *Server) Restart(ctx context.Context, conf string) error {
	s.Shutdown()
	if conf != "" {
		s.mu.Lock()
		s.conf = append(s.conf, conf)
		s.mu.Unlock()
	}
	return s.Start(ctx)
}

// configured are the server's options with the configuration added since. It
// is as if the server had a machine of its own: a listener for which the
// configuration names no address is on the server's.
func (s *Server) configured() (*server.Options, error) {
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	added := slices.Clone(s.conf)
	s.mu.Unlock()
	for _, conf := range added {
		if err := o.ProcessConfigString(conf); err != nil {
			return nil, fmt.Errorf("server %s: configuration: %w", s.name, err)
		}
	}
	for _, listener := range []struct {
		port int
		host *string
	}{{o.Websocket.Port, &o.Websocket.Host}, {o.MQTT.Port, &o.MQTT.Host}, {o.LeafNode.Port, &o.LeafNode.Host}} {
		if listener.port != 0 && *listener.host == "" {
			*listener.host = s.host
		}
	}
	return o, CheckLoopback(o)
}
