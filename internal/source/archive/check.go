package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// What is in an archive is checked before the archive's reader is let at it: the
// reader takes what the manifest and the members say as it is.
const (
	mostMembers = 500_000
	// largestDirectory is how much of the file is read to list its members.
	largestDirectory = 128 << 20
	largestManifest  = 256 << 20
	// largestList is the size of a server's list of connections, routes, gateways
	// or leafnodes; 1,024 connections with subscriptions make some 1 MiB.
	largestList = 64 << 20
	// mostArchiveTags is how many tags a member has at most; the reader knows seven.
	mostArchiveTags = 8
)

const manifestName = "capture/misc/manifest.json"

var (
	errNoZip  = errors.New("it is not a zip file, or cut short: pass a file that nats audit gather wrote")
	errTooBig = errors.New("its list of members is larger than 128 MiB")
)

// largest are the sizes, in bytes, up to which members of these types are read.
func largest() map[string]int64 {
	return map[string]int64{
		jsm.TagServerVars().Value:         wire.LongestAnswer,
		jsm.TagServerAccounts().Value:     wire.LongestAnswer,
		jsm.TagAccountInfo().Value:        wire.LongestAnswer,
		jsm.TagServerRoutes().Value:       largestList,
		jsm.TagServerGateways().Value:     largestList,
		jsm.TagServerLeafs().Value:        largestList,
		jsm.TagAccountConnections().Value: largestList,
		"audit_gather_metadata":           wire.LongestValue,
	}
}

// checkArchive makes sure that a file is an archive that can be read within
// bounds. It returns when gathering began. Nothing in it is ever unpacked to
// disk; names that would lead elsewhere show that it is not from nats.
func checkArchive(file string) (began time.Time, err error) {
	info, err := os.Stat(file)
	var wrapped *os.PathError
	switch {
	case errors.As(err, &wrapped):
		return began, wrapped.Err // without the path, which has been said
	case err != nil:
		return began, err
	case !info.Mode().IsRegular():
		return began, errors.New("it is not a file: pass one that nats audit gather wrote")
	}
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return began, err
	}
	defer func() { _ = f.Close() }() // it was only read
	bounded := &metered{r: f, left: largestDirectory}
	z, err := zip.NewReader(bounded, info.Size())
	switch {
	case errors.Is(err, errTooBig) || bounded.left < 0:
		return began, errTooBig
	case errors.Is(err, zip.ErrFormat), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return began, errNoZip
	case err != nil:
		return began, err
	case len(z.File) > mostMembers:
		return began, fmt.Errorf("it has %s members, more than %s", words.Count(len(z.File)), words.Count(mostMembers))
	}
	bounded.left = math.MaxInt64
	members := make(map[string]*zip.File, len(z.File))
	for _, m := range z.File {
		if err := checkMember(m); err != nil {
			return began, err
		}
		if members[m.Name] != nil {
			return began, fmt.Errorf("it has %q twice", wire.Cut(m.Name))
		}
		members[m.Name] = m
	}
	manifest := members[manifestName]
	switch {
	case manifest == nil:
		return began, errors.New("it is a zip file without " + manifestName + ": pass a file that nats audit gather wrote")
	case manifest.UncompressedSize64 > largestManifest:
		return began, errors.New("its manifest is larger than 256 MiB")
	}
	body, err := manifest.Open()
	if err != nil {
		return began, fmt.Errorf("its manifest: %w", err)
	}
	defer func() { _ = body.Close() }() // it was only read
	if err := checkManifest(body, members); err != nil {
		return began, fmt.Errorf("its manifest can't be used: %w", err)
	}
	return manifest.Modified, nil
}

func checkMember(m *zip.File) error {
	// The writer joins names with the separator of the system it runs on.
	name := strings.ReplaceAll(m.Name, `\`, "/")
	switch {
	case !fs.ValidPath(strings.TrimSuffix(name, "/")):
		return fmt.Errorf("it has a member with the name %q, which nats audit gather does not write", wire.Cut(m.Name))
	case m.Method != zip.Deflate && m.Method != zip.Store:
		return fmt.Errorf("%q is compressed in a way that nats audit gather does not use", wire.Cut(m.Name))
	}
	return nil
}

// checkManifest reads which member has which tags, and checks the sizes of
// those that may be read. A member can't be larger than it says: reading ends
// with an error there.
func checkManifest(body io.Reader, members map[string]*zip.File) error {
	d := wire.NewDecoder()
	d.Begin(context.Background(), body) // a file's
	limits, listed := largest(), make(map[string]bool, len(members))
	err := d.Members(func(name []byte) error {
		m := members[string(name)]
		switch {
		case m == nil:
			return fmt.Errorf("it lists %q, which is not there", wire.Cut(string(name)))
		case listed[m.Name]:
			return fmt.Errorf("it lists %q twice", wire.Cut(m.Name))
		}
		listed[m.Name] = true
		tags := 0
		return d.Items(func() error {
			if tags++; tags > mostArchiveTags {
				return fmt.Errorf("%q has more than %d tags", wire.Cut(m.Name), mostArchiveTags)
			}
			value, err := tagValue(d)
			if limit, read := limits[value]; err == nil && read && m.UncompressedSize64 > uint64(limit) {
				return fmt.Errorf("%q is %d bytes, more than the %d that are read", wire.Cut(m.Name), m.UncompressedSize64, limit)
			}
			return err
		})
	})
	if err == nil {
		err = d.End()
	}
	return wire.CutShort(err)
}

// tagValue reads a tag and returns its value. Names of members are compared as the
// archive's reader does, without regard to case.
func tagValue(d *wire.Decoder) (value string, err error) {
	err = d.Members(func(name []byte) error {
		if !strings.EqualFold(string(name), "value") {
			return d.Skip()
		}
		return d.String(&value)
	})
	return value, err
}

// metered is a file of which no more than so many bytes are read.
type metered struct {
	r    io.ReaderAt
	left int64
}

func (m *metered) ReadAt(p []byte, at int64) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errTooBig
	}
	return m.r.ReadAt(p, at)
}
