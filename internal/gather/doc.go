// Package gather brings what servers say of themselves into the model of
// package checks: which servers there are, and what every account has on each.
//
// It is honest about coverage: a reply that is missing, late, doubled,
// malformed or an error is counted and named, and a server that is known but
// has no whole report is in the model as missing, never as empty. It judges
// nothing and prints nothing, and it only ever sends requests that read.
package gather
