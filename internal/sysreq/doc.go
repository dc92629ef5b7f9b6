// Package sysreq asks the services that servers have on $SYS.REQ subjects: one
// server, or all of them at once, with replies compressed where they may be
// large. It knows the subjects, reads nats.go's errors and says what a user is
// not allowed to ask. What replies say is not its business: see package wire.
package sysreq
