package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/choria-io/fisk"
	"github.com/nats-io/jsm.go/natscontext"

	"github.com/nats-balance/nats-balance/internal/words"
)

// suggest adds to an error of the parser the flags or commands that may have been
// meant. It shows names of ours only: what was typed may be part of a credential.
func suggest(app *fisk.Application, args []string, err error) error {
	flags, commands := namesFor(app, args)
	if errors.Is(err, fisk.ErrSubCommandRequired) {
		return fmt.Errorf("%w: %s", err, words.Or(commands))
	}
	if errors.Is(err, fisk.ErrExpectedFlagArgument) {
		return withValue(args, flags, err)
	}
	known := commands
	if errors.Is(err, fisk.ErrUnknownLongFlag) {
		known = flags
	} else if !errors.Is(err, fisk.ErrExpectedKnownCommand) {
		return err
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if slices.Contains(known, name) || strings.HasPrefix(name, "-") != errors.Is(err, fisk.ErrUnknownLongFlag) || slices.Contains(flags, name) {
			continue
		}
		if isNear(name, known) {
			return fmt.Errorf("%w (did you mean %s?)", err, words.Or(near(name, known)))
		}
	}
	return err
}

// withValue adds how to pass a value that begins with a dash where one follows the flag that
// an error names: it is taken for a flag.
func withValue(args, flags []string, err error) error {
	for i, arg := range args[:max(0, len(args)-1)] {
		if slices.Contains(flags, arg) && strings.HasPrefix(args[i+1], "-") && repeats(err, arg) {
			return fmt.Errorf("%w: pass a value, as in %s=VALUE where it begins with -", err, arg)
		}
	}
	return fmt.Errorf("%w: pass a value", err)
}

// isNear reports whether few of the known names are near a name.
func isNear(name string, known []string) bool {
	const most = 3
	meant := near(name, known)
	return len(meant) < len(known) && len(meant) <= most
}

// namesFor returns the flags and the commands that the arguments may have, as far as
// these can be parsed.
func namesFor(app *fisk.Application, args []string) (flags, commands []string) {
	parsed, _ := app.ParseContext(args)
	model := app.Model()
	flags, commands = knownNames(model.FlagGroupModel, model.CmdGroupModel)
	if c := parsed.SelectedCommand; c != nil {
		m := c.Model()
		var more []string
		more, commands = knownNames(m.FlagGroupModel, m.CmdGroupModel)
		flags = append(flags, more...)
	}
	return flags, commands
}

// allFlags returns the flags of all commands: one that this command does not have is
// no part of a credential either.
func allFlags(app *fisk.Application) (flags []string) {
	model := app.Model()
	var add func(*fisk.FlagGroupModel, *fisk.CmdGroupModel)
	add = func(g *fisk.FlagGroupModel, c *fisk.CmdGroupModel) {
		more, _ := knownNames(g, c)
		flags = append(flags, more...)
		if c != nil {
			for _, one := range c.Commands {
				add(one.FlagGroupModel, one.CmdGroupModel)
			}
		}
	}
	add(model.FlagGroupModel, model.CmdGroupModel)
	slices.Sort(flags)
	return slices.Compact(flags)
}

// knownNames returns the flags, with their dashes, and the commands of a model.
func knownNames(g *fisk.FlagGroupModel, c *fisk.CmdGroupModel) (flags, commands []string) {
	if g != nil {
		for _, f := range g.Flags {
			if !f.Hidden {
				flags = append(flags, "--"+f.Name)
			}
		}
	}
	if c != nil {
		for _, one := range c.Commands {
			if !one.Hidden {
				commands = append(commands, one.Name)
			}
		}
	}
	return flags, commands
}

// contexts returns the names of the contexts of this user, for shells to complete.
func contexts() []string { return natscontext.KnownContexts() }
