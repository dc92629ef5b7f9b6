package clienturl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/jsm.go/natscontext"

	"github.com/nats-balance/nats-balance/checks"
)

// maxContext is the most that is read of a context's file.
const maxContext = 1 << 20

// Contexts reads the server list of every `nats` context of this machine's
// user, whichever is selected. A context that can't be read is a warning. What
// a context would have another program look up stays unknown: none is run.
func Contexts(ctx context.Context) (Found, error) {
	var found Found
	backend := natscontext.NewDefaultFileBackend()
	names, err := backend.List(ctx)
	if err != nil {
		return found, fmt.Errorf("the `nats` contexts can't be listed: %w", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return Found{}, err
		}
		list, err := contextList(backend.Path(name))
		if err != nil {
			found.Read.skip(name, SkipFailed)
			found.warn(fmt.Sprintf("context %s %s", name, err))
			continue
		}
		list.Origin = "context " + name
		found.Read.Files++
		found.Lists = append(found.Lists, list)
	}
	if len(found.Lists) == 0 {
		found.warn("no `nats` context with a server list on this machine")
	}
	found.Read.count(found.Lists)
	return found, nil
}

func contextList(path string) (checks.URLList, error) {
	var none checks.URLList
	data, err := readRegular(path, maxContext)
	if err != nil {
		return none, fmt.Errorf("can't be read: %w", cause(err))
	}
	// Raw: anything else runs nsc where the context names it.
	c, err := natscontext.NewFromBytesRaw(data)
	if err != nil {
		return none, errors.New("is not valid JSON") // the error may quote secrets
	}
	var plain struct{ URL, NSC string }
	if err := json.Unmarshal(data, &plain); err == nil && plain.URL == "" && plain.NSC != "" {
		return none, errors.New("has its servers looked up by nsc, which is not run: pass --client-url")
	}
	list := checks.URLList{Ordered: checks.Unknown}
	for part := range strings.SplitSeq(c.ServerURL(), ",") {
		if strings.TrimSpace(part) == "" {
			continue // clients pass over it
		}
		endpoint, user, err := parsePart(part, len(list.Endpoints))
		if err != nil {
			return none, fmt.Errorf("has a URL that %w", err)
		}
		list.Endpoints, list.User = append(list.Endpoints, endpoint), cmp.Or(list.User, user)
	}
	if len(list.Endpoints) == 0 {
		return none, errors.New("has no URL")
	}
	switch {
	case c.User() != "": // the client takes the user first, then credentials
		list.User = c.User()
	case c.Creds() != "":
		list.Account = referredAccount(c.Creds())
	case c.UserJWT() != "":
		list.Account = credsAccount([]byte(c.UserJWT()))
	}
	return list, nil
}
