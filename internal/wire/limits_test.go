package wire

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

const noLimit = -1

func limitOf(n *int) int {
	if n == nil {
		return noLimit
	}
	return *n
}

// The limits are those of the claims that jwt writes.
func TestLimitsOfClaims(t *testing.T) {
	t.Parallel()
	key, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.NewAccountClaims(id)
	written := func() json.RawMessage {
		text, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	free := written()
	claims.Limits.Conn, claims.Limits.LeafNodeConn = 60, 3
	limited := written()
	claims.Limits.Conn, claims.Limits.LeafNodeConn = 0, 1<<40
	extreme := written()
	for name, c := range map[string]struct {
		claims             json.RawMessage
		connections, leafs int
	}{
		"no limit":           {free, noLimit, noLimit},
		"limits":             {limited, 60, 3},
		"none, and too many": {extreme, 0, 1<<31 - 1},
		"no claims":          {nil, noLimit, noLimit},
		"null":               {json.RawMessage("null"), noLimit, noLimit},
		"of nobody":          {json.RawMessage(`{"nats":{"limits":{"conn":1}}}`), noLimit, noLimit},
		"without limits":     {json.RawMessage(fmt.Sprintf(`{"sub":%q,"nats":{}}`, id)), noLimit, noLimit},
		"of another":         {json.RawMessage(`{"sub":"AX","nats":{"limits":{"conn":1}}}`), noLimit, noLimit},
		"a text":             {json.RawMessage(fmt.Sprintf(`{"sub":%q,"nats":{"limits":{"conn":"1"}}}`, id)), noLimit, noLimit},
		"a fraction":         {json.RawMessage(fmt.Sprintf(`{"sub":%q,"nats":{"limits":{"conn":1.5}}}`, id)), noLimit, noLimit},
		"too large":          {json.RawMessage(fmt.Sprintf(`{"sub":%q,"nats":{"limits":{"conn":1e99}}}`, id)), noLimit, noLimit},
		"a list":             {json.RawMessage(`[]`), noLimit, noLimit},
	} {
		connections, leafs := limitsOf(c.claims, id)
		if limitOf(connections) != c.connections || limitOf(leafs) != c.leafs {
			t.Errorf("%s: %d and %d, want %d and %d", name, limitOf(connections), limitOf(leafs), c.connections, c.leafs)
		}
	}
	// In the answer of a server; claims that can't be read take nothing from the rest.
	for text, want := range map[string]int{string(limited): 60, `"what?"`: noLimit, `null`: noLimit} {
		body := fmt.Sprintf(`{"server":{"id":"N1"},"data":{"account_name":%q,"complete":true,"decoded_jwt":%s}}`, id, text)
		info, err := DecodeAccountInfo([]byte(body))
		if err != nil || info.From.ID != "N1" || info.ID != id || limitOf(info.MaxConnections) != want {
			t.Errorf("%s: %+v, %v", text, info, err)
		}
	}
}

// Claims are whatever a server sends.
func FuzzLimitsOf(f *testing.F) {
	f.Add([]byte(`{"sub":"A","nats":{"limits":{"conn":60,"leaf":-1}}}`))
	f.Add([]byte(`{"sub":"A","nats":{"limits":{"conn":-9223372036854775808,"leaf":9223372036854775807}}}`))
	f.Add([]byte(`{"sub":"A","nats":null}`))
	f.Fuzz(func(t *testing.T, claims []byte) {
		for _, n := range []*int{first(limitsOf(claims, "A")), second(limitsOf(claims, "A"))} {
			if n != nil && (*n < 0 || *n > 1<<31-1) {
				t.Errorf("%q: a limit of %d", claims, *n)
			}
		}
	})
}

func first(a, _ *int) *int  { return a }
func second(_, b *int) *int { return b }
