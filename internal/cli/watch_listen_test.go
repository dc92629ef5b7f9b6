package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/live"
)

// What --listen serves is for those who have what its flags ask for: a certificate of
// the authority, and the password besides. Whether watch is well is for everybody.
func TestListenAsksWhoYouAre(t *testing.T) {
	t.Parallel()
	ca, other := newConnCA(t), newConnCA(t)
	until := time.Now().Add(time.Hour)
	_, cert, key := ca.sign(t, until, "127.0.0.1")
	mine, _, _ := ca.sign(t, until)
	foreign, _, _ := other.sign(t, until)
	late, _, _ := ca.sign(t, time.Now().Add(-time.Minute))
	certified := listenFlags{address: ":0", cert: cert, key: key, ca: ca.file}
	asking := listenFlags{address: ":0", cert: cert, key: key, user: "ops", password: "hunter2"}
	both := certified
	both.user, both.password = asking.user, asking.password
	trusted, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	const refused = 0 // the connection is
	type who struct {
		pair     *tls.Certificate
		password string
	}
	for what, c := range map[string]struct {
		flags listenFlags
		who   who
		page  int
		well  int
	}{
		"a certificate":                     {certified, who{pair: &mine}, 200, 503},
		"no certificate":                    {certified, who{}, 403, 503},
		"the password in its place":         {certified, who{password: "hunter2"}, 403, 503},
		"a certificate of somebody else":    {certified, who{pair: &foreign}, refused, refused},
		"a certificate that is over":        {certified, who{pair: &late}, refused, refused},
		"the password":                      {asking, who{password: "hunter2"}, 200, 503},
		"another password":                  {asking, who{password: "hunter"}, 401, 503},
		"no password":                       {asking, who{}, 401, 503},
		"both":                              {both, who{pair: &mine, password: "hunter2"}, 200, 503},
		"the certificate without the other": {both, who{pair: &mine}, 401, 503},
		"the password without the other":    {both, who{password: "hunter2"}, 403, 503},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			errs := &watched{}
			a := &watch{host: Host{Err: errs, Out: io.Discard}.withDefaults(), listen: c.flags}
			follow := live.New(record.New(record.Settings{}), live.Options{})
			s, err := a.listener(a.shown(t.Context(), follow, nil))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
			config.RootCAs.AppendCertsFromPEM(trusted)
			if c.who.pair != nil {
				// Even where the server does not ask for one of that authority.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.who.pair, nil }
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: generous}
			for path, want := range map[string]int{"/": c.page, "/metrics": c.page, "/style.css": c.page, "/healthz": c.well} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if c.who.password != "" {
					r.SetBasicAuth("ops", c.who.password)
				}
				status := refused
				resp, err := client.Do(r)
				if err == nil {
					status = resp.StatusCode
					_ = resp.Body.Close() // it is not read
				}
				if status != want {
					t.Errorf("%s: %d, want %d: %v", path, status, want, err)
				}
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if said := errs.String(); !strings.HasPrefix(said, "nats-balance: serving at https://127.0.0.1:") || strings.Contains(said, "hunter2") {
				t.Error(said)
			}
		})
	}
}
