package live

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// mostWaiting and mostBytes are how many events wait to be read. What comes
	// beyond is lost, and known to be.
	mostWaiting = 1_000_000
	mostBytes   = 256 << 20
)

// Of accounts, one subscription for all events: a name may have dots in it, and what
// a server says of an account comes in order.
const (
	ofAccounts = "$SYS.ACCOUNT."
	ofServers  = "$SYS.SERVER."
)

func (s *session) subscribe() error {
	s.global = newGlobal(s)
	s.events.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}) // what is dropped is counted
	subjects := map[string]nats.MsgHandler{ofAccounts + ">": s.ofAccount}
	for _, kind := range []string{"STATSZ", "SHUTDOWN", "LAMEDUCK", "CLIENT.AUTH.ERR"} {
		subjects[ofServers+"*."+kind] = s.ofServer
	}
	subjects[s.global.inbox+".*"] = s.global.reply
	s.alive = s.events.NewInbox()
	subjects[s.alive] = s.answered
	for subject, handle := range subjects {
		sub, err := s.events.Subscribe(subject, handle)
		if err == nil {
			err = sub.SetPendingLimits(mostWaiting, mostBytes)
		}
		if err != nil {
			return fmt.Errorf("subscribing to %s: %w", subject, err)
		}
		s.subs, s.dropped = append(s.subs, sub), append(s.dropped, 0)
	}
	if err := s.events.FlushTimeout(s.l.o.Timeout); err != nil {
		if s.events.IsClosed() {
			err = sysreq.Ended(s.events)
		}
		return fmt.Errorf("subscribing to the servers' events: %w", err)
	}
	if err := s.events.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return &fatalError{fmt.Errorf("the user of these credentials may not see the servers' events: %w: allow the user to subscribe to $SYS.ACCOUNT.> and $SYS.SERVER.>, or pass another user of the system account", err)}
	}
	return nil
}

// feed hands an event that could be read to the watch, and counts one that could
// not.
func (s *session) feed(err error, matches bool, take func(w *record.Watch, now time.Time)) {
	now := time.Now()
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	s.heard = s.l.wall()
	if err != nil || !matches {
		s.l.w.Bad()
		return
	}
	take(s.l.w, now)
}

func (s *session) ofAccount(m *nats.Msg) {
	rest := m.Subject[len(ofAccounts):]
	if account, ok := strings.CutSuffix(rest, ".SERVER.CONNS"); ok {
		e, err := s.counts.AccountConns(m.Data)
		s.feed(err, e.Account == account, func(w *record.Watch, now time.Time) { w.Counted(e, now) })
		return
	}
	account, left := strings.CutSuffix(rest, ".DISCONNECT")
	came := false
	if !left {
		account, came = strings.CutSuffix(rest, ".CONNECT")
	}
	// LEAFNODE.CONNECT is for servers alone.
	if !left && !came || strings.HasSuffix(account, ".LEAFNODE") {
		return
	}
	e, err := wire.DecodeClientEvent(m.Data)
	s.feed(err, e.Account == account, func(w *record.Watch, now time.Time) {
		if left {
			w.Disconnected(e, now)
		} else {
			w.Connected(e, now)
		}
	})
	if err == nil && account == checks.GlobalAccount {
		s.global.look(e.From, time.Now())
	}
}

// answered is a server that says that it lives.
func (s *session) answered(m *nats.Msg) {
	if sysreq.NoResponders(m) {
		return
	}
	e, err := wire.DecodeHeartbeat(m.Data)
	s.feed(err, true, func(w *record.Watch, now time.Time) { w.Answered(e.From.ID, now) })
}

func (s *session) ofServer(m *nats.Msg) {
	id, kind, _ := strings.Cut(m.Subject[len(ofServers):], ".")
	switch kind {
	case "STATSZ":
		e, err := wire.DecodeHeartbeat(m.Data)
		s.feed(err, e.From.ID == id, func(w *record.Watch, now time.Time) {
			s.l.heartbeat = true
			w.Stats(e, now)
		})
	case "CLIENT.AUTH.ERR":
		e, err := wire.DecodeClientEvent(m.Data)
		s.feed(err, e.From.ID == id, func(w *record.Watch, now time.Time) { w.Refuse(e, now) })
	default:
		e, err := wire.DecodeServerEvent(m.Data)
		s.feed(err, e.From.ID == id, func(w *record.Watch, now time.Time) {
			if kind == "LAMEDUCK" {
				w.Drain(e, now)
			} else {
				w.Shut(e, now)
			}
		})
	}
}
