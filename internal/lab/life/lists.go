package life

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// pass has the operator pass an account's list.
func (w *World) pass(account string, urls ...string) {
	w.Args = append(w.Args, "--client-url", account+"="+strings.Join(urls, ","))
}

// passFile has the operator pass a file of the account's; without one it may be
// anyone's.
func (w *World) passFile(account, name, text string) error {
	file := filepath.Join(w.folder, account, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	path := file
	if account != "" {
		path = account + "=" + path
	}
	w.Args = append(w.Args, "--client-config", path)
	return os.WriteFile(file, []byte(text), 0o600)
}

// deployment is a manifest of a workload with a server list.
func deployment(name string, urls ...string) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec: {template: {spec: {containers: [{name: app, env: [{name: NATS_URL, value: %q}]}]}}}\n---\n", name, strings.Join(urls, ","))
}

// balancer starts a balancer before servers.
func (w *World) balancer(ctx context.Context, mode lab.BalancerMode, servers ...string) (url string, err error) {
	b, err := w.balancerAt(ctx, "127.0.9.1", 0, mode, servers...)
	if err != nil {
		return "", err
	}
	return "nats://" + b.Addr(), nil
}

// balancerAt starts one at an address of its own, from which servers see its clients
// come. Port 0 is a free one.
func (w *World) balancerAt(ctx context.Context, host string, port int, mode lab.BalancerMode, servers ...string) (*lab.Balancer, error) {
	var backends []string
	for _, name := range servers {
		backends = append(backends, w.Server(name).Addr())
	}
	b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: host, Port: port, Mode: mode, Backends: backends})
	if err == nil {
		w.ends = append(w.ends, b.Stop)
	}
	return b, err
}

// named is the URL of a name on the servers' port, which DNS has these servers for.
func (w *World) named(name string, servers ...string) (url string, err error) {
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, w.Server(s).Host())
	}
	return fmt.Sprintf("nats://%s:%d", name, w.Servers()[0].Port()), w.DNS.Set(name, lab.DNSRecord{Addresses: addresses, Rotate: true})
}
