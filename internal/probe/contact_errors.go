package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/nats-balance/nats-balance/checks"
)

// Windows has its own numbers for errors of sockets (winsock2.h), which package
// syscall does not match with its constants. No other system uses them.
const (
	wsaEACCES        = syscall.Errno(10013)
	wsaEAFNOSUPPORT  = syscall.Errno(10047)
	wsaEADDRNOTAVAIL = syscall.Errno(10049)
	wsaENETDOWN      = syscall.Errno(10050)
	wsaENETUNREACH   = syscall.Errno(10051)
	wsaECONNRESET    = syscall.Errno(10054)
	wsaETIMEDOUT     = syscall.Errno(10060)
	wsaECONNREFUSED  = syscall.Errno(10061)
	wsaEHOSTDOWN     = syscall.Errno(10064)
	wsaEHOSTUNREACH  = syscall.Errno(10065)
)

// unreached says why there is no connection. What says nothing of the address
// (no free file descriptors, a SOCKS proxy that fails) is not a result.
func unreached(err error) checks.Contact {
	outcome := checks.ContactNone
	var errno syscall.Errno
	if errors.As(err, &errno) {
		switch errno {
		case syscall.ECONNREFUSED, wsaECONNREFUSED:
			outcome = checks.ContactRefused
		case syscall.ETIMEDOUT, wsaETIMEDOUT:
			outcome = checks.ContactTimeout
		case syscall.ECONNRESET, wsaECONNRESET:
			outcome = checks.ContactClosed
		// EINVAL is a link-local address without a zone; EACCES and EPERM are
		// this machine's own firewall.
		case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
			syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EINVAL, syscall.EACCES, syscall.EPERM,
			wsaENETUNREACH, wsaEHOSTUNREACH, wsaENETDOWN, wsaEHOSTDOWN,
			wsaEADDRNOTAVAIL, wsaEAFNOSUPPORT, wsaEACCES:
			outcome = checks.ContactUnroutable
		default: // says nothing of the address
		}
	}
	if outcome == checks.ContactNone && timedOut(err) {
		outcome = checks.ContactTimeout
	}
	switch outcome {
	case checks.ContactRefused:
		return checks.Contact{Outcome: outcome, Detail: "connection refused"}
	case checks.ContactTimeout:
		return checks.Contact{Outcome: outcome, Detail: "no connection within the time"}
	case checks.ContactClosed:
		return checks.Contact{Outcome: outcome, Detail: detailClosed}
	case checks.ContactUnroutable:
		return checks.Contact{Outcome: outcome, Detail: "no way there from this machine: " + errno.Error()}
	default:
		return checks.Contact{Outcome: outcome, Detail: "can't connect from here: " + quoted([]byte(innermost(err).Error()))}
	}
}

// innermost is the error without the addresses around it, which the reader knows.
func innermost(err error) error {
	var op *net.OpError
	for errors.As(err, &op) {
		err = op.Err
	}
	return err
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
