// Package probe finds out what answers at an address, by connecting to it and
// reading what is said there.
//
// It sends no credentials and no CONNECT: a nats-server greets with INFO before
// it asks for any. What it sends, and only where nothing was said, is what a
// listener needs to hear before it greets: a TLS handshake without a client
// certificate, a WebSocket upgrade, or the first line of the PROXY protocol.
// It checks no server certificate, as it tells the server nothing.
//
// [Follow] does that for all URL lists at once: it has their host names looked
// up by package dnscheck, each once, and connects to each address once, or more
// often where something stands between. What that means for a finding is for
// package checks to judge.
package probe
