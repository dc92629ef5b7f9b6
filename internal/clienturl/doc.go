// Package clienturl finds the server lists of clients: in flags, in files and
// folders of configuration and source code, and in the contexts of `nats`.
//
// Files are read as lines of text and not with the parsers of their formats:
// templates of Helm are no YAML, and the same few shapes serve all languages.
// What can't be read for sure is a warning, not a guess. It opens no connection,
// runs no program, and no credentials are in anything that it returns.
package clienturl
