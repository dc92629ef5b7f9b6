// Package audit is the use case: it gathers a deployment from a source, judges
// it, asks for what findings need, judges again with it, finds out why, and what
// to do. A request and a source go in, plain data comes out. It parses no flags,
// makes no connection to NATS, and prints nothing.
package audit
