// Package lab runs real NATS deployments on loopback for the demo and the tests:
// embedded nats-servers with routes, gateways and leafnodes, real and
// raw-protocol clients, a DNS server, load balancers, and the catalogue of
// scenarios whose true cause is known.
//
// It does not audit anything, and nothing in it listens on an address other
// than loopback. What only tests need is in lab/fleet and lab/tool.
package lab
