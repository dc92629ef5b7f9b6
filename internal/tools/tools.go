// Package tools pins the programs that the tests run as they are shipped: the
// nats CLI as plugin host, the nats-server binary and nsc. It is a module of its
// own so that their dependencies never become those of nats-balance.
package tools
