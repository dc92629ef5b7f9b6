package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/choria-io/fisk"
)

// manPage answers --help-man in place of the parser, whose page neither names
// its subject, which whatis needs, nor has the long help, and which takes some
// of the text for markup.
func manPage(app *fisk.Application, out io.Writer) fisk.Action {
	return func(parsed *fisk.ParseContext) error {
		for _, e := range parsed.Elements {
			if e.Clause == app.GetFlag("help-man") {
				_, err := io.WriteString(out, manText(app.Model()))
				if err == nil {
					panic(terminated{})
				}
				return err
			}
		}
		return nil
	}
}

// manText is a page of section 1 in the man macros, the same for equal
// releases: it has no date.
func manText(model *fisk.ApplicationModel) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", strings.ToUpper(model.Name), roff(model.Name+" "+Version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(model.Name), roff(model.Help))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n[\\fIflags\\fR] \\fIcommand\\fR [\\fIflags\\fR] [\\fIarguments\\fR]\n", roff(model.Name))
	b.WriteString(".SH COMMANDS\n")
	for _, cmd := range model.FlattenedCommands() {
		if cmd.Hidden || len(cmd.Commands) > 0 || cmd.Name == "help" {
			continue
		}
		fmt.Fprintf(&b, ".SS %s\n", roff(strings.TrimSpace(cmd.FullCommand+" "+arguments(cmd))))
		if cmd.HelpLong == "" {
			manParagraphs(&b, cmd.Help+".")
		} else {
			manParagraphs(&b, cmd.Help+".\n\n"+cmd.HelpLong)
		}
		manFlags(&b, cmd.Flags)
	}
	b.WriteString(".SH GLOBAL FLAGS\n")
	manFlags(&b, model.Flags)
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range [][2]string{
		{"0", "Audited, and no finding."},
		{"1", "At least one finding."},
		{"2", "At least one finding at or above the critical share."},
		{"3", "Not audited, or not completely; also wrong usage."},
	} {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", s[0], roff(s[1]))
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", roff("nats(1), https://github.com/nats-balance/nats-balance"))
	return b.String()
}

func arguments(cmd *fisk.CmdModel) string {
	var out []string
	for _, a := range cmd.Args {
		if a.Required {
			out = append(out, "<"+a.Name+">")
		} else {
			out = append(out, "[<"+a.Name+">]")
		}
	}
	return strings.Join(out, " ")
}

func manFlags(b *strings.Builder, flags []*fisk.FlagModel) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		switch {
		case f.IsBoolFlag() && f.IsNegatable():
			name = "--[no-]" + f.Name
		case !f.IsBoolFlag():
			name += "=" + f.FormatPlaceHolder()
		}
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(name), roff(f.HelpWithEnvar()+"."))
	}
}

// manParagraphs fills text, and leaves lines that are indented, which are
// examples, as they are.
func manParagraphs(b *strings.Builder, text string) {
	example, fresh := false, true
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		indented := strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
		switch {
		case strings.TrimSpace(line) == "":
			fresh = true
			continue
		case indented && !example:
			b.WriteString(".PP\n.nf\n.RS 4\n")
		case !indented && example:
			b.WriteString(".RE\n.fi\n.PP\n")
		case fresh:
			b.WriteString(".PP\n")
		}
		example, fresh = indented, false
		b.WriteString(roff(strings.TrimSpace(line)) + "\n")
	}
	if example {
		b.WriteString(".RE\n.fi\n")
	}
}

// roff makes text safe from being read as markup, its hyphens and quotes safe
// to copy, and the rest plain ASCII, which every reader of such pages takes.
func roff(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteByte(' ')
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '.' && i == 0:
			b.WriteString(`\&.`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
