package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// example is a file of the examples.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// takes says whether watch takes these flags, without running it.
func takes(t *testing.T, args []string) {
	t.Helper()
	if len(args) == 0 || args[0] != "watch" {
		t.Fatalf("it does not run watch: %q", args)
	}
	var errs watched
	app, end := newApp(Host{Context: t.Context(), Out: io.Discard, Err: &errs}.withDefaults(), io.Discard)
	defer end(0)
	if _, err := app.ParseContext(args); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

// The systemd unit has flags that there are, and systemd takes it where that
// is installed.
func TestUnitOfSystemd(t *testing.T) {
	t.Parallel()
	unit := example(t, "nats-balance.service")
	m := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/nats-balance (.*)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal(unit)
	}
	takes(t, strings.Fields(m[1]))
	// Packages install the program there; here it is elsewhere.
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	file := filepath.Join(t.TempDir(), "nats-balance.service")
	if err := os.WriteFile(file, []byte(strings.Replace(unit, "/usr/bin/nats-balance", `"`+os.Args[0]+`"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), verify, "verify", file).CombinedOutput(); err != nil || strings.Contains(string(out), "nats-balance.service") {
		t.Errorf("%v: %s", err, out)
	}
}

// workload has what the test reads of a StatefulSet, of which no other field may be there.
type workload struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		ServiceName string `yaml:"serviceName"`
		Replicas    int
		Selector    struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				SecurityContext struct {
					RunAsNonRoot bool `yaml:"runAsNonRoot"`
					RunAsUser    int  `yaml:"runAsUser"`
					FSGroup      int  `yaml:"fsGroup"`
				} `yaml:"securityContext"`
				Containers []struct {
					Name, Image string
					Args        []string
					Ports       []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
					ReadinessProbe struct {
						HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
					} `yaml:"readinessProbe"`
					SecurityContext struct {
						ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
						AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
						Capabilities             struct{ Drop []string }
					} `yaml:"securityContext"`
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
						ReadOnly  bool   `yaml:"readOnly"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name   string
					Secret struct {
						SecretName string `yaml:"secretName"`
					}
				}
			}
		}
		VolumeClaimTemplates []struct {
			Metadata struct{ Name string }
			Spec     struct {
				AccessModes []string `yaml:"accessModes"`
				Resources   struct{ Requests map[string]string }
			}
		} `yaml:"volumeClaimTemplates"`
	}
}

// headless is the service that names the pods of a StatefulSet.
type headless struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		ClusterIP string `yaml:"clusterIP"`
		Selector  map[string]string
		Ports     []struct {
			Name string
			Port int
		}
	}
}

// The Kubernetes manifest of the docs has fields and flags that there are, and what it
// mounts is what the flags name.
func TestUnitOfKubernetes(t *testing.T) {
	t.Parallel()
	d := yaml.NewDecoder(strings.NewReader(example(t, "watch.yaml")))
	d.KnownFields(true)
	var w workload
	if err := d.Decode(&w); err != nil {
		t.Fatal(err)
	}
	var s headless
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Kind != "Service" || s.Metadata.Name != w.Spec.ServiceName || s.Spec.ClusterIP != "None" || s.Spec.Selector["app"] != w.Spec.Template.Metadata.Labels["app"] {
		t.Errorf("%+v", s)
	}
	pod := w.Spec.Template
	c := pod.Spec.Containers[0]
	takes(t, c.Args)
	if !strings.Contains(example(t, "cronjob.yaml"), "image: "+c.Image+" ") {
		t.Errorf("%s is not the image of cronjob.yaml", c.Image)
	}
	if w.APIVersion != "apps/v1" || w.Kind != "StatefulSet" || w.Spec.Selector.MatchLabels["app"] != pod.Metadata.Labels["app"] || c.ReadinessProbe.HTTPGet.Port != c.Ports[0].Name || c.ReadinessProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("%+v", w)
	}
	volumes := map[string]bool{pod.Spec.Volumes[0].Name: true, w.Spec.VolumeClaimTemplates[0].Metadata.Name: true}
	flags := strings.Join(c.Args, " ")
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] || !strings.Contains(flags, " "+m.MountPath) {
			t.Errorf("%+v in %s", m, flags)
		}
	}
}
