// Package natsconn connects to NATS as the nats CLI does: with its contexts,
// credentials, certificates and proxies. It says in one sentence why that failed,
// for each server, and what to pass. It has no flags, asks nothing of the system
// account and shows no secret.
package natsconn
