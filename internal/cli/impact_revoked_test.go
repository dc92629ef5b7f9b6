package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Two of three servers in operator mode have a newer JWT of the account, which revokes its
// user: that they have the account does not show that they take the user.
func TestImpactOfARevokedUser(t *testing.T) {
	t.Parallel()
	o := startOperatorMode(t)
	if o == nil {
		return
	}
	creds, err := os.ReadFile(o.ordinaryCreds)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseDecoratedJWT(creds)
	if err != nil {
		t.Fatal(err)
	}
	user, err := jwt.DecodeUserClaims(token)
	if err != nil {
		t.Fatal(err)
	}
	var clients []*nats.Conn
	for _, s := range o.servers[1:] {
		for range 4 { // O-n1 is next in their list, and nobody tries a server that refuses them
			nc, err := nats.Connect(s.ClientURL()+","+o.url, nats.UserCredentials(o.ordinaryCreds), nats.DontRandomize(), nats.IgnoreDiscoveredServers(),
				nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.Timeout(generous))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			clients = append(clients, nc)
		}
	}
	var urls []string
	for _, s := range o.servers {
		urls = append(urls, s.ClientURL())
	}
	args := []string{"O-n1", "--server", o.url, "--creds", o.systemCreds, "--client-url", o.ordersID + "=" + strings.Join(urls, ",")}
	if status, doc, text := impactOf(t, args...); status != ExitPass {
		t.Errorf("nothing is revoked: status %d, %v\n%s", status, answers(doc), text)
	}
	claims := jwt.NewAccountClaims(o.ordersID)
	claims.Name = "ORDERS"
	claims.Revoke(user.Subject)
	if token, err = claims.Encode(o.operator); err == nil {
		claims, err = jwt.DecodeAccountClaims(token)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range o.servers[1:] {
		account, err := s.LookupAccount(o.ordersID)
		if err != nil {
			t.Fatal(err)
		}
		s.UpdateAccountClaims(account, claims)
	}
	if err := lab.Poll(t.Context(), func() error {
		for _, nc := range clients {
			if nc.ConnectedUrl() != o.url {
				return nats.ErrDisconnected
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	status, doc, text := impactOf(t, args...)
	if status != ExitNotAudited || !strings.Contains(text, "until one of them logs in to another server") {
		t.Errorf("revoked on two servers: status %d, %v\n%s", status, answers(doc), text)
	}
}
