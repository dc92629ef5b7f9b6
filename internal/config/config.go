package config

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/clienturl"
)

// File is what a configuration file says.
type File struct {
	Thresholds    map[string]int // by the name of their flag
	ClientURLs    []Located      // as values of --client-url
	ClientConfigs []Located      // as values of --client-config
	Resolvers     []string
	ExpectServers string // as the value of --expect-servers
	Overrides     []checks.Override
	Accepted      []checks.Acceptance
}

// Located is a value with the file and the line that it is from.
type Located struct{ Value, Origin string }

// MaxBytes bounds a file.
const MaxBytes = 1 << 20

// Parse reads the text of a file; paths in it begin at its folder. An error names
// the file and the line and says what to write; it quotes no URL.
func Parse(path string, text []byte) (*File, error) {
	y := yamlFile{name: path}
	root, err := y.document(text)
	if err != nil {
		return nil, err
	}
	c := &File{Thresholds: map[string]int{}}
	version := 0
	of := fields{
		"version": func(n *yaml.Node) error { return y.number(n, "version", &version) },
		"client-urls": func(n *yaml.Node) error {
			return y.list(n, "client-urls", func(n *yaml.Node) error { return c.clientURLs(y, n) })
		},
		"client-configs": func(n *yaml.Node) error {
			return y.list(n, "client-configs", func(n *yaml.Node) error { return c.clientConfig(y, n) })
		},
		"expect-servers": func(n *yaml.Node) error { return y.text(n, "expect-servers", &c.ExpectServers, "!!int") },
		"resolvers": func(n *yaml.Node) error {
			return y.list(n, "resolvers", func(n *yaml.Node) error { return c.resolver(y, n) })
		},
		"accounts": func(n *yaml.Node) error {
			return y.list(n, "accounts", func(n *yaml.Node) error { return c.override(y, n) })
		},
		"accepted": func(n *yaml.Node) error {
			return y.list(n, "accepted", func(n *yaml.Node) error { return c.acceptance(y, n) })
		},
	}
	for _, flag := range ThresholdFlags() {
		of[flag] = func(n *yaml.Node) error {
			value, err := threshold(y, n, flag)
			c.Thresholds[flag] = value
			return err
		}
	}
	if err := y.mapping(root, "the file", of, "version"); err != nil {
		return nil, err
	}
	if version != 1 {
		return nil, y.fail(root, "version is %d: this program reads version 1", version)
	}
	return c, nil
}

// ThresholdFlags returns the flags of numbers that a file can have too.
func ThresholdFlags() []string {
	return []string{"threshold", "min-servers", "min-connections", "review", "critical"}
}

// threshold reads a number in the range of its flag.
func threshold(y yamlFile, n *yaml.Node, flag string) (int, error) {
	value := 0
	if err := y.number(n, flag, &value); err != nil {
		return 0, err
	}
	p := checks.Defaults()
	*ThresholdOf(&p, flag) = value
	if flag == "critical" && value == 0 {
		return 0, y.fail(n, "critical is 0: pass a whole number from 1 to 100, or leave it out")
	}
	if err := p.Validate(); err != nil {
		return 0, y.fail(n, "%w", err)
	}
	return value, nil
}

// ThresholdOf returns where the value of one of [ThresholdFlags] is.
func ThresholdOf(p *checks.Parameters, flag string) *int {
	switch flag {
	case "threshold":
		return &p.ThresholdPercent
	case "min-servers":
		return &p.MinServers
	case "min-connections":
		return &p.MinConnections
	case "review":
		return &p.ReviewPercent
	}
	return &p.CriticalPercent
}

func (y yamlFile) origin(n *yaml.Node) string { return y.name + ":" + strconv.Itoa(n.Line) }

// account reads an account that a list is for.
func (y yamlFile) account(n *yaml.Node, to *string) error {
	if err := y.text(n, "account", to); err != nil {
		return err
	}
	if account, _ := clienturl.SplitAccount(*to + "=x"); account != *to {
		return y.fail(n, "account has one of = : / \\ @ or a comma, which can't be used here: pass the account's id")
	}
	return nil
}

