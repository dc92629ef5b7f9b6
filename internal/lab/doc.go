// Package lab runs real NATS deployments on loopback for the tests and the
// demo: embedded nats-servers with routes, gateways and leafnodes, real and
// raw-protocol clients, a DNS server, load balancers, the catalogue of scenarios
// whose true cause is known, and a simulated fleet for sizes that no machine runs.
//
// It does not audit anything, and nothing in it listens on an address other
// than loopback.
package lab
