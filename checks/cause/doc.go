// Package cause finds out why a finding of package checks is one: from what the
// clients are configured with, who is connected, and what servers say of
// themselves, all of it plain data in a [Case]. Each cause is one file.
//
// It is pure, and judges only: nobody is asked here, and what to do about a cause
// is written elsewhere. Unknown is an answer here as well: what could not be
// tested is [NotTested], and the evidence says what would settle it.
package cause
