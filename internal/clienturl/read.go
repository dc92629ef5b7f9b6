package clienturl

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// Read tells what was read, and how much of it is known to be whose.
type Read struct {
	// Files is how many files were read, standard input and contexts among them;
	// Bytes how much that was.
	Files int
	Bytes int64
	// Objects is how many objects of Kubernetes were in them.
	Objects int
	// Lists is how many lists were found. Of these, Tied have an account, a user
	// or the name of a workload or client; Incomplete may lack entries; ByPattern
	// were not found by a parser.
	Lists, Tied, Incomplete, ByPattern int
	// Untied are the origins of lists that nothing ties to a service, at most
	// mostUntied of them.
	Untied []string
	// Skipped counts what was not read, the most first.
	Skipped []Skipped
}

// Skipped is how many files were not read for one reason.
type Skipped struct {
	// Extension is ".md", or "none"; empty where Why is not about it.
	Extension string
	Why       SkipReason
	Files     int
}

// SkipReason is why a file was not read.
type SkipReason string

// The reasons for not reading a file.
const (
	SkipKind     SkipReason = "kind"          // its kind has no configuration
	SkipTest     SkipReason = "test"          // source code of tests
	SkipBinary   SkipReason = "binary"        // not text
	SkipFailed   SkipReason = "failed"        // it can't be read; a warning says why
	SkipServer   SkipReason = "server-config" // configuration of a nats-server
	SkipUnusable SkipReason = "not-regular"   // links, pipes and devices in a folder
)

// mostUntied bounds the origins in Read.Untied.
const mostUntied = 20

// skip counts a file that was not read.
func (r *Read) skip(path string, why SkipReason) {
	extension := ""
	if why == SkipKind {
		if extension = strings.ToLower(filepath.Ext(path)); extension == "" || len(extension) > 12 {
			extension = "none"
		}
	}
	r.add(Skipped{extension, why, 1})
}

func (r *Read) add(s Skipped) {
	for i, have := range r.Skipped {
		if have.Extension == s.Extension && have.Why == s.Why {
			r.Skipped[i].Files += s.Files
			return
		}
	}
	if len(r.Skipped) >= 100 {
		s.Extension = "other"
		if last := &r.Skipped[len(r.Skipped)-1]; last.Extension == s.Extension {
			last.Files += s.Files
			return
		}
	}
	r.Skipped = append(r.Skipped, s)
}

// count counts the lists.
func (r *Read) count(lists []checks.URLList) {
	for _, l := range lists {
		r.Lists++
		if len(l.Incomplete) > 0 {
			r.Incomplete++
		}
		if l.ByPattern {
			r.ByPattern++
		}
		switch {
		case l.Account != "" || l.User != "" || l.Client != "" || l.Workload != "":
			r.Tied++
		case len(r.Untied) < mostUntied:
			r.Untied = append(r.Untied, l.Origin)
		}
	}
}

// Merge adds what was read elsewhere.
func (r *Read) Merge(other Read) {
	r.Files += other.Files
	r.Bytes += other.Bytes
	r.Objects += other.Objects
	r.Lists += other.Lists
	r.Tied += other.Tied
	r.Incomplete += other.Incomplete
	r.ByPattern += other.ByPattern
	r.Untied = append(r.Untied, other.Untied...)
	r.Untied = r.Untied[:min(len(r.Untied), mostUntied)]
	for _, s := range other.Skipped {
		r.add(s)
	}
	slices.SortStableFunc(r.Skipped, func(a, b Skipped) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Extension, b.Extension))
	})
}
