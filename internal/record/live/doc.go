// Package live follows the servers of a deployment: it subscribes to their events
// in the system account, asks them for full reports by package system, and feeds
// both to a [record.Watch]. It goes on through lost connections and lost events.
//
// It judges nothing and keeps nothing: what changed is handed on.
package live
