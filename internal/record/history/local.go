package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

const (
	// contactFile says how another process of the same user reads what a recorder
	// keeps in the folder.
	contactFile = "recorder.json"
	lockFile    = "lock"
	// longestContact is how many bytes of the contact file are read at most. It has
	// some 100.
	longestContact = 64 << 10
	// startsIn is how long the folder's server may take to start: it reads what is
	// there.
	startsIn = 30 * time.Second
	// othersRead is how long to wait for a process that has the folder and does not say
	// how to read from it: one that reads as well is done soon.
	othersRead = 2 * time.Second
)

// contact is what the contact file has.
type contact struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// TakenError is that another process records into a folder.
type TakenError struct{ dir string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("another process records into %s: stop it, or pass --store another directory", e.dir)
}

// DefaultDir is the folder of this user's recorder.
func DefaultDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "nats-balance"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no home directory for the history: pass --store DIRECTORY: %w", err)
	}
	return filepath.Join(home, ".local", "state", "nats-balance"), nil
}

// OpenLocal is the store in a folder, which is created, with a server of its own that
// only this user's processes can connect to. A folder is recorded into by one process
// at a time, see [TakenError].
func OpenLocal(ctx context.Context, dir string, limits Limits) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory of the history: %w", err)
	}
	l, err := serveLocal(dir, limits)
	if err != nil {
		return nil, err
	}
	if err := l.announce(); err != nil {
		l.close()
		return nil, fmt.Errorf("the directory of the history: %w", err)
	}
	limits.Replicas = 1
	s, err := Use(ctx, l.nc, limits)
	if err != nil {
		l.close()
		return nil, err
	}
	s.close, s.alone, s.local, s.presence = l.close, true, l, running
	s.Again = func(ctx context.Context) (*Store, error) { return OpenLocal(ctx, dir, limits) }
	return s, nil
}

// Via is how the caller reaches a recorder that runs. The folder may be another
// user's: neither its file nor the server that it names is trusted.
type Via struct {
	// Read reads a regular file. One with more bytes is an error.
	Read func(ctx context.Context, path string, most int64) ([]byte, error)
	// Connect logs in to a server with a token.
	Connect func(ctx context.Context, url, token string) (*nats.Conn, error)
}

