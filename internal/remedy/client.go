package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// haveAll reports whether each list of these clients is known to have all servers of the
// cluster already, by their own addresses.
func (x *facts) haveAll() bool {
	if !x.Tied || len(x.Own) == 0 || x.Missing > 0 {
		return false
	}
	for _, l := range x.Own {
		reached := l.Reach.Servers()
		for i := range x.d.Servers {
			if x.d.Servers[i].Cluster == x.f.Cluster && !slices.Contains(reached, i) {
				return false
			}
		}
		if !l.Certain() || slices.ContainsFunc(l.Reach.Arrivals, func(a cause.Arrival) bool { return a.Own != checks.Yes }) {
			return false
		}
	}
	return true
}

// clientConfig is the connect call with all servers.
func (x *facts) clientConfig() (Remedy, bool) {
	if x.mostly(checks.MQTT) {
		return Remedy{}, false // MQTT clients have no such list
	}
	if x.haveAll() {
		return Remedy{}, false
	}
	urls, whole, open := x.urls()
	r := Remedy{Title: "Give the clients of " + x.account + " all servers, in random order", Line: strings.Join(urls, ","), Open: open}
	if x.Missing > 0 {
		r.Title = "Give the clients of " + x.account + " all servers, also those missing here, in random order"
	}
	var why []string
	if x.listenerFirst() {
		r.Title += ", once these have the listener"
		why = append(why, "Only after "+string(cause.RemedyListener)+": servers without it take none of them.")
	}
	switch {
	case x.strong(cause.SingleURL):
		why = append(why, "They know the address of "+x.here+" only.")
	case x.strong(cause.OrderedConnect):
		why = append(why, "They take the first server of their list.")
	case x.strong(cause.StickyLoadBalancer):
		why = append(why, "Clients that know all servers need no load balancer.")
	case x.unknown:
		why = append(why, "This is right for every cause.")
	}
	why = append(why, "Clients shuffle their list, so they spread, and find another server when one fails.",
		"It takes a restart of their processes, a few at a time.")
	languages := x.languages()
	if len(languages) == 0 {
		languages = []string{"go"}
		why = append(why, "Their languages are unknown.")
	}
	if !whole {
		why = append(why, fmt.Sprintf("The list has %s of the %s servers: that is enough, as servers advertise the others.", words.Count(len(urls)), words.Count(x.servers())))
	}
	r.Why = strings.Join(why, " ") + x.addresses() + " Fill in the name and the credentials."
	for _, lang := range languages {
		r.Snippets = append(r.Snippets, Snippet{Lang: lang, Text: connectCall(lang, urls, x.mostly(checks.WebSocket))})
	}
	return r, true
}

