package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// operatorMode is a cluster in operator mode, in which an account has an id
// besides its name and users have credentials. ORDERS has 12 connections on the
// first of its three servers.
type operatorMode struct {
	url                        string
	systemCreds, ordinaryCreds string // files
	systemJWT, systemSeed      string // what is in the first of them
	ordersID                   string
	servers                    []*server.Server

	operator, systemKey nkeys.KeyPair
	systemID            string
	systemUser          string // the public key of the user in systemCreds
}

// renew makes a new user of the system account and writes its credentials to the same
// file, as an operator who rotates them does.
func (o *operatorMode) renew(t *testing.T) {
	t.Helper()
	id, _, _, both, err := newUser(o.systemKey)
	if err == nil {
		err = os.WriteFile(o.systemCreds+".new", both, 0o600)
	}
	if err == nil {
		err = os.Rename(o.systemCreds+".new", o.systemCreds)
	}
	if err != nil {
		t.Fatal(err)
	}
	o.systemUser = id
}

// revoke has all servers refuse a user of the system account, whose connections they
// end.
func (o *operatorMode) revoke(t *testing.T, user string) {
	t.Helper()
	claims := jwt.NewAccountClaims(o.systemID)
	claims.Name = "SYS"
	claims.Revoke(user)
	token, err := claims.Encode(o.operator)
	if err == nil {
		claims, err = jwt.DecodeAccountClaims(token)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range o.servers {
		account, err := s.LookupAccount(o.systemID)
		if err != nil {
			t.Fatal(err)
		}
		s.UpdateAccountClaims(account, claims)
	}
}

// newUser makes a user of an account, and its credentials.
func newUser(account nkeys.KeyPair) (id, token, seed string, both []byte, err error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return "", "", "", nil, err
	}
	if id, err = user.PublicKey(); err != nil {
		return "", "", "", nil, err
	}
	secret, err := user.Seed()
	if err != nil {
		return "", "", "", nil, err
	}
	if token, err = jwt.NewUserClaims(id).Encode(account); err != nil {
		return "", "", "", nil, err
	}
	both, err = jwt.FormatUserConfig(token, secret)
	return id, token, string(secret), both, err
}

// startOperatorMode starts the cluster. It may be called from any goroutine: an
// error fails the test and returns nil.
func startOperatorMode(t *testing.T) *operatorMode {
	t.Helper()
	o, err := newOperatorMode(t)
	if err != nil {
		t.Error(err)
		return nil
	}
	return o
}

func newOperatorMode(t *testing.T) (*operatorMode, error) {
	operator, err := nkeys.CreateOperator()
	if err != nil {
		return nil, err
	}
	operatorID, err := operator.PublicKey()
	if err != nil {
		return nil, err
	}
	dir := t.TempDir()
	resolver := &server.MemAccResolver{}
	tokens, seeds, keys, users := map[string]string{}, map[string]string{}, map[string]nkeys.KeyPair{}, map[string]string{}
	// newAccount stores an account with a user and returns its id and the
	// user's creds file.
	newAccount := func(name string) (id, creds string, err error) {
		account, err := nkeys.CreateAccount()
		if err != nil {
			return "", "", err
		}
		if id, err = account.PublicKey(); err != nil {
			return "", "", err
		}
		claims := jwt.NewAccountClaims(id)
		claims.Name = name
		token, err := claims.Encode(operator)
		if err != nil {
			return "", "", err
		}
		if err := resolver.Store(id, token); err != nil {
			return "", "", err
		}
		user, token, seed, both, err := newUser(account)
		if err != nil {
			return "", "", err
		}
		creds = filepath.Join(dir, name+".creds")
		tokens[name], seeds[name], keys[name], users[name] = token, seed, account, user
		return id, creds, os.WriteFile(creds, both, 0o600)
	}
	systemID, systemCreds, err := newAccount("SYS")
	if err != nil {
		return nil, err
	}
	ordersID, ordersCreds, err := newAccount("ORDERS")
	if err != nil {
		return nil, err
	}
	claims := jwt.NewOperatorClaims(operatorID)
	claims.SystemAccount = systemID
	token, err := claims.Encode(operator)
	if err != nil {
		return nil, err
	}
	if claims, err = jwt.DecodeOperatorClaims(token); err != nil {
		return nil, err
	}
	var servers []*server.Server
	for i := range 3 {
		options := &server.Options{
			ServerName: fmt.Sprintf("O-n%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			Cluster:          server.ClusterOpts{Name: "O", Host: "127.0.0.1", Port: server.RANDOM_PORT},
			TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: systemID, AccountResolver: resolver,
			AuthTimeout: lab.AuthTimeout, // a busy machine takes more than the default of 2 s
		}
		if i > 0 {
			options.Routes = server.RoutesFromStr("nats://" + servers[0].ClusterAddr().String())
		}
		s, err := server.NewServer(options)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		s.Start()
		if !s.ReadyForConnections(20 * time.Second) {
			return nil, errors.New("a server in operator mode does not start")
		}
		servers = append(servers, s)
	}
	for range 12 {
		nc, err := nats.Connect(servers[0].ClientURL(), nats.UserCredentials(ordersCreds), nats.NoReconnect(), nats.Timeout(generous))
		if err != nil {
			return nil, err
		}
		t.Cleanup(nc.Close)
	}
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	if err := lab.Poll(ctx, func() error {
		for _, s := range servers {
			if n := s.TrackedRemoteServers(); n < len(servers)-1 {
				return fmt.Errorf("%s knows %d other servers in operator mode", s.Name(), n)
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return &operatorMode{
		url: servers[0].ClientURL(), systemCreds: systemCreds, ordinaryCreds: ordersCreds,
		systemJWT: tokens["SYS"], systemSeed: seeds["SYS"], ordersID: ordersID, servers: servers,
		operator: operator, systemKey: keys["SYS"], systemID: systemID, systemUser: users["SYS"],
	}, nil
}
