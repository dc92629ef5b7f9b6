package source

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Details are all there or none: what is not known must not look like what is
// not there.
func TestDetailsAreWhole(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	five := 5
	whole := wire.Varz{Now: asked.Add(3 * time.Second), Connections: &five, Config: &wire.Config{Port: 4222}}
	d, err := Details(whole, asked, asked.Add(2*time.Second))
	if err != nil || d.Offset != 2*time.Second || d.Margin != time.Second+time.Millisecond || d.Port != 4222 || *d.Connections != 5 {
		t.Errorf("%+v, %v", d, err)
	}
	for what, change := range map[string]func(*wire.Varz){
		"no time":        func(v *wire.Varz) { v.Now = time.Time{} },
		"no connections": func(v *wire.Varz) { v.Connections = nil },
		"no listeners":   func(v *wire.Varz) { v.Config = nil },
	} {
		v := whole
		change(&v)
		if d, err := Details(v, asked, asked); err == nil {
			t.Errorf("%s: %+v", what, d)
		}
	}
}

// What an answer about an account says of it.
func TestAccountOn(t *testing.T) {
	t.Parallel()
	const nkey = "ADCCBHBBIUGTJRWDPWGQIT4JSUX5BDWVNVRLYBS56XUCLEAZZU4FG6PW"
	gone := &wire.Error{Code: 500, Description: "Account does not exist"}
	for what, c := range map[string]struct {
		info    wire.AccountInfo
		err     error
		account string
		want    checks.Answer
	}{
		"known":           {wire.AccountInfo{ID: "A"}, nil, "A", checks.Yes},
		"another":         {wire.AccountInfo{ID: "B"}, nil, "A", checks.Unknown},
		"a placeholder":   {wire.AccountInfo{ID: "A", Expired: true}, nil, "A", checks.Unknown},
		"expired":         {wire.AccountInfo{ID: "A", Expired: true, Complete: true}, nil, "A", checks.No},
		"not there":       {wire.AccountInfo{}, gone, "A", checks.No},
		"another refusal": {wire.AccountInfo{}, &wire.Error{Code: 500, Description: "busy"}, "A", checks.Unknown},
	} {
		if on, err := AccountOn(c.info, c.err, c.account); err != nil || on.Usable != c.want || on.Detail == "" {
			t.Errorf("%s: %+v, %v; want %s", what, on, err, c.want)
		}
	}
	if on, err := AccountOn(wire.AccountInfo{}, gone, nkey); err != nil || on.Usable == checks.Yes {
		t.Errorf("in operator mode: %+v, %v", on, err)
	}
	if _, err := AccountOn(wire.AccountInfo{}, errors.New("it is malformed"), "A"); err == nil {
		t.Error("an answer that can't be read is a state")
	}
}

func TestTLSIsOffered(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		version               string
		required, certificate bool
		want                  checks.Answer
	}{
		"it is required":                        {"2.10.1", true, false, checks.Yes},
		"it is not, and there is a certificate": {"2.15.2", false, true, checks.Yes},
		"there is none":                         {"2.15.2", false, false, checks.No},
		"there is none, of the first to say":    {"2.12.4", false, false, checks.No},
		"there is none, of the first of 2.11":   {"2.11.12", false, false, checks.No},
		"a beta":                                {"2.15.3-beta.1", false, false, checks.No},
		"before the first":                      {"2.12.3", false, false, checks.Unknown},
		"before the first of 2.11":              {"2.11.11", false, false, checks.Unknown},
		"an old one":                            {"2.9.25", false, false, checks.Unknown},
		"no version":                            {"", false, false, checks.Unknown},
	} {
		v := wire.Varz{Version: c.version, Now: time.Now(), Connections: new(int), Config: &wire.Config{TLS: c.required, Certificate: c.certificate}}
		if d, err := Details(v, v.Now, v.Now); err != nil || d.OffersTLS != c.want {
			t.Errorf("%s: %v, %v; want %s", what, d, err, c.want)
		}
	}
}