// languages are those that the account's clients announce and there is a
// snippet for, the one of most connections first.
func (x *facts) languages() []string {
	if x.Profile == nil {
		return nil
	}
	counts := map[string]int{}
	var out []string
	for _, g := range x.Profile.Languages {
		lang := cause.LibraryOf(g.Key).Language
		if lang == "" || g.Other {
			continue
		}
		if _, seen := counts[lang]; !seen {
			out = append(out, lang)
		}
		counts[lang] += total(g.Counts)
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return out
}

// connectCall is how a client connects to these servers, in a language of
// [cause.Library]. None switches off that the list is shuffled.
func connectCall(lang string, urls []string, websocket bool) string {
	lines := func(indent, after string) string {
		var b strings.Builder
		for _, u := range urls {
			b.WriteString(indent + `"` + u + `"` + after + "\n")
		}
		return b.String()
	}
	switch lang {
	case "python":
		return "nc = await nats.connect(\n    servers=[\n" + lines("        ", ",") +
			"    ],\n    name=\"YOUR-SERVICE\",\n    user_credentials=\"/path/to/YOUR.creds\",\n)\n"
	case "java":
		return "Options options = new Options.Builder()\n    .servers(new String[] {\n" + lines("        ", ",") +
			"    })\n    .connectionName(\"YOUR-SERVICE\")\n    .authHandler(Nats.credentials(\"/path/to/YOUR.creds\"))\n    .build();\n" +
			"Connection nc = Nats.connect(options);\n"
	case "javascript":
		if websocket {
			return "import { credsAuthenticator, wsconnect } from \"@nats-io/nats-core\";\n\n" +
				"// creds: the content of YOUR.creds, as bytes\nconst nc = await wsconnect({\n  servers: [\n" + lines("    ", ",") +
				"  ],\n  name: \"YOUR-SERVICE\",\n  authenticator: credsAuthenticator(creds),\n});\n"
		}
		return "import { readFileSync } from \"node:fs\";\nimport { connect, credsAuthenticator } from \"@nats-io/transport-node\";\n\n" +
			"const nc = await connect({\n  servers: [\n" + lines("    ", ",") +
			"  ],\n  name: \"YOUR-SERVICE\",\n  authenticator: credsAuthenticator(readFileSync(\"/path/to/YOUR.creds\")),\n});\n"
	case "csharp":
		return "await using var nc = new NatsConnection(new NatsOpts\n{\n    Url = string.Join(\",\",\n" +
			strings.TrimSuffix(lines("        ", ","), ",\n") + "),\n    Name = \"YOUR-SERVICE\",\n" +
			"    AuthOpts = new NatsAuthOpts { CredsFile = \"/path/to/YOUR.creds\" },\n});\nawait nc.ConnectAsync();\n"
	case "rust":
		return "let servers = [\n" + lines("    ", ".parse::<async_nats::ServerAddr>()?,") + "];\n" +
			"let nc = async_nats::ConnectOptions::with_credentials_file(\"/path/to/YOUR.creds\")\n    .await?\n" +
			"    .name(\"YOUR-SERVICE\")\n    .connect(servers.as_slice())\n    .await?;\n"
	case "c":
		return "const char *urls[] = {\n" + lines("    ", ",") + "};\nnatsOptions *opts = NULL;\nnatsConnection *nc = NULL;\n" +
			"natsStatus s = natsOptions_Create(&opts);\n" +
			fmt.Sprintf("if (s == NATS_OK) s = natsOptions_SetServers(opts, urls, %d);\n", len(urls)) +
			"if (s == NATS_OK) s = natsOptions_SetName(opts, \"YOUR-SERVICE\");\n" +
			"if (s == NATS_OK) s = natsOptions_SetUserCredentialsFromFiles(opts, \"/path/to/YOUR.creds\", NULL);\n" +
			"if (s == NATS_OK) s = natsConnection_Connect(&nc, opts);\n"
	}
	return "urls := []string{\n" + lines("\t", ",") + "}\nnc, err := nats.Connect(strings.Join(urls, \",\"),\n" +
		"\tnats.Name(\"YOUR-SERVICE\"),\n\tnats.UserCredentials(\"/path/to/YOUR.creds\"))\n"
}

// orderOff takes out what makes clients keep the order of their list.
func (x *facts) orderOff() Remedy {
	r := Remedy{Title: "Let the clients of " + x.account + " choose at random"}
	var where []string
	names := false
	for _, l := range x.lists {
		if l.Ordered == checks.Yes && !slices.Contains(where, shown(l.Origin)) {
			where = append(where, shown(l.Origin))
		}
		names = names || slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return e.Name != nil && len(e.Addresses) > 1 })
	}
	first := "They take the first server that they find, which is " + x.here + "; closed connections all go to the next one."
	if !x.strong(cause.OrderedConnect) {
		first = "If they take the first server of their list, which is " + x.here + ", closed connections all go to the next one: look whether they do."
	}
	why := []string{first}
	if len(where) > 0 || !names {
		at := "the list"
		if len(where) > 0 {
			at = "the list of " + words.Few(where)
		}
		why = append(why, "Take out the option beside "+at+" that keeps the order, and restart the clients.")
		languages := x.languages()
		if len(languages) == 0 {
			languages = []string{"go"}
		}
		for _, lang := range languages {
			r.Snippets = append(r.Snippets, Snippet{Lang: lang, Text: orderOption(lang)})
		}
	}
	if names {
		why = append(why, "Where DNS gives the order, let it rotate, or list a name for each server: lists are shuffled, but some libraries take the addresses of a name in the order of the answer.")
		r.Snippets = append(r.Snippets, Snippet{Lang: "bind", Text: "options { rrset-order { order random; }; };\n"})
	}
	r.Why = strings.Join(why, " ")
	return r
}

// orderOption is the option to take out, as a comment.
func orderOption(lang string) string {
	switch lang {
	case "python":
		return "# take out: dont_randomize=True\n"
	case "java":
		return "// take out: .noRandomize()\n"
	case "javascript":
		return "// take out: noRandomize: true\n"
	case "csharp":
		return "// take out: NoRandomize = true\n"
	case "rust":
		return "// take out: .retain_servers_order()\n"
	case "c":
		return "// take out: natsOptions_SetNoRandomize(opts, true);\n"
	}
	return "// take out: nats.DontRandomize(), and NoRandomize: true in nats.Options\n"
}

// oneConnection is for a process that holds many.
func (x *facts) oneConnection() Remedy {
	r := Remedy{Title: "Use one connection in each process, and several processes"}
	lang := "go"
	if ls := x.languages(); len(ls) > 0 {
		lang = ls[0]
	}
	why := ""
	if p, ok := x.largestProcess(); ok {
		name := "without a name"
		if p.Name != "" {
			name = "named " + shown(p.Name)
		}
		why = fmt.Sprintf("%s of %s on %s come from %s, %s. ", words.Plural(p.Counts[0], "connection"), x.account, x.here, p.Addr, name)
		if l := cause.LibraryOf(p.Language).Language; l != "" {
			lang = l
		}
	}
	urls, _, _ := x.urls()
	r.Why = why + "A connection serves any number of subscriptions and threads. Where a pool is needed, let each of its connections choose from the full list. " +
		"Run several instances on several hosts." + x.addresses()
	r.Snippets = []Snippet{{Lang: lang, Text: connectCall(lang, urls, x.mostly(checks.WebSocket))}}
	return r
}

// largestProcess is the one with most connections on the concentrated server.
func (x *facts) largestProcess() (checks.Process, bool) {
	if x.Profile == nil {
		return checks.Process{}, false
	}
	var best checks.Process
	for _, p := range x.Profile.Processes {
		if len(p.Counts) > 0 && (len(best.Counts) == 0 || p.Counts[0] > best.Counts[0]) {
			best = p
		}
	}
	return best, len(best.Counts) > 0 && best.Addr.IsValid()
}
