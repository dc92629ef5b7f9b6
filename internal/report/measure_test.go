package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// Every format calls what another measure counts by its name.
func TestFormatsOfAnotherMeasure(t *testing.T) {
	t.Parallel()
	m := checks.Measure{
		Check: checks.Check{Code: "OPT_SUBS_001", Name: "Subscription Hotspot"}, Command: "subscriptions", Unit: "subscription", Noun: "subscription",
		Of: func(u checks.Usage) int { return int(u.Connections) },
	}
	f := hot().server("C2", "connections\": 1", 0, "ORDERS", 1).missing("C3", "gone", 100, "no answer")
	in := HotspotInput{Parameters: m.Defaults(), Deployment: &f.Deployment, All: true}
	in.Result = checks.CheckHotspots(in.Deployment, in.Parameters)
	doc := NewHotspots(in)
	for _, format := range HotspotFormats() {
		var b bytes.Buffer
		if err := WriteHotspots(&b, doc, format, Style{}); err != nil {
			t.Fatal(err)
		}
		// The one that is left is the name of a server.
		text := strings.ReplaceAll(strings.ToLower(b.String()), `connections\": 1`, "")
		text = strings.ReplaceAll(text, `connections"": 1`, "")
		for _, quoted := range []string{`connections": 1`, `connections&#34;: 1`} {
			text = strings.ReplaceAll(text, quoted, "")
		}
		if strings.Contains(text, "connection") || strings.Contains(text, "concentrated (") || !strings.Contains(text, "subscriptions") {
			t.Errorf("%s:\n%s", format, b.String())
		}
		if format == "json" && !json.Valid(b.Bytes()) {
			t.Errorf("%s", b.String())
		}
	}
}
