// Package history keeps what a recorder saw in JetStream: in a stream of an account
// of the operator's choice, or in a local folder by a server of its own that listens
// on loopback alone. It reads it back, and says when an account began to lean and
// what happened then.
//
// It decides neither what is worth keeping nor how it is shown.
package history
