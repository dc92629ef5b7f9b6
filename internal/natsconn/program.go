package natsconn

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
)

// mostOfProgram bounds what a program's output may have.
const mostOfProgram = 1 << 20

// lookUp replaces credentials that a flag, an environment variable or a context
// gives as op://… or nsc://… by what the programs op and nsc say. natscontext
// would run them without a context, and leave what they started behind.
func (l *login) lookUp(ctx context.Context) error {
	var options []natscontext.Option
	for _, f := range l.references() {
		scheme, _, _ := strings.Cut(strings.ToLower(f.value), "://")
		var found []byte
		var err error
		switch scheme {
		case "op":
			found, err = run(ctx, "op", "read", "op"+f.value[len("op"):])
		case "nsc":
			found, err = userOfNSC(ctx, f.value)
		default:
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return l.explainFile(&fileError{f.of, fmt.Errorf("%s%w", f.prefix, err)})
		}
		encoded := base64.StdEncoding.EncodeToString(found)
		l.hide(strings.TrimSpace(string(found)), encoded)
		options = append(options, f.set("data:;base64,"+encoded))
	}
	if len(options) == 0 {
		return nil
	}
	data, err := json.Marshal(l.nctx)
	if err != nil {
		return err
	}
	l.nctx, err = natscontext.NewFromBytesRaw(data, options...)
	return err
}

// reference is a credential that may be looked up elsewhere.
type reference struct {
	value, prefix string
	of            subject
	set           func(string) natscontext.Option
}

// references are those of the kind of credentials that is taken.
func (l *login) references() []reference {
	c := l.nctx
	switch l.kind() {
	case "user":
		return []reference{{c.Password(), "password: ", ofSecret, natscontext.WithPassword}}
	case "creds":
		return []reference{{c.Creds(), "", ofCredentials, natscontext.WithCreds}}
	case "nkey":
		return []reference{{c.NKey(), "", ofCredentials, natscontext.WithNKey}}
	case "jwt":
		return []reference{{c.UserJWT(), "", ofJWT, natscontext.WithUserJWT}, {c.UserSeed(), "", ofCredentials, natscontext.WithUserSeed}}
	case "token":
		return []reference{{c.Token(), "token: ", ofSecret, natscontext.WithToken}}
	}
	return nil
}

// nscProfile is what nsc knows of a user.
type nscProfile struct {
	Creds    string `json:"user_creds"` // a file
	Operator struct {
		Service []string `json:"service"` // URLs of servers
	} `json:"operator"`
}

// profileOfNSC asks nsc for a user, OPERATOR/ACCOUNT/USER, with or without nsc://
// before it.
func profileOfNSC(ctx context.Context, user string) (nscProfile, error) {
	if scheme, rest, found := strings.Cut(user, "://"); found && strings.EqualFold(scheme, "nsc") {
		user = rest
	}
	var profile nscProfile
	out, err := run(ctx, "nsc", "generate", "profile", "nsc://"+user)
	if err != nil {
		return profile, err
	}
	// What it printed may have secrets, and so may an error of reading it.
	if err := json.Unmarshal(out, &profile); err != nil {
		return profile, errors.New("nsc prints no profile of the user")
	}
	return profile, nil
}

// userOfNSC is the creds file of a user that nsc knows.
func userOfNSC(ctx context.Context, user string) ([]byte, error) {
	profile, err := profileOfNSC(ctx, user)
	if err != nil {
		return nil, err
	}
	if profile.Creds == "" {
		return nil, errors.New("nsc names no creds file of the user")
	}
	return readFile(profile.Creds)
}

// run runs a program, which ends with the context, as does what it started.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("cannot find '%s' in user path", name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	out, said := limited{most: mostOfProgram}, limited{most: 1 << 10}
	if err := runGroup(cmd, &out, &said); err != nil {
		return nil, explainProgram(ctx, name, err, &said)
	}
	if out.more {
		return nil, fmt.Errorf("%s prints more than %d bytes", name, mostOfProgram)
	}
	return out.kept.Bytes(), nil
}

// runGroup runs a program. When it ends, so does at once what it started, which may
// hold its output open; what had been printed by then is read.
func runGroup(cmd *exec.Cmd, out, said io.Writer) error {
	start, done := asGroup(cmd)
	var reading sync.WaitGroup
	var pipes []*os.File
	for _, of := range []struct {
		to   *io.Writer
		keep io.Writer
	}{{&cmd.Stdout, out}, {&cmd.Stderr, said}} {
		r, w, err := os.Pipe()
		if err != nil {
			done()
			return err
		}
		defer func() { _ = w.Close() }() // again where it started
		*of.to, pipes = w, append(pipes, r)
		reading.Go(func() {
			_, _ = io.Copy(of.keep, r) // what can't be read was not printed
			_ = r.Close()
		})
	}
	err := start()
	if err == nil {
		err = cmd.Wait()
	}
	done()
	for _, w := range []io.Writer{cmd.Stdout, cmd.Stderr} {
		_ = w.(*os.File).Close() //nolint:forcetypeassert // set above
	}
	// What left its group holds them open still.
	const rest = time.Second
	late := time.AfterFunc(rest, func() {
		for _, r := range pipes {
			_ = r.Close()
		}
	})
	reading.Wait()
	late.Stop()
	return err
}

func explainProgram(ctx context.Context, name string, err error, said *limited) error {
	text := strings.TrimSpace(said.kept.String())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case text != "":
		return fmt.Errorf("%s failed: %s", name, text)
	}
	return fmt.Errorf("%s failed: %w", name, err)
}

// limited keeps the first of what is written, and takes all of it.
type limited struct {
	kept bytes.Buffer // not embedded: it would read past Write
	most int
	more bool
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.most-l.kept.Len())
	l.more = l.more || n < len(p)
	_, _ = l.kept.Write(p[:n]) // never fails
	return len(p), nil
}
