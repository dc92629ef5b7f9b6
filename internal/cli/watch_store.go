package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/natsconn"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// storeFlags are the flags that say where history is kept, and how much of it.
type storeFlags struct {
	place, keep, bytes, replicas string
	off                          bool
	keepGiven, bytesGiven        bool

	limits history.Limits
}

func (s *storeFlags) flags(cmd *fisk.CmdClause) {
	placeFlag(cmd, "store", "Where to record: a directory, or a context whose account has JetStream (default a directory of this user)", &s.place)
	cmd.Flag("no-store", "Record nothing").UnNegatableBoolVar(&s.off)
	duration(cmd, "keep", "How long to keep what is recorded (default 30d)", "30d", &s.keep)
	cmd.Flag("keep-bytes", "The most to keep, the oldest is removed first (default 1GB)").Default("1GB").PlaceHolder("SIZE").Validator(notEmpty("keep-bytes", "a size such as 1GB")).StringVar(&s.bytes)
	cmd.GetFlag("keep").IsSetByUser(&s.keepGiven)
	cmd.GetFlag("keep-bytes").IsSetByUser(&s.bytesGiven)
	cmd.Flag("store-replicas", "Replicas of the stream, where --store is a context (default 1)").Default("1").PlaceHolder("N").Validator(notEmpty("store-replicas", "a whole number")).StringVar(&s.replicas)
}

func placeFlag(cmd *fisk.CmdClause, name, help string, to *string) {
	empty := notEmpty(name, "a directory or a context")
	cmd.Flag(name, help).PlaceHolder("DIRECTORY|CONTEXT").Validator(func(place string) error {
		if strings.Contains(place, "://") { // it may have a password
			return &usageError{err: fmt.Errorf("--%s is a URL: pass a directory, or the name of a context whose account has JetStream", name)}
		}
		return empty(place)
	}).StringVar(to)
}

func (s *storeFlags) validate() (err error) {
	if s.off && s.place != "" {
		return errors.New("--store and --no-store are both given: pass one of them")
	}
	if s.off && (s.keepGiven || s.bytesGiven) {
		return errors.New("--keep and --keep-bytes are for what is recorded: leave them out, or --no-store")
	}
	if s.limits.Keep, err = readDuration("keep", s.keep, time.Hour, 10*365*24*time.Hour); err != nil {
		return err
	}
	if err = wholeNumber("store-replicas", s.replicas, &s.limits.Replicas); err != nil {
		return err
	}
	if s.limits.Replicas < 1 || s.limits.Replicas > 5 {
		return fmt.Errorf("--store-replicas is %d: pass a whole number from 1 to 5", s.limits.Replicas)
	}
	if dir, err := directory(s.place); s.limits.Replicas != 1 && (s.off || err == nil && dir != "") {
		return errors.New("--store-replicas is for a store in the account of a context: pass --store CONTEXT, or leave it out")
	}
	if s.limits.Bytes, err = readBytes("keep-bytes", s.bytes); err != nil {
		return err
	}
	return nil
}

// readBytes reads a size with a unit of powers of 1,000 or 1,024.
func readBytes(flag, text string) (int64, error) {
	number := strings.TrimRight(text, "KMGTiBkb")
	n := 0
	err := wholeNumber(flag, number, &n)
	units := map[string]int64{"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
	unit, ok := units[text[len(number):]]
	const least, most = 1 << 20, 100 << 40
	if err != nil || !ok || number == "" || int64(n) > most/unit || int64(n)*unit < least {
		return 0, fmt.Errorf("--%s is %q: pass a size of 1MiB or more, such as 500MB or 2GiB", flag, text)
	}
	return int64(n) * unit, nil
}

// isDirectory reports whether a place is a directory, not a context. What is a path
// is one, and so is what there is.
func isDirectory(place string) bool {
	if strings.ContainsRune(place, os.PathSeparator) || strings.Contains(place, "/") || place == "." {
		return true
	}
	info, err := os.Stat(place)
	return err == nil && info.IsDir()
}

// directory is the directory of a place, or of this user; empty for a context.
func directory(place string) (string, error) {
	switch {
	case place == "":
		return history.DefaultDir()
	case isDirectory(place):
		return filepath.Clean(place), nil
	}
	return "", nil
}

// shown is the place with its limits, for people; nil where nothing is recorded.
func (s *storeFlags) shown() *report.WatchStore {
	if s.off {
		return nil
	}
	out := &report.WatchStore{Context: s.place, Keep: s.limits.Keep, Bytes: s.bytes}
	if dir, err := directory(s.place); err == nil {
		out.Directory = dir
	}
	return out
}

func (s *storeFlags) open(ctx context.Context, h Host) (*history.Store, error) {
	dir, err := directory(s.place)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		own, err := ownStore(dir)
		if err != nil {
			return nil, fmt.Errorf("--store %s %w", words.Harmless(dir), err)
		}
		return history.OpenLocal(ctx, own, s.limits)
	}
	store, err := s.use(ctx, h)
	if err != nil {
		return nil, err
	}
	store.Again = func(ctx context.Context) (*history.Store, error) { return s.use(ctx, h) }
	return store, nil
}

// use is the store of a context, with its credentials as they are now.
func (s *storeFlags) use(ctx context.Context, h Host) (*history.Store, error) {
	nc, err := contextSettings("store", s.place, h).Connect(ctx, h.tracef)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", words.Harmless(s.place), err)
	}
	store, err := history.Use(ctx, nc, s.limits)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return store, nil
}

// openHistory opens a place, of a flag, to read what is there.
func openHistory(ctx context.Context, flag, place string, h Host) (*history.Store, error) {
	dir, err := directory(place)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		return history.ReadLocal(ctx, dir, via(h))
	}
	nc, err := contextSettings(flag, place, h).Connect(ctx, h.tracef)
	if err != nil {
		return nil, fmt.Errorf("--%s %s: %w", flag, words.Harmless(place), err)
	}
	store, err := history.Read(ctx, nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return store, nil
}

// via is how a recorder that runs is reached, with the bounds of all files and
// connections.
func via(h Host) history.Via {
	return history.Via{
		Read: func(ctx context.Context, path string, most int64) ([]byte, error) {
			return reading(ctx, h, "the file", path, func() ([]byte, error) { return readUpTo(path, most) })
		},
		Connect: func(ctx context.Context, url, token string) (*nats.Conn, error) {
			s := natsconn.Settings{NoContext: true, NoReconnect: true, Servers: url, Token: token, Name: connectionName(), Timeout: h.Timeout()}
			return s.Connect(ctx, h.tracef)
		},
	}
}

// contextSettings lead to the servers of a context that a flag names, with nothing of the flags and
// the environment of this command: those are for other servers.
func contextSettings(flag, name string, h Host) *natsconn.Settings {
	return &natsconn.Settings{Context: name, ContextFlag: "--" + flag, Name: connectionName(), Timeout: h.Timeout()}
}