// ReadLocal is the store in a folder, to read what is there: from the recorder that
// runs, or from the files where none does.
func ReadLocal(ctx context.Context, dir string, via Via) (*Store, error) {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, &NoHistoryError{dir}
	}
	l, err := serveLocal(dir, Limits{})
	var taken *TakenError
	for until := time.Now().Add(othersRead); errors.As(err, &taken); {
		s, failed := readRunning(ctx, dir, via)
		if failed == nil {
			return s, nil
		}
		var none *notRunningError
		wait := errors.As(failed, &none) && time.Now().Before(until) // another one that only reads
		if l, err = serveLocal(dir, Limits{}); errors.As(err, &taken) && !wait {
			return nil, failed // else it has ended meanwhile
		}
		if wait && err != nil {
			select {
			case <-ctx.Done():
				return nil, failed
			case <-time.After(othersRead / 40):
			}
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := Read(ctx, l.nc)
	if err != nil {
		l.close()
		var none *NoHistoryError
		if errors.As(err, &none) {
			none.where = dir
			if l.hasFiles() {
				return nil, &BrokenStreamError{dir}
			}
		}
		return nil, err
	}
	s.close, s.presence = l.close, nobody
	return s, nil
}

// notRunningError is that the process that says how to read from it is not there.
type notRunningError struct{ err error }

func (e *notRunningError) Error() string { return e.err.Error() }
func (e *notRunningError) Unwrap() error { return e.err }

// readRunning reads through the recorder that runs.
func readRunning(ctx context.Context, dir string, via Via) (*Store, error) {
	var c contact
	data, err := via.Read(ctx, filepath.Join(dir, contactFile), longestContact)
	if errors.Is(err, fs.ErrNotExist) {
		err = &notRunningError{err}
	}
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	var at string
	if err == nil {
		at, err = onLoopback(c.URL)
	}
	if err != nil {
		return nil, fmt.Errorf("a process records into %s, and does not say how to read from it: %w", dir, err)
	}
	nc, err := via.Connect(ctx, "nats://"+at, c.Token)
	var dialed *net.OpError
	switch {
	case errors.As(err, &dialed) && dialed.Op == "dial" && !dialed.Timeout():
		err = &notRunningError{fmt.Errorf("nothing listens at %s", at)}
	case errors.Is(err, nats.ErrAuthorization):
		err = &notRunningError{fmt.Errorf("another program listens at %s", at)}
	}
	if err != nil {
		return nil, fmt.Errorf("a process records into %s, and can't be read from: %w", dir, err)
	}
	s, err := Read(ctx, nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	s.presence = running
	return s, nil
}

// onLoopback returns the address and port in the URL of a recorder. A recorder
// listens on loopback only: whoever wrote another host into the file would have this
// user connect to it. A name is refused too, as it may lead anywhere.
func onLoopback(text string) (string, error) {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "nats" {
		if at, err := netip.ParseAddrPort(u.Host); err == nil && at.Addr().IsLoopback() {
			return at.String(), nil
		}
	}
	return "", fmt.Errorf("the server in its %s is not on this machine", contactFile)
}

// local is a folder's server.
type local struct {
	dir, token string
	held       *os.File
	options    *server.Options
	server     *server.Server
	nc         *nats.Conn
}

func serveLocal(dir string, limits Limits) (*local, error) {
	held, taken, err := lock(filepath.Join(dir, lockFile))
	if taken {
		return nil, &TakenError{dir}
	}
	if err != nil {
		return nil, fmt.Errorf("the directory of the history: %w", err)
	}
	l := &local{dir: dir, token: nuid.Next() + nuid.Next(), held: held}
	o := &server.Options{ServerName: "nats-balance-history", Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: l.token,
		JetStream: true, StoreDir: filepath.Join(dir, "jetstream"), JetStreamMaxMemory: 16 << 20, JetStreamMaxStore: limits.Bytes + 64<<20,
		NoLog: true, NoSigs: true}
	if limits.Bytes == 0 { // what is there is only read
		o.JetStreamMaxStore = 1 << 50
	}
	l.options = o
	if l.server, err = server.NewServer(o); err != nil {
		l.close()
		return nil, fmt.Errorf("the history in %s: %w", dir, err)
	}
	l.server.Start()
	if !l.server.ReadyForConnections(startsIn) {
		l.close()
		return nil, fmt.Errorf("the history in %s: its server did not start within %s", dir, startsIn)
	}
	l.nc, err = nats.Connect("", nats.InProcessServer(l.server), nats.Token(l.token), nats.MaxReconnects(-1), nats.Name("nats-balance"))
	if err != nil {
		l.close()
		return nil, fmt.Errorf("the history in %s: %w", dir, err)
	}
	return l, nil
}

// GoneError is that a folder was removed while it was recorded into.
type GoneError struct{ dir string }

func (e *GoneError) Error() string {
	return e.dir + " was removed, and what was recorded there is gone: it is made again"
}

// gone reports whether the folder is not there any more, or is another one: what is written
// then goes to files that nobody finds.
func (l *local) gone() bool {
	is, err := os.Stat(filepath.Join(l.dir, lockFile))
	held, failed := l.held.Stat()
	if errors.Is(err, fs.ErrNotExist) || err == nil && failed == nil && !os.SameFile(is, held) {
		return true
	}
	_, err = os.Stat(l.options.StoreDir)
	return errors.Is(err, fs.ErrNotExist)
}

// hasFiles reports whether the folder has files of the stream, whether or not its server can
// read them.
func (l *local) hasFiles() bool {
	found, err := fs.Glob(os.DirFS(l.options.StoreDir), path.Join(server.JetStreamStoreDir, "*", "streams", StreamName, "msgs", "*.blk"))
	return err == nil && len(found) > 0
}

// needs is how much room there must be before the folder is written to again.
const needs = 256 << 10

// mend has the server open its files again where there is room for more: once it
// could not write, as on a full disk, it never does again. What could not be
// written is not answered, and stays queued.
func (l *local) mend() error {
	probe := filepath.Join(l.dir, "room")
	err := os.WriteFile(probe, make([]byte, needs), 0o600)
	if err := errors.Join(err, os.Remove(probe)); err != nil {
		return err
	}
	if err := l.server.ShutdownJetStream(); err != nil {
		return err
	}
	return l.server.EnableJetStream(&server.JetStreamConfig{StoreDir: l.options.StoreDir, MaxMemory: l.options.JetStreamMaxMemory, MaxStore: l.options.JetStreamMaxStore})
}

// announce writes how to read from this process. The file replaces the one of an
// earlier process in one step.
func (l *local) announce() error {
	data, err := json.Marshal(contact{l.server.ClientURL(), l.token})
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, contactFile)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (l *local) close() {
	if l.nc != nil {
		l.nc.Close()
	}
	if l.server != nil {
		l.server.Shutdown()
		l.server.WaitForShutdown()
	}
	_ = l.held.Close() // which unlocks it
}
