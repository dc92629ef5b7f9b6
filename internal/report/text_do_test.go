package report

import (
	"strings"
	"testing"
)

// A command on a screen is whole, or the title says where it is; one that only
// checks says so.
func TestWhatToDoOnAScreen(t *testing.T) {
	t.Parallel()
	long := "nats-balance rebalance --account ORDERS --cluster production --client-url ORDERS=nats://nats-1.example.com:4222,nats://nats-2.example.com:4222 " +
		"--server nats://nats-1.example.com:4222 --user admin --password \"$NATS_PASSWORD\""
	conf := "nats-server -t -c nats.conf"
	move := Remedy{Title: "Move 11 connections of ORDERS off n1", Commands: []string{long}}
	for _, c := range []struct {
		name   string
		all    []Remedy
		height int
		want   string
		whole  bool // all of long is there
	}{
		{"room for all lines", []Remedy{move}, 6, "off n1\n", true},
		{"no room", []Remedy{move}, 3, "off n1; --details has the command\n", false},
		{"not a line more", []Remedy{move}, 1, "--details has the command\n", false},
		{"those that follow keep their lines", []Remedy{move, {Title: "Second"}, {Title: "Third"}}, 5, "--details has the command\n        2. Second\n        3. Third\n", false},
		{"a check", []Remedy{{Title: "Put ORDERS on n2", byHand: "copy its block", Commands: []string{conf, "reload"}, checks: []string{conf}}}, 4,
			"Put ORDERS on n2\n           copy its block\n           check: nats-server -t -c nats.conf\n", false},
		{"a check alone", []Remedy{{Title: "Let x have all addresses", Commands: []string{"dig x"}, checks: []string{"dig x"}}}, 4, "addresses\n           check: dig x\n", false},
		{"a command before its check", []Remedy{{Title: "Patch", Commands: []string{"kubectl patch", "audit urls"}, checks: []string{"audit urls"}}}, 4, "Patch\n           kubectl patch\n", false},
		{"URLs", []Remedy{{Title: "Give them all", line: "nats://a:1,nats://b:2"}}, 4, "Give them all\n           nats://a:1,nats://b:2\n", false},
		{"URLs to fill in", []Remedy{{Title: "Give them all", line: "nats://a:1,nats://<n2's address>:2", open: true}, {Title: "Second"}}, 4, "Give them all\n        2. Second\n", false},
		{"a URL with what looks like one to fill in", []Remedy{{Title: "Give them all", line: "nats://a:1/<b>"}}, 4, "Give them all\n           nats://a:1/<b>\n", false},
		{"a long title", []Remedy{{Title: strings.Repeat("word ", 13) + "end", Commands: []string{long}}}, 2, "end\n           --details has the command\n", false},
		{"a long title, and not a line more", []Remedy{{Title: "Move 12,345 connections of" + strings.Repeat(" word", 8), Commands: []string{long}}}, 1,
			"Move 12,345 connections of word word …; --details has the command\n", false},
	} {
		p := newPrinter(Style{})
		p.do(Finding{Remedies: c.all}, c.height)
		got := p.b.String()
		if !strings.Contains(got, c.want) || p.lines() > c.height {
			t.Errorf("%s: in %d lines\n%s", c.name, c.height, got)
		}
		pasted := strings.Join(strings.Fields(strings.ReplaceAll(got, "\\\n", " ")), " ")
		if strings.Contains(pasted, long) != c.whole || !c.whole && strings.Contains(got, "--client-url") {
			t.Errorf("%s: the command is in parts:\n%s", c.name, got)
		}
	}
}
