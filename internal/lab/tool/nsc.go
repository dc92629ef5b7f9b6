package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// NSC is the real nsc with a store of its own: one operator, its accounts and
// their users. Nothing of the user's own nsc is read or written.
type NSC struct {
	dir string
	exe string
	env []string
}

// nscOperator is the name of the operator of a store.
const nscOperator = "LAB"

// NewNSC builds nsc and has it make an operator in a folder, with a system
// account called [lab.SystemAccount] and the user "sys" of it. The folder is to
// exist, and to be the store's alone.
func NewNSC(ctx context.Context, dir string) (*NSC, error) {
	exe, err := Build(ctx, ProgramNSC)
	if err != nil {
		return nil, err
	}
	n := &NSC{dir: dir, exe: exe, env: nscEnvironment(os.Environ(), dir)}
	_, err = n.Run(ctx, "add", "operator", "--name", nscOperator, "--sys")
	return n, err
}

// nscEnvironment is an environment that leads nsc nowhere but to the folder.
func nscEnvironment(from []string, dir string) []string {
	var env []string
	for _, v := range from {
		name, _, _ := strings.Cut(v, "=")
		if name == "HOME" || name == "USERPROFILE" || strings.HasPrefix(name, "XDG_") || strings.HasPrefix(name, "NSC_") || strings.HasPrefix(name, "NKEYS_") {
			continue
		}
		env = append(env, v)
	}
	return append(env, "HOME="+dir, "USERPROFILE="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
}

// Run runs nsc on the store and returns what it prints, also with an error.
func (n *NSC) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, n.exe, append([]string{"--all-dirs", n.dir}, args...)...)
	cmd.Env = n.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("nsc %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Each runs one nsc after the other, each given as its arguments with a blank
// between them.
func (n *NSC) Each(ctx context.Context, lines ...string) error {
	for _, line := range lines {
		if _, err := n.Run(ctx, strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// Creds is the path of a user's credentials file, as nsc has written it.
func (n *NSC) Creds(account, user string) string {
	return filepath.Join(n.dir, "creds", nscOperator, account, user+".creds")
}

// AccountID is an account's public key.
func (n *NSC) AccountID(name string) (string, error) {
	id, _, err := n.account(name)
	return id, err
}

// accounts are the names of the ordinary accounts.
func (n *NSC) accounts() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(n.dir, nscOperator, "accounts"))
	var out []string
	for _, e := range entries {
		if e.Name() != lab.SystemAccount {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// account is an account's id and JWT.
func (n *NSC) account(name string) (id, token string, err error) {
	data, err := os.ReadFile(filepath.Join(n.dir, nscOperator, "accounts", name, name+".jwt"))
	if err != nil {
		return "", "", err
	}
	token = strings.TrimSpace(string(data))
	claims, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return "", "", fmt.Errorf("account %s: %w", name, err)
	}
	return claims.Subject, token, nil
}

// SigningKey adds a signing key to an account and returns it.
func (n *NSC) SigningKey(ctx context.Context, account string) (string, error) {
	out, err := n.Run(ctx, "edit", "account", "--name", account, "--sk", "generate")
	if err != nil {
		return "", err
	}
	if _, rest, found := strings.Cut(out, `signing key "`); found {
		key, _, _ := strings.Cut(rest, `"`)
		return key, nil
	}
	return "", errors.New("nsc does not tell the signing key that it added")
}

// configuration is what nsc generates for nats-server: the operator, the system
// account, and the resolver that the flag says.
func (n *NSC) configuration(ctx context.Context, resolver string) (string, error) {
	file := filepath.Join(n.dir, "generated.conf")
	if _, err := n.Run(ctx, "generate", "config", resolver, "--sys-account", lab.SystemAccount, "--config-file", file, "--force"); err != nil {
		return "", err
	}
	data, err := os.ReadFile(file)
	return string(data), err
}
