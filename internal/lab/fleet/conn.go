package fleet

import (
	"sort"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// langs are client libraries as they name themselves, with versions.
//
//nolint:gochecknoglobals // never changed
var langs = [...][2]string{{"go", "1.48.0"}, {"java", "2.21.1"}, {"nats.js", "3.0.2"}, {"python3", "2.10.0"},
	{"rust", "0.38.0"}, {".NET", "2.6.2"}, {"C", "3.10.1"}, {"go", "1.37.0"}}

// conn fills ci with connection number num of a server, as Connz would at now.
// Connections are numbered in the order of their ids, which is that of their
// starts, and accounts follow each other in it without order. User JWTs are left
// out, as a server does with bearer tokens: with other users a real server's
// reply would be about 900 bytes a connection bigger when auth is asked for.
func (m *model) conn(ci *server.ConnInfo, s *simServer, num uint32, now time.Time, auth, subs bool) {
	n := uint64(s.clients + s.leafs)
	slot := uint32(uint64(num) * s.step % n)
	r := s.rows[sort.Search(len(s.rows), func(i int) bool { return s.rows[i].first > slot })-1]
	j := slot - r.first
	leaf := j >= r.conns
	acc := m.accounts[r.account]
	h := mix(m.rowHash(s.index, r.account) ^ uint64(j+1)<<40)

	*ci = server.ConnInfo{Cid: 5 + uint64(num)*3 + h%3, Kind: "Client", Type: "nats"}
	ci.IP = privateIP(h >> 8)
	ci.Port = 32768 + int(h>>32%28000)
	up := m.now.Sub(s.start)
	ci.Start = s.start.Add(time.Duration(float64(up) * (float64(num) + 0.5) / float64(n)))
	ci.LastActivity = now.Add(-time.Duration(h >> 20 % uint64(90*time.Second)))
	if ci.LastActivity.Before(ci.Start) {
		ci.LastActivity = ci.Start
	}
	ci.RTT = (200*time.Microsecond + time.Duration(h>>16%40_000_000)).Truncate(time.Microsecond).String()
	ci.Uptime = uptime(now.Sub(ci.Start))
	ci.Idle = uptime(now.Sub(ci.LastActivity))
	g := mix(h)
	scale := 4 + uint(g&15)
	ci.InMsgs = int64(g >> (64 - scale))
	ci.InBytes = ci.InMsgs * int64(30+g>>4&255)
	ci.OutMsgs = int64(mix(g) >> (62 - scale))
	ci.OutBytes = ci.OutMsgs * int64(30+g>>12&255)
	lang := langs[h>>3%uint64(len(langs))]
	ci.Lang, ci.Version = lang[0], lang[1]
	ci.Name = acc.Name[:min(len(acc.Name), 12)] + "-" + base32Digits(g, 10)
	base, extra := m.connSubs(s.index, r)
	ci.NumSubs = base
	if j < extra {
		ci.NumSubs++
	}
	switch p := h >> 24 % 100; {
	case leaf:
		ci.Kind, ci.Type, ci.Lang, ci.Version, ci.NumSubs = "Leafnode", "", "", "", 2
		ci.Name = "leaf-" + base32Digits(g, 6)
	case r.account == m.system():
	case p < 4:
		ci.Type, ci.Lang, ci.Version, ci.Name = "mqtt", "", "", ""
		ci.MQTTClient = "sensor-" + base32Digits(g, 12)
	case p < 7:
		ci.Type, ci.Lang, ci.Version = "websocket", "nats.ws", "1.30.3"
	}
	if subs {
		ci.Subs = make([]string, ci.NumSubs)
		for i := range ci.Subs {
			ci.Subs[i] = subscription(acc.Name, g, uint64(i))
		}
	}
	if auth {
		// A few users an account. Operator mode: user and issuer are nkeys.
		ci.AuthorizedUser = "U" + base32Digits(mix(uint64(r.account)*8+h%3), 55)
		ci.Account, ci.IssuerKey, ci.NameTag = acc.ID, acc.ID, acc.Name
		if r.account == m.system() {
			ci.AuthorizedUser, ci.IssuerKey = "monitoring", ""
		}
	}
}

// privateIP is a private address; nobody dials it.
func privateIP(h uint64) string {
	b := append(make([]byte, 0, 15), "10"...)
	for i := range 3 {
		b = strconv.AppendUint(append(b, '.'), h>>(8*i)&255%254+1, 10)
	}
	return string(b)
}

// base32Digits are n characters of the base32 alphabet that follow from h.
func base32Digits(h uint64, n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, n)
	for i := range b {
		if i%12 == 11 {
			h = mix(h)
		}
		b[i] = alphabet[h>>(i%12*5)&31]
	}
	return string(b)
}

