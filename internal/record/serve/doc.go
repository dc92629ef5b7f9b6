// Package serve shows what a watch sees over HTTP: metrics for Prometheus, whether
// it is well, and a page for people. It only reads, and has no credentials to show.
package serve
