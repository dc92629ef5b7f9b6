// Package checks judges how the client connections of a NATS deployment are
// spread. It holds the model of a deployment at one moment, the checks, and
// the arithmetic behind them.
//
// It is pure: the same model and parameters give the same result. Time,
// network, files and printing are handed in or live elsewhere; what gathers
// the model is internal/source, what prints a result is internal/report.
//
// Unknown is an answer here. A server that is known but did not report is a
// [Missing], and a verdict that it could overturn is [Incomplete], never a pass
// and never a finding.
package checks
