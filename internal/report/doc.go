// Package report turns the result of an audit into what people and programs
// read: one [Document] that feeds every format, text for a terminal of 80
// columns and JSON of type nats-balance.v1.audit.
//
// Everything that came from outside is made harmless in one place, when the
// document is built. Nothing is judged here.
package report
