package clienturl

// Objects of Kubernetes, as far as lists need them. They are decoded from the
// trees of our own readers: k8s.io/api would bring its machinery with it.

// noReplicas is why nobody uses the list of a workload, in a clause.
const noReplicas = "0 replicas"

// object is one object of the input.
type object struct {
	kind, namespace, name string
	file                  string
	line                  int
	owner                 string // "ReplicaSet orders-api-7d9c", empty where it has none
	pod                   *podSpec
	unused                string // why it has no pods, in a clause
}

// podSpec is what containers run with.
type podSpec struct {
	containers []container
	volumes    []volume
}

type container struct {
	name    string
	env     []envVar
	from    []envFrom
	command []string
	line    int // of the command
	mounts  []mount
}

// envVar is a variable with its value, or where it comes from.
type envVar struct {
	name, value string
	line        int
	ref         *reference
	field       string // of the pod, as "status.hostIP"
}

// reference is a key of a ConfigMap or a Secret; an empty key is all of it.
type reference struct {
	secret    bool
	name, key string
	optional  bool
}

type envFrom struct {
	reference
	prefix string
}

// volume is the ConfigMaps and Secrets that are mounted as files.
type volume struct {
	name    string
	sources []volumeSource
}

type volumeSource struct {
	reference
	items []pathItem // empty: each key is a file
}

type pathItem struct{ key, path string }

type mount struct{ volume, path, subPath string }

func (o *object) String() string {
	if o.namespace == "" {
		return o.kind + " " + o.name
	}
	return o.kind + " " + o.namespace + "/" + o.name
}

// kubeObject reads the head of an object; ok is false for any other document.
func kubeObject(n *node, file string) (o object, ok bool) {
	o = object{kind: n.str("kind"), namespace: n.str("metadata", "namespace"), name: n.str("metadata", "name"), file: file, line: n.line}
	if o.kind == "" || n.str("apiVersion") == "" || n.get("metadata") == nil {
		return o, false
	}
	if o.name == "" {
		o.name = n.str("metadata", "generateName")
	}
	if owners := n.list("metadata", "ownerReferences"); len(owners) > 0 {
		o.owner = owners[0].str("kind") + " " + owners[0].str("name")
	}
	o.pod = podOf(n, o.kind)
	switch {
	case n.str("spec", "replicas") == "0":
		o.unused = noReplicas
	case (o.kind == "Job" || o.kind == "CronJob") && isYes(n.str("spec", "suspend")):
		o.unused = "suspended"
	}
	return o, true
}

// size is about what a workload takes in memory.
func (o *object) size() int {
	n := 512 + len(o.kind) + len(o.namespace) + len(o.name) + len(o.owner)
	for _, c := range o.pod.containers {
		n += 256 + len(c.name)
		for _, v := range c.env {
			n += 128 + len(v.name) + len(v.value) + len(v.field)
			if v.ref != nil {
				n += 64 + len(v.ref.name) + len(v.ref.key)
			}
		}
		for _, f := range c.from {
			n += 96 + len(f.name) + len(f.prefix)
		}
		for _, text := range c.command {
			n += 16 + len(text)
		}
		for _, m := range c.mounts {
			n += 48 + len(m.volume) + len(m.path) + len(m.subPath)
		}
	}
	for _, v := range o.pod.volumes {
		n += 64 + len(v.name)
		for _, s := range v.sources {
			n += 96 + len(s.name)
			for _, item := range s.items {
				n += 32 + len(item.key) + len(item.path)
			}
		}
	}
	return n
}

// podOf decodes the pods that an object runs, nil where it runs none.
func podOf(n *node, kind string) *podSpec {
	var spec *node
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Rollout", "DeploymentConfig":
		spec = n.get("spec", "template", "spec")
	case "CronJob":
		spec = n.get("spec", "jobTemplate", "spec", "template", "spec")
	case "Pod":
		spec = n.get("spec")
	}
	if spec == nil {
		return nil
	}
	p := &podSpec{}
	for _, key := range []string{"containers", "initContainers"} {
		for _, c := range spec.list(key) {
			p.containers = append(p.containers, containerOf(c))
		}
	}
	for _, v := range spec.list("volumes") {
		p.volumes = append(p.volumes, volumeOf(v))
	}
	return p
}

func containerOf(n *node) container {
	c := container{name: n.str("name"), line: n.line}
	for _, key := range []string{"command", "args"} {
		if at := n.get(key); at != nil {
			if texts, ok := at.scalars(); ok {
				c.command, c.line = append(c.command, texts...), at.firstLine()
			}
		}
	}
	for _, e := range n.list("env") {
		v := envVar{name: e.str("name"), value: e.str("value"), line: e.line, field: e.str("valueFrom", "fieldRef", "fieldPath")}
		if at := e.get("value"); at != nil {
			v.line = at.line
		}
		v.ref = refOf(e.get("valueFrom", "configMapKeyRef"), false)
		if ref := refOf(e.get("valueFrom", "secretKeyRef"), true); ref != nil {
			v.ref = ref
		}
		c.env = append(c.env, v)
	}
	for _, e := range n.list("envFrom") {
		for _, kind := range []string{"configMapRef", "secretRef"} {
			if ref := refOf(e.get(kind), kind == "secretRef"); ref != nil {
				c.from = append(c.from, envFrom{*ref, e.str("prefix")})
			}
		}
	}
	for _, m := range n.list("volumeMounts") {
		c.mounts = append(c.mounts, mount{m.str("name"), m.str("mountPath"), m.str("subPath")})
	}
	return c
}

func refOf(n *node, secret bool) *reference {
	if n == nil {
		return nil
	}
	name := n.str("name")
	if name == "" {
		name = n.str("secretName") // of a volume
	}
	return &reference{secret: secret, name: name, key: n.str("key"), optional: isYes(n.str("optional"))}
}

func volumeOf(n *node) volume {
	v := volume{name: n.str("name")}
	add := func(at *node, secret bool) {
		if ref := refOf(at, secret); ref != nil {
			s := volumeSource{reference: *ref}
			for _, item := range at.list("items") {
				s.items = append(s.items, pathItem{item.str("key"), item.str("path")})
			}
			v.sources = append(v.sources, s)
		}
	}
	add(n.get("configMap"), false)
	add(n.get("secret"), true)
	for _, s := range n.list("projected", "sources") {
		add(s.get("configMap"), false)
		add(s.get("secret"), true)
	}
	return v
}
