// Package examples_test runs what the examples show.
package examples_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v4"

	"github.com/nats-balance/nats-balance/plugin"
)

// manifest has what the test reads of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		JobTemplate struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Args         []string
							Env          []struct{ Name, Value string }
							VolumeMounts []struct {
								Name      string
								MountPath string `yaml:"mountPath"`
							} `yaml:"volumeMounts"`
						}
						Volumes []struct {
							Name      string
							ConfigMap struct{ Name string } `yaml:"configMap"`
							Secret    struct {
								SecretName string `yaml:"secretName"`
							}
						}
					}
				}
			}
		} `yaml:"jobTemplate"`
	}
}

func manifests(t *testing.T, file string) map[string]manifest {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]manifest{}
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var m manifest
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		}
		found[m.Kind] = m
	}
}

// systemURL starts a server and returns its URL for a user of the system account.
// Nothing else of NATS is in the environment.
func systemURL(t *testing.T) string {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "NATS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	sys := server.NewAccount("SYS")
	s, err := server.NewServer(&server.Options{
		ServerName: "n1", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, SystemAccount: "SYS",
		Accounts: []*server.Account{sys},
		Users:    []*server.User{{Username: "sys", Password: "pw", Account: sys}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	return "nats://sys:pw@" + s.Addr().String()
}

func run(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = plugin.Run(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestConfiguration(t *testing.T) {
	url := systemURL(t)
	if status, out, errs := run("audit", "concentration", "-s", url, "--config", "nats-balance.yaml", "--no-dns", "--no-probe"); status != 3 || !strings.HasPrefix(out, "Not checked: no cluster has 3 servers") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// TestCronJob runs the container's arguments with its environment and files,
// against a server on this machine.
func TestCronJob(t *testing.T) {
	objects := manifests(t, "cronjob.yaml")
	pod := objects["CronJob"].Spec.JobTemplate.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c, root := pod.Containers[0], t.TempDir()

	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	secret := ""
	for _, v := range pod.Volumes {
		if v.Secret.SecretName != "" {
			secret = mounts[v.Name]
		}
		if v.ConfigMap.Name == "" {
			continue
		}
		if v.ConfigMap.Name != objects["ConfigMap"].Metadata.Name {
			t.Errorf("there is no ConfigMap %s", v.ConfigMap.Name)
		}
		for name, text := range objects["ConfigMap"].Data {
			folder := filepath.Join(root, filepath.FromSlash(mounts[v.Name]))
			if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}

	values := map[string]string{}
	for _, e := range c.Env {
		values[e.Name] = e.Value
	}
	if at := values["NATS_CREDS"]; values["NATS_URL"] == "" || secret == "" || path.Dir(at) != secret {
		t.Errorf("%v, and the secret is in %q", values, secret)
	}

	args := make([]string, 0, len(c.Args))
	for _, a := range c.Args {
		if flag, file, ok := strings.Cut(a, "=/"); ok {
			a = flag + "=" + filepath.Join(root, filepath.FromSlash(file))
		}
		args = append(args, a)
	}
	t.Setenv("NATS_URL", systemURL(t))
	if status, out, errs := run(args...); status != 3 || !strings.HasPrefix(out, "UNKNOWN Not checked: ") {
		t.Errorf("%q: status %d: %s%s", args, status, out, errs)
	}
	// The credentials are read from where the environment says: nothing is there.
	missing := filepath.Join(root, "system.creds")
	t.Setenv("NATS_CREDS", missing)
	if status, out, errs := run(args...); status != 3 || !strings.Contains(out+errs, "system.creds") {
		t.Errorf("with NATS_CREDS=%s: status %d: %s%s", missing, status, out, errs)
	}
}
