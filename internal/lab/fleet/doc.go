// Package fleet simulates a large deployment for tests and benchmarks: one real
// server, on whose system account as many servers seem to answer as no machine
// runs, with faults on request.
//
// It has no routes and no clients that could be moved; real clusters are in
// package lab. It is not linked into the command.
package fleet
