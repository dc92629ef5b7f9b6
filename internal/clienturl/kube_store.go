package clienturl

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// store is the data of a ConfigMap or a Secret.
type store struct {
	object
	secret bool
	data   map[string]datum
	keys   []string // in order
	used   map[string]bool
	// unread says why there is no data: it was not kept.
	unread string
}

// Why the data of a store was not kept, as the end of a sentence.
const (
	unreadLarge = "which is too large to be read"
	unreadPlain = "which has nothing that looks like a server list"
	unreadFull  = "which was not read: the input has too many ConfigMaps and Secrets"
)

// stubSize is about what a store without data takes.
const stubSize = 512

// stubOf is a store whose data is not kept, so that a reference to it is not
// told as one to nothing.
func stubOf(o object, why string) *store {
	return &store{object: o, secret: o.kind == "Secret", unread: why}
}

func isStore(kind string) bool { return kind == "ConfigMap" || kind == "Secret" }

type datum struct {
	text string
	line int
	// large: it is too large to be a list, and was not kept.
	large bool
}

const (
	// maxDatum is the most of one value that is kept unless it mentions NATS.
	maxDatum = 1 << 10
	// maxStored is the most of all values of one input that is kept.
	maxStored = 64 << 20
	// maxWorkloads is the most of all workloads of one input that is kept.
	maxWorkloads = 64 << 20
)

// storeOf decodes a ConfigMap or a Secret; ok is false for anything else, and
// for what other tools keep in Secrets.
func storeOf(n *node, o object) (s *store, size int, ok bool) {
	secret := o.kind == "Secret"
	if o.kind != "ConfigMap" && !secret {
		return nil, 0, false
	}
	s = &store{object: o, secret: secret, data: map[string]datum{}, used: map[string]bool{}}
	switch n.str("type") {
	case "helm.sh/release.v1", "kubernetes.io/tls", "kubernetes.io/service-account-token", "kubernetes.io/dockerconfigjson":
		return stubOf(o, unreadPlain), stubSize, true
	}
	put := func(key string, d datum) {
		if d.large = len(d.text) > maxFile || len(d.text) > maxDatum && !speaksOfNATS([]byte(d.text)); d.large {
			d.text = ""
		}
		if _, found := s.data[key]; !found {
			s.keys = append(s.keys, key)
		}
		s.data[key] = d
		size += len(key) + len(d.text) + 256
	}
	for _, part := range []string{"data", "stringData", "binaryData"} {
		at := n.get(part)
		if at == nil || at.kind != mapping {
			continue
		}
		for i, key := range at.keys {
			item := at.items[i]
			if item.kind != scalar {
				continue
			}
			text := item.text
			if part == "binaryData" || part == "data" && secret {
				plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
				if err != nil {
					continue
				}
				text = string(plain)
			}
			put(key, datum{text: text, line: item.line})
		}
	}
	return s, size, true
}

// storeKey finds a store: its kind, namespace and name.
type storeKey struct {
	secret          bool
	namespace, name string
}

// cluster is the objects of one input.
type cluster struct {
	workloads []object
	stores    map[storeKey]*store
	order     []*store
	// full: there was more data than is kept. Of that, stores may have no name
	// here either.
	full bool
	// lost counts the workloads that were not kept.
	lost int
}

// add takes over the objects of one file.
func (c *cluster) add(r result) {
	c.workloads = append(c.workloads, r.workloads...)
	c.full = c.full || r.full
	c.lost += r.lost
	for _, s := range r.stores {
		if c.stores == nil {
			c.stores = map[storeKey]*store{}
		}
		key := storeKey{s.secret, s.namespace, s.name}
		if c.stores[key] == nil {
			c.stores[key] = s
			c.order = append(c.order, s)
		}
	}
}

// find finds what a pod of a namespace refers to. A manifest often leaves the
// namespace out.
func (c *cluster) find(namespace string, r reference) *store {
	if s := c.stores[storeKey{r.secret, namespace, r.name}]; s != nil {
		return s
	}
	if namespace != "" {
		return c.stores[storeKey{r.secret, "", r.name}]
	}
	var only *store
	for _, s := range c.order {
		if s.secret == r.secret && s.name == r.name {
			if only != nil {
				return nil
			}
			only = s
		}
	}
	return only
}

// String names what is referred to, as in a sentence.
func (r reference) String() string {
	if r.secret {
		return "Secret " + r.name
	}
	return "ConfigMap " + r.name
}

// missing says why a reference has no value.
func (c *cluster) missing(r reference, s *store) string {
	switch {
	case s == nil || s.unread != "":
		return fmt.Sprintf("comes from %s, %s", r, c.absent(s))
	case s.data[r.key].large:
		return fmt.Sprintf("comes from key %s of %s, which is too large to be a list", r.key, r)
	}
	return fmt.Sprintf("comes from key %s of %s, which does not have it", r.key, r)
}

// absent says why there is nothing of a ConfigMap or a Secret, as the end of a
// sentence.
func (c *cluster) absent(s *store) string {
	switch {
	case s != nil:
		return s.unread
	case c.full:
		return unreadFull
	}
	return "which is not in the input"
}
