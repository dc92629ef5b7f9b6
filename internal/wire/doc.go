// Package wire decodes what servers say: one decoder for each message, whoever
// asks. The messages are the replies to requests on $SYS.REQ subjects and the
// pages of HTTP monitoring ports, which have the same contents: a reply is an
// object with the members server, data and error, a page has the data itself,
// with the server's id in it. Every decoder takes both.
//
// Messages come from anywhere: all that is read of one is bounded, and what is
// read is either right or an error. An error is a clause about the message, to
// follow the name of its server.
//
// It asks nothing, and judges nothing.
package wire
