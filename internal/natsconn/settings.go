package natsconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
)

// Settings are what leads to a connection. Each is as the flag of that name of the
// nats CLI has it; what is empty is the context's.
type Settings struct {
	Servers, User, Password, Token, Creds, NKey, JWT, Seed string
	TLSCert, TLSKey, TLSCA                                 string
	TLSFirst, NoContext                                    bool
	SocksProxy, InboxPrefix, Context, Name                 string
	Timeout                                                time.Duration

	// ContextFlag is the flag that names the context, where that is not --context: no other
	// flag leads to its servers then.
	ContextFlag string
	// NoReconnect is for a connection to one server alone: it ends where that ends,
	// and goes to no other that the server advertises.
	NoReconnect bool
	// Passed says which credentials are flags, not environment variables.
	Passed struct{ User, Password, Token, Creds, NKey, JWT bool }
}

// ServerURLs returns the URLs to connect with, separated by commas, without
// connecting.
func (c *Settings) ServerURLs(ctx context.Context) (string, error) {
	settings, err := c.load(ctx)
	if err != nil {
		return "", err
	}
	return settings.ServerURL(), nil
}

// credentials leaves the credentials of the flags and clears those that
// environment variables have of other kinds. It says whether there are any.
func (c *Settings) credentials() (replace bool, err error) {
	kinds := []struct {
		flag   string
		passed bool
		values []*string
	}{
		{"--user", c.Passed.User, []*string{&c.User, &c.Password}},
		{"--creds", c.Passed.Creds, []*string{&c.Creds}},
		{"--nkey", c.Passed.NKey, []*string{&c.NKey}},
		{"--jwt", c.Passed.JWT, []*string{&c.JWT, &c.Seed}},
		{"--token", c.Passed.Token, []*string{&c.Token}},
	}
	var flags []string
	for _, k := range kinds {
		if k.passed && k.flag != "--token" && (k.flag != "--user" || c.Password != "") {
			flags = append(flags, k.flag)
		}
		replace = replace || k.passed
	}
	if len(flags) > 1 {
		return true, fmt.Errorf("%s are credentials of different kinds: pass only one of them", strings.Join(flags, " and "))
	}
	for _, k := range kinds {
		if replace && !k.passed {
			for _, v := range k.values {
				*v = ""
			}
		}
	}
	return replace, nil
}

// load reads the context and lays the flags over it, as the nats CLI does, but
// that credentials passed as flags replace all of the context's: the CLI keeps
// a user of the context before --creds.
func (c Settings) load(ctx context.Context) (*natscontext.Context, error) {
	replace, err := c.credentials()
	if err != nil {
		return nil, err
	}
	opts := []natscontext.Option{
		natscontext.WithServerURL(c.Servers), natscontext.WithCreds(c.Creds), natscontext.WithNKey(c.NKey),
		natscontext.WithUserJWT(c.JWT), natscontext.WithUserSeed(c.Seed), natscontext.WithCertificate(c.TLSCert),
		natscontext.WithKey(c.TLSKey), natscontext.WithCA(c.TLSCA), natscontext.WithSocksProxy(c.SocksProxy),
		natscontext.WithInboxPrefix(c.InboxPrefix), natscontext.WithToken(c.Token),
	}
	if c.TLSFirst {
		opts = append(opts, natscontext.WithTLSHandshakeFirst())
	}
	if c.User != "" && c.Password == "" {
		opts = append(opts, natscontext.WithToken(c.User))
	} else {
		opts = append(opts, natscontext.WithUser(c.User), natscontext.WithPassword(c.Password))
	}
	stored, err := c.stored(ctx)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return natscontext.New("", false, opts...)
	}
	data, err := json.Marshal(stored.raw)
	if err != nil {
		return nil, err
	}
	var settings map[string]any
	if err := json.Unmarshal(data, &settings); err != nil {
		return nil, err
	}
	var kinds []string
	for _, kind := range []string{"user", "creds", "nkey", "nsc", "user_jwt"} {
		if value, _ := settings[kind].(string); value != "" {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case replace:
		for _, key := range []string{"user", "password", "token", "creds", "nkey", "user_jwt", "user_seed"} {
			delete(settings, key)
		}
	case len(kinds) > 1:
		return nil, fmt.Errorf(`context "%s" has credentials of different kinds, %s: leave one of them in it, or pass others with --creds, --user and --password, --nkey or --token`,
			redact(stored.raw.Name), strings.Join(kinds, " and "))
	}
	if user, _ := settings["nsc"].(string); user != "" {
		profile, err := c.profile(ctx, user)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, stored.explain(err)
		}
		settings["nsc"] = "" // or natscontext would run it
		if url, _ := settings["url"].(string); url == "" {
			settings["url"] = strings.Join(profile.Operator.Service, ",")
		}
		if !replace {
			opts = append([]natscontext.Option{natscontext.WithCreds(profile.Creds)}, opts...)
		}
	}
	if data, err = json.Marshal(settings); err != nil {
		return nil, err
	}
	return natscontext.NewFromBytes(data, opts...)
}

// profile is what nsc knows of a user that a context names, within the time-out.
func (c *Settings) profile(ctx context.Context, user string) (nscProfile, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return profileOfNSC(ctx, user)
}

// storedContext is a context as it stands in its file.
type storedContext struct {
	raw     *natscontext.Context
	explain func(error) error // why it can't be loaded
}

// stored reads the context of --context or the selected one; it is nil where
// there is none to read.
func (c *Settings) stored(ctx context.Context) (*storedContext, error) {
	if c.NoContext {
		return nil, nil
	}
	// Without expansion, as that would run nsc, and leave it behind.
	registry, name := natscontext.NewRegistry(contextFiles{natscontext.NewDefaultFileBackend()}, natscontext.WithoutExpansion()), c.Context
	if info, err := os.Stat(name); err == nil && !info.IsDir() && strings.HasSuffix(name, ".json") {
		file := natscontext.NewSingleFileBackend(name)
		registry, name = natscontext.NewRegistry(contextFile{file}, natscontext.WithoutExpansion()), file.Name()
	}
	if name == "" {
		var err error
		name, err = registry.Selected(ctx)
		if errors.Is(err, natscontext.ErrNoneSelected) {
			return nil, nil
		}
		if err != nil {
			return nil, c.explainContext(err, name, nil)
		}
	}
	explain := func(err error) error {
		others := slices.DeleteFunc(natscontext.KnownContexts(), func(other string) bool { return other == name })
		return c.explainContext(err, name, others)
	}
	raw, err := registry.Load(ctx, name)
	if err != nil {
		return nil, explain(err)
	}
	return &storedContext{raw, explain}, nil
}
