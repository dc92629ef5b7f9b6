// Package remedy says what to do about a finding, and does the part of it that
// can be automated.
//
// [For] writes remedies: plain text, commands and snippets, filled in for the
// cluster, the account and the causes of one finding. It asks nobody and changes
// nothing. The rebalancer moves connections of one account, within limits.
//
// Names and addresses come from the network: a command or a snippet has only
// those that it can hold safely, and no credentials.
package remedy
