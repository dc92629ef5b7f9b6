package cli

import (
	"context"
	"fmt"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/config"
)

// settings is the flag --config, and what the command line says itself: that
// wins over the file.
type settings struct {
	path  string
	given map[string]*bool // flags of numbers that the user gave
}

// flags adds --config to a command that has all its other flags already.
func (s *settings) flags(cmd *fisk.CmdClause, numbers ...string) {
	s.add(cmd, "Read thresholds, client URLs, resolvers and accepted findings from this YAML file; flags win over it", numbers)
}

// thresholds adds --config to a command that judges, and looks for no causes.
func (s *settings) thresholds(cmd *fisk.CmdClause, numbers ...string) {
	s.add(cmd, "Read thresholds and accepted findings from this YAML file; flags win over it", numbers)
}

func (s *settings) add(cmd *fisk.CmdClause, help string, numbers []string) {
	s.given = map[string]*bool{}
	for _, name := range numbers {
		s.given[name] = new(bool)
		cmd.GetFlag(name).IsSetByUser(s.given[name])
	}
	cmd.Flag("config", help).PlaceHolder("FILE").Validator(notEmpty("config", "the path of a YAML file")).StringVar(&s.path)
}

// read reads the file; without one it has nothing.
func (s *settings) read(ctx context.Context, h Host) (*config.File, error) {
	if s.path == "" {
		return &config.File{}, nil
	}
	text, err := h.readRegular(ctx, "--config", s.path, config.MaxBytes)
	if err != nil {
		return nil, err
	}
	c, err := config.Parse(s.path, text)
	if err != nil {
		return nil, fmt.Errorf("--config %w", err)
	}
	return c, nil
}

// number is what the file has for a flag that was not given.
func (s *settings) number(c *config.File, flag string) (n int, ok bool) {
	n, ok = c.Thresholds[flag]
	return n, ok && !*s.given[flag]
}

// adopt takes from the file what no flag of its kind was given for.
func (s *clientListFlags) adopt(c *config.File) {
	if len(s.urls) == 0 {
		for _, l := range c.ClientURLs {
			s.urls = append(s.urls, l.Value)
			s.origins = append(s.origins, l.Origin)
		}
	}
	if len(s.configs) == 0 {
		for _, l := range c.ClientConfigs {
			s.configs = append(s.configs, l.Value)
		}
	}
	if len(s.resolvers) == 0 {
		s.resolvers = c.Resolvers
	}
}

// adopt takes what the file says of how to judge.
func (a *concentration) adopt(c *config.File) {
	a.lists.adopt(c)
	if a.expect.servers == "" {
		a.expect.servers = c.ExpectServers
	}
	a.parameters.Overrides, a.accepted = c.Overrides, c.Accepted
	for _, flag := range config.ThresholdFlags() {
		if n, ok := a.settings.number(c, flag); ok {
			*config.ThresholdOf(&a.parameters, flag) = n
		}
	}
}
