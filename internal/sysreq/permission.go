package sysreq

import (
	"errors"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
)

// Operation is what a user may not do.
type Operation int

// What a server forbids. Unknown is what it says in other words than are known.
const (
	Unknown Operation = iota
	Publish
	Subscribe
)

// PermissionError says that the server forbids what has to be done.
type PermissionError struct {
	Operation Operation
	Subject   string // that may not be published or subscribed to
	// Violation is the server's own sentence, which names the subject.
	Violation string
}

func (e *PermissionError) Error() string {
	return "the user of these credentials lacks a permission: " + e.Violation
}

// service is the last token of the subject of a service that may not be asked,
// and everything where the replies may not be subscribed to. It is empty for
// what has nothing to do with services.
func (e *PermissionError) service() string {
	switch {
	case e.Operation == Subscribe:
		return everything
	case strings.HasPrefix(e.Subject, "$SYS.REQ."):
		return e.Subject[strings.LastIndexByte(e.Subject, '.')+1:]
	}
	return ""
}

var sentence = regexp.MustCompile(`(?i)^permissions violation for (subscription|publish)[^"]*"([^"]*)"`)

// permission reads an error of nats.go, which has a type neither for the
// operation nor for the subject; nil where it is about something else. This is
// the one place where that text is read.
func permission(err error) *PermissionError {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	e := &PermissionError{Violation: strings.TrimPrefix(err.Error(), nats.ErrPermissionViolation.Error()+": ")}
	if m := sentence.FindStringSubmatch(e.Violation); m != nil {
		e.Subject, e.Operation = m[2], Publish
		if strings.EqualFold(m[1], "subscription") {
			e.Operation = Subscribe
		}
	}
	return e
}
