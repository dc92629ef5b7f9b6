package cli

import (
	"bytes"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/report"
)

// addChecks adds `audit checks`, which lists the checks. It needs no server.
func addChecks(parent Commander, h Host) {
	h = h.withDefaults()
	asJSON := false
	cmd := parent.Command("checks", "Lists the checks with their thresholds")
	cmd.HelpLong("Examples:\n\n  nats-balance audit checks\n  nats-balance audit checks --json")
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	cmd.Flag("json", "Produce JSON output").Short('j').UnNegatableBoolVar(&asJSON)
	cmd.Action(func(*fisk.ParseContext) error {
		return h.page(func() ([]byte, error) {
			var b bytes.Buffer
			if asJSON {
				err := report.JSON(&b, report.Checks())
				return b.Bytes(), err
			}
			err := report.ChecksText(&b, report.Checks(), h.columns())
			return b.Bytes(), err
		})
	})
}
