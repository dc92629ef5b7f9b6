// Package tool builds and runs programs for tests: the nats CLI, nsc, and
// nats-server as processes of its own or in operator mode.
//
// It needs the project's sources and the go command, and it does not audit
// anything. It is not linked into the command.
package tool
