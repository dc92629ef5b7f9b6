package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// The credentials of a monitoring URL go to its scheme, host and port: wherever
// else that redirects nobody is asked anything.
func TestRedirectsGetNoCredentials(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	thief := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	port := serve(t, thief.ServeHTTP)
	secure := httptest.NewTLSServer(thief)
	t.Cleanup(secure.Close)
	// Another port of the same host and scheme, the scheme of TLS, another host.
	for name, to := range map[string]string{
		"port": port, "scheme": secure.URL, "host": strings.Replace(port, "127.0.0.1", "localhost", 1), "credentials": strings.Replace(port, "http://", "http://watch:s3cr3t@", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var authorized atomic.Int32
			from := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if _, _, ok := r.BasicAuth(); ok {
					authorized.Add(1)
				}
				http.Redirect(w, r, to+r.URL.Path, http.StatusTemporaryRedirect)
			})
			before := asked.Load()
			m, traced := monitoringOf(t, strings.Replace(from, "http://", "http://watch:s3cr3t@", 1))
			_, err := m.Deployment(sourcetest.Within(t))
			if err == nil || !strings.Contains(err.Error(), "redirects to another host or port") || authorized.Load() == 0 || asked.Load() != before {
				t.Errorf("%v; %d requests there, %d elsewhere", err, authorized.Load(), asked.Load()-before)
			}
			if said := strings.Join(append(*traced, err.Error()), "\n"); strings.Contains(said, "s3cr3t") {
				t.Error(said)
			}
		})
	}
}
