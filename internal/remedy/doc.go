// Package remedy says what to do about a finding.
//
// [For] writes remedies: plain text, commands and snippets, filled in for the
// cluster, the account and the causes of one finding. It is pure: it asks
// nobody and changes nothing.
//
// Names and addresses come from the network: a command or a snippet has only
// those that it can hold safely, and no credentials.
package remedy