func (c *File) clientURLs(y yamlFile, n *yaml.Node) error {
	var account string
	var urls []string
	err := y.mapping(n, "an entry of client-urls", fields{
		"account": func(n *yaml.Node) error { return y.account(n, &account) },
		"urls": func(n *yaml.Node) error {
			return y.list(n, "urls", func(n *yaml.Node) error {
				var url string
				if err := y.text(n, "a URL", &url); err != nil {
					return err
				}
				if strings.Contains(url, ",") {
					return y.fail(n, "a URL has a comma: pass each URL as an entry of urls")
				}
				if _, err := clienturl.ParseFlag("x=" + url); err != nil {
					return y.fail(n, "a URL %w", err)
				}
				urls = append(urls, url)
				return nil
			})
		},
	}, "urls")
	if err != nil {
		return err
	}
	value := strings.Join(urls, ",")
	if account != "" {
		value = account + "=" + value
	}
	if _, err := clienturl.ParseFlag(value); err != nil {
		return y.fail(n, "urls %w", err)
	}
	c.ClientURLs = append(c.ClientURLs, Located{value, y.origin(n)})
	return nil
}

func (c *File) clientConfig(y yamlFile, n *yaml.Node) error {
	var account, path string
	err := y.mapping(n, "an entry of client-configs", fields{
		"account": func(n *yaml.Node) error { return y.account(n, &account) },
		"path": func(n *yaml.Node) error {
			if err := y.text(n, "path", &path); err != nil {
				return err
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(y.name), path)
			}
			if _, err := os.Stat(path); err != nil {
				return y.fail(n, "path %s: %w: pass a file or a folder, from the folder of this file", path, causeOf(err))
			}
			return nil
		},
	}, "path")
	if err != nil {
		return err
	}
	value := account + "=" + path
	if account == "" {
		value = path
		if found, _ := clienturl.SplitAccount(path); found != "" { // a = in a name
			value = "." + string(filepath.Separator) + path
		}
	}
	c.ClientConfigs = append(c.ClientConfigs, Located{value, y.origin(n)})
	return nil
}

func (c *File) resolver(y yamlFile, n *yaml.Node) error {
	var text string
	if err := y.text(n, "a resolver", &text); err != nil {
		return err
	}
	if _, err := dnscheck.Resolver(text); err != nil {
		return y.fail(n, "%w", err)
	}
	c.Resolvers = append(c.Resolvers, text)
	return nil
}

func (c *File) override(y yamlFile, n *yaml.Node) error {
	var o checks.Override
	of := fields{"match": func(n *yaml.Node) error { return y.text(n, "match", &o.Match) }}
	given := 0
	for flag, to := range map[string]**int{"threshold": &o.ThresholdPercent, "min-servers": &o.MinServers,
		"min-connections": &o.MinConnections, "review": &o.ReviewPercent, "critical": &o.CriticalPercent} {
		of[flag] = func(n *yaml.Node) error {
			value, err := threshold(y, n, flag)
			*to = &value
			given++
			return err
		}
	}
	if err := y.mapping(n, "an entry of accounts", of, "match"); err != nil {
		return err
	}
	if given == 0 {
		return y.fail(n, "an entry of accounts changes nothing: pass one of %s", strings.Join(ThresholdFlags(), ", "))
	}
	c.Overrides = append(c.Overrides, o)
	return nil
}

func (c *File) acceptance(y yamlFile, n *yaml.Node) error {
	a := checks.Acceptance{Origin: y.origin(n)}
	err := y.mapping(n, "an entry of accepted", fields{
		"account": func(n *yaml.Node) error { return y.text(n, "account", &a.Account) },
		"cluster": func(n *yaml.Node) error { return y.text(n, "cluster", &a.Cluster) },
		"reason":  func(n *yaml.Node) error { return y.text(n, "reason", &a.Reason) },
		"expires": func(n *yaml.Node) (err error) {
			var day string
			if err := y.text(n, "expires", &day, "!!timestamp"); err != nil {
				return err
			}
			if a.Expires, err = time.Parse(time.DateOnly, day); err != nil {
				return y.fail(n, "expires is %q, which is not a day: pass the last day on which it holds, such as 2027-01-31", brief(day))
			}
			return nil
		},
		"max-share": func(n *yaml.Node) error {
			if err := y.number(n, "max-share", &a.MaxSharePercent); err != nil {
				return err
			}
			if a.MaxSharePercent < 1 || a.MaxSharePercent > 100 {
				return y.fail(n, "max-share is %d: pass a whole number from 1 to 100", a.MaxSharePercent)
			}
			return nil
		},
	}, "account", "cluster", "reason", "expires")
	if err == nil {
		c.Accepted = append(c.Accepted, a)
	}
	return err
}

// causeOf returns what is wrong with a path, which the message has already.
func causeOf(err error) error {
	var wrapped *os.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
