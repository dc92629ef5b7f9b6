package wire

import (
	"encoding/json"
	"math"
)

// limitsOf reads the limits of an account out of the claims that a server sends
// with what it knows of it: of connections and of leafnodes, each over all
// servers together. Nil is none, or
// none that is known. The claims are the server's word: their signature is
// not looked at, as the server has done so.
//
// Source: nats-server's AccountInfo with jwt's AccountClaims, in which -1 is no
// limit and a limit of 0 is left out. A server cuts limits to 32 bits.
func limitsOf(claims json.RawMessage, account string) (connections, leafnodes *int) {
	var c struct {
		Subject string `json:"sub"`
		NATS    struct {
			Limits *struct {
				Connections int64 `json:"conn"`
				Leafnodes   int64 `json:"leaf"`
			} `json:"limits"`
		} `json:"nats"`
	}
	if len(claims) == 0 || json.Unmarshal(claims, &c) != nil || c.Subject != account || c.NATS.Limits == nil {
		return nil, nil
	}
	limit := func(n int64) *int {
		if n < 0 {
			return nil
		}
		v := int(min(n, math.MaxInt32))
		return &v
	}
	return limit(c.NATS.Limits.Connections), limit(c.NATS.Limits.Leafnodes)
}
