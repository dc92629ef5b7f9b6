package sourcetest

import (
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Sites are two leaf clusters of one name, EDGE, behind a hub. All have one system
// account, SYS, and an account ORDERS, whose clients are on one server of Berlin,
// 16 of 16, and on each of Lyon, 4 of 12.
type Sites struct {
	Hub          *server.Server
	Berlin, Lyon []*server.Server
}

// StartSites starts the servers and clients, until the test ends, and waits until
// all servers know each other. [lab.Topology] refuses two clusters of one name.
func StartSites(t *testing.T) Sites {
	t.Helper()
	hub := startSite(t, "hub", func(o *server.Options) { o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", Port(t) })
	z, err := hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := fmt.Sprintf("127.0.0.1:%d", z.LeafNode.Port)
	site := func(name string) (all []*server.Server) {
		for i := range 3 {
			all = append(all, startSite(t, fmt.Sprintf("%s%d", name, i+1), func(o *server.Options) {
				o.Cluster = server.ClusterOpts{Name: "EDGE", Host: "127.0.0.1", Port: Port(t)}
				for _, peer := range all {
					o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: peer.ClusterAddr().String()})
				}
				for _, account := range []string{"SYS", "ORDERS"} {
					o.LeafNode.Remotes = append(o.LeafNode.Remotes, &server.RemoteLeafOpts{LocalAccount: account,
						URLs: []*url.URL{{Scheme: "nats-leaf", Host: leaf, User: url.UserPassword(lab.UserOf(account), lab.Password)}}})
				}
			}))
		}
		return all
	}
	berlin, lyon := site("berlin"), site("lyon")
	for n, s := range map[*server.Server]int{berlin[0]: 16, lyon[0]: 4, lyon[1]: 4, lyon[2]: 4} {
		for range s {
			Connect(t, UserURL(n, "ORDERS"))
		}
	}
	if err := lab.Poll(Within(t), func() error {
		for s, n := range map[*server.Server]int{hub: 6, berlin[0]: 3, berlin[1]: 3, berlin[2]: 3, lyon[0]: 3, lyon[1]: 3, lyon[2]: 3} {
			if got := s.TrackedRemoteServers(); got != n || s != hub && s.NumRoutes() < 2 {
				return fmt.Errorf("%s counts %d", s.Name(), got)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return Sites{hub, berlin, lyon}
}

// StartServers starts servers of one cluster, until the test ends, that may differ in
// what [lab.Topology] refuses. They have the accounts SYS, the system account, and
// ORDERS, and more may change that.
func StartServers(t *testing.T, cluster string, n int, more func(i int, o *server.Options)) (all []*server.Server) {
	t.Helper()
	for i := range n {
		all = append(all, startSite(t, fmt.Sprintf("n%d", i+1), func(o *server.Options) {
			o.Cluster = server.ClusterOpts{Name: cluster, Host: "127.0.0.1", Port: Port(t)}
			for _, peer := range all {
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: peer.ClusterAddr().String()})
			}
			more(i, o)
		}))
	}
	return all
}

func startSite(t *testing.T, name string, more func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{ServerName: name, Host: "127.0.0.1", Port: Port(t), NoLog: true, NoSigs: true, SystemAccount: "SYS"}
	for _, account := range []string{"SYS", "ORDERS"} {
		acc := server.NewAccount(account)
		o.Accounts = append(o.Accounts, acc)
		o.Users = append(o.Users, &server.User{Username: lab.UserOf(account), Password: lab.Password, Account: acc})
	}
	more(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	said := new(fatalLog)
	s.SetLoggerV2(said, false, false, false)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(Long) {
		t.Fatalf("%s is not ready: %s", name, said)
	}
	return s
}

// fatalLog keeps why a server ended.
type fatalLog struct {
	mu   sync.Mutex
	text string
}

func (*fatalLog) Noticef(string, ...any) {}
func (*fatalLog) Warnf(string, ...any)   {}
func (*fatalLog) Errorf(string, ...any)  {}
func (*fatalLog) Debugf(string, ...any)  {}
func (*fatalLog) Tracef(string, ...any)  {}

func (l *fatalLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = fmt.Sprintf(format, v...)
}

func (l *fatalLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// UserURL is the URL of a server with a user of an account.
func UserURL(s *server.Server, account string) string {
	return fmt.Sprintf("nats://%s:%s@%s", lab.UserOf(account), lab.Password, s.Addr())
}
