package report

import "testing"

// Why it is unknown who is back names the server that did not report, if it has a name.
func TestOpenText(t *testing.T) {
	t.Parallel()
	for want, open := range map[string]Open{
		"another server of its cluster did not report":                                          OpenSilent{},
		"n2 did not report":                                                                     OpenSilent{Server: "n2"},
		"a server of WEST, where it has connections too, did not report":                        OpenSilent{Cluster: "WEST"},
		"w3 of WEST, where it has connections too, did not report":                              OpenSilent{"w3", "WEST"},
		"no server of its cluster reported":                                                     OpenCluster{},
		"a server of its cluster has some, and how many is unknown":                             OpenUncounted{},
		"no connection of it could be read":                                                     OpenUnreadable{},
		"8 of 9 connections were read":                                                          OpenPartlyRead{"8 of 9 connections were read"},
		"the account has too many services to keep all of them apart":                           OpenRemainder{},
		"another server did not report":                                                         openOther{},
		"its connections in other clusters were not read":                                       openElsewhere{},
		"watch did not see who came to the other servers when it went, as it was not connected": openUnseen{},
	} {
		if got := openText(open); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
