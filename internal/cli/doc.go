// Package cli has the commands, one file each: from flags to the use case to a
// report, written where it is wanted, with the status to exit with. It has what
// they share besides: where data comes from, output, progress, errors as
// sentences. It does not connect (internal/natsconn), read the configuration
// file (internal/config), judge (checks) or format (internal/report).
package cli
