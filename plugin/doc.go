// Package plugin is the nats-balance command suite as a fisk application, to run
// or to embed. It has what a program outside needs and nothing more: the commands
// are in internal/cli.
//
// # Embedding
//
// Another fisk application adds the commands to a command of its own and
// connects in its own way. As a native `nats audit concentration` it would be:
//
//	audit := app.Command("audit", "Audits a NATS deployment")
//	plugin.AddConcentration(audit, plugin.Host{
//		Connect: func(ctx context.Context) (*nats.Conn, error) { return connect(ctx) },
//		Timeout: func() time.Duration { return opts.Timeout },
//	})
//
// # In nats audit
//
// The checks are checks of jsm.go as well, which a
// collection runs over an archive of `nats audit gather` beside the shipped
// ones:
//
//	collection, _ := audit.NewDefaultCheckCollection()
//	_ = plugin.RegisterChecks(collection)
//	reader, _ := archive.NewReader("audit.zip")
//	analysis := collection.Run(reader, 10, api.NewDiscardLogger())
//	report, _ := analysis.ToMarkdown(audit.MarkdownFormatTemplate, 0)
//
// # Outcome
//
// The action of a command returns an error where the audit came to an outcome
// other than pass, see [OutcomeError]; [ExitStatus] has the status to exit
// with.
package plugin
