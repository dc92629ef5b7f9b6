// Package record keeps a live matrix of how many connections every account has on
// every server, fed by the servers' own events and corrected by full reports, and
// says what changes: that an account crosses the threshold or comes back, that
// events were lost, that a server starts, drains, stops, or does not report any more.
//
// It is the core without input and output: events and reports come in, with the
// time at which they came, and changes go out. Who connects, asks and stores is in
// the packages below it. It judges by package checks alone.
package record
