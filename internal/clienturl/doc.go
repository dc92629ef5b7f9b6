// Package clienturl finds the server lists of clients: in flags, in files,
// folders and standard input, and in the contexts of `nats`.
//
// Formats that have a parser are parsed to one kind of tree (read_*.go), in which
// scopes of settings are searched for lists (walk.go, lists.go) and for what ties
// them to a service (tie.go). Objects of Kubernetes are resolved with those of the
// same input (kube*.go). What has no parser is read by patterns (extract.go and
// what it uses), and its lists say so.
//
// It opens no connection and runs no program. No credentials are in anything that
// it returns, but for [checks.URLList.User], which is for comparing.
package clienturl