// subscription is subscription i of a client: its inbox, then its services.
func subscription(account string, h, i uint64) string {
	if i == 0 {
		return "_INBOX." + base32Digits(mix(h), 22) + ".*"
	}
	h = mix(h + i)
	b := append(make([]byte, 0, 64), account[:min(len(account), 8)]...)
	b = append(b, ".v1."...)
	b = append(b, base32Digits(h, 4)...)
	b = append(b, '.')
	b = strconv.AppendUint(b, h>>20%10_000, 10)
	if h&1 == 0 {
		return string(append(b, ".>"...))
	}
	return string(append(b, ".events"...))
}

// appendUptime appends a duration as the server's monitoring writes it.
func appendUptime(b []byte, d time.Duration) []byte {
	sec := max(0, int64(d/time.Second))
	years, days, hours, mins := sec/(365*24*3600), sec/(24*3600), sec/3600, sec/60
	unit := func(v int64, u byte) { b = append(strconv.AppendInt(b, v, 10), u) }
	if years > 0 {
		unit(years, 'y')
	}
	if days > 0 {
		unit(days%365, 'd')
	}
	if hours > 0 {
		unit(hours%24, 'h')
	}
	if mins > 0 {
		unit(mins%60, 'm')
	}
	unit(sec%60, 's')
	return b
}

// appendConnInfo appends what json.Marshal makes of a connection that conn
// filled in: fields that it never sets are left out. A test holds the two equal.
func appendConnInfo(b []byte, ci *server.ConnInfo) []byte {
	must := func(key, v string) {
		b = append(b, key...)
		b = appendString(b, v)
	}
	str := func(key, v string) {
		if v != "" {
			must(key, v)
		}
	}
	num := func(key string, v int64) {
		b = append(b, key...)
		b = strconv.AppendInt(b, v, 10)
	}
	at := func(key string, t time.Time) {
		b = append(b, key...)
		b = append(b, '"')
		b = t.AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	num(`{"cid":`, int64(ci.Cid))
	str(`,"kind":`, ci.Kind)
	str(`,"type":`, ci.Type)
	must(`,"ip":`, ci.IP)
	num(`,"port":`, int64(ci.Port))
	at(`,"start":`, ci.Start)
	at(`,"last_activity":`, ci.LastActivity)
	str(`,"rtt":`, ci.RTT)
	must(`,"uptime":`, ci.Uptime)
	must(`,"idle":`, ci.Idle)
	num(`,"pending_bytes":`, int64(ci.Pending))
	num(`,"in_msgs":`, ci.InMsgs)
	num(`,"out_msgs":`, ci.OutMsgs)
	num(`,"in_bytes":`, ci.InBytes)
	num(`,"out_bytes":`, ci.OutBytes)
	num(`,"subscriptions":`, int64(ci.NumSubs))
	str(`,"name":`, ci.Name)
	str(`,"lang":`, ci.Lang)
	str(`,"version":`, ci.Version)
	str(`,"authorized_user":`, ci.AuthorizedUser)
	str(`,"account":`, ci.Account)
	for i, subject := range ci.Subs {
		if i == 0 {
			b = append(b, `,"subscriptions_list":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendSubject(b, subject)
		if i == len(ci.Subs)-1 {
			b = append(b, ']')
		}
	}
	str(`,"issuer_key":`, ci.IssuerKey)
	str(`,"name_tag":`, ci.NameTag)
	str(`,"mqtt_client":`, ci.MQTTClient)
	return append(b, '}')
}

// appendSubject is appendString, but does not go the long way for
// the one character that subjects end with and json.Marshal escapes.
func appendSubject(b []byte, s string) []byte {
	if n := len(s); n > 0 && s[n-1] == '>' {
		b = appendString(b, s[:n-1])
		return append(b[:len(b)-1], `\u003e"`...)
	}
	return appendString(b, s)
}
