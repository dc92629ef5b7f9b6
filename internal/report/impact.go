package report

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ImpactType is the type of the JSON document of what stopping servers would do.
const ImpactType = "nats-balance.v1.impact"

// Impacts is what stopping servers would do, or what the loss of one did. Every
// field is always present.
type Impacts struct {
	Type   string    `json:"type"`
	Tool   Tool      `json:"tool"`
	Time   time.Time `json:"time"`
	Source Source    `json:"source"`
	// Outcome is pass where all can fail over and fit, or all are back, finding
	// where not all, incomplete where that is not known.
	Outcome  string         `json:"outcome"`
	Coverage Coverage       `json:"coverage"`
	Servers  []ServerImpact `json:"servers"`
	Gone     *ServerGone    `json:"gone"` // with a baseline or a recorder, else null
	Warnings []string       `json:"warnings"`
}

// ServerImpact is what stopping one server would do.
type ServerImpact struct {
	Server  ServerRef `json:"server"`
	Cluster string    `json:"cluster"`
	// Reported is the name that its servers report: another one where several clusters do.
	Reported string `json:"reported_cluster"`
	Outcome  string `json:"outcome"`
	// Connections drop; of them some can fail over, some can't, and of the rest it
	// is not known.
	Connections int        `json:"connections"`
	CanFailOver int        `json:"can_fail_over"`
	Stranded    int        `json:"stranded"`
	Unknown     int        `json:"unknown"`
	Fits        string     `json:"fits"` // yes, no or unknown
	Survivors   []Survivor `json:"survivors"`
	// OtherClusters are where clients may go whose lists lead there too, and about how
	// many.
	OtherClusters []ClusterCount  `json:"other_clusters"`
	Accounts      []AccountImpact `json:"accounts"`
}

// ClusterCount is what a cluster has, or may get.
type ClusterCount struct {
	Cluster     string `json:"cluster"`
	Connections int    `json:"connections"`
}

func clusterCounts(all []cause.Gain) []ClusterCount {
	out := []ClusterCount{}
	for _, g := range all {
		out = append(out, ClusterCount{words.Harmless(g.Cluster), g.Connections})
	}
	return out
}

// AccountImpact is an account on the server.
type AccountImpact struct {
	Account      Account `json:"account"`
	Connections  int     `json:"connections"`
	OnServer     int     `json:"on_server"`
	SharePercent Percent `json:"share_percent"`
	Distribution []Share `json:"distribution"`
	// OtherClusters are what other clusters have of the account.
	OtherClusters []ClusterCount  `json:"other_clusters"`
	Services      []ServiceImpact `json:"services"`
}

// ServiceImpact is a service on the server. The name is empty where its connections
// could not be told apart.
type ServiceImpact struct {
	Name        string  `json:"name"`
	User        string  `json:"user"`
	Language    string  `json:"language"`
	Protocol    string  `json:"protocol"`
	OnServer    int     `json:"on_server"`
	CanFailOver string  `json:"can_fail_over"` // yes, no or unknown
	Why         *string `json:"why"`
	// Counts are what it has on each server of the cluster, the most first; nil where
	// its connections could not be told apart from others.
	Counts []ServiceCount `json:"counts"`

	need cause.Need // what would settle it, see [cause.Reconnect]
}

// ImpactInput is what the document is made of; SourceDetail must have no
// credentials.
type ImpactInput struct {
	Version      string
	Time         time.Time
	SourceKind   source.Kind
	SourceDetail []string
	Deployment   *checks.Deployment
	Losses       []cause.Loss
	// Everywhere is that they are of all clusters, and of no certain server.
	Everywhere bool
	Gone       *ServerGone
	// MayHave is that the server may still have some of those that are missing.
	MayHave  bool
	Warnings []string
}

// NewImpacts builds the document. Names from outside are made harmless here.
func NewImpacts(in ImpactInput) *Impacts {
	doc := &Impacts{Type: ImpactType, Tool: Tool{Name: "nats-balance", Version: in.Version}, Time: in.Time.UTC().Truncate(time.Second),
		Source:  sourceOf(in.SourceKind, in.SourceDetail, in.Deployment),
		Outcome: string(checks.OutcomePass), Coverage: coverage(in.Deployment), Servers: []ServerImpact{}, Gone: in.Gone, Warnings: sentences(in.Warnings)}
	for _, n := range in.Deployment.Notes {
		doc.Coverage.Notes = append(doc.Coverage.Notes, words.Sentence(n))
	}
	worst := 0
	add := func(o checks.Outcome) {
		rank := map[checks.Outcome]int{checks.OutcomeIncomplete: 1, checks.OutcomeFinding: 2}[o]
		if rank > worst {
			worst, doc.Outcome = rank, string(o)
		}
	}
	for _, l := range in.Losses {
		doc.Servers = append(doc.Servers, serverImpact(l, in.Deployment.Reported(l.Cluster)))
		add(l.Outcome())
	}
	if in.Everywhere && !doc.Coverage.Complete {
		add(checks.OutcomeIncomplete) // a server that is missing may have most
	}
	if g := in.Gone; g != nil {
		g.finish()
		g.mayHave = in.MayHave
		add(g.outcome())
	}
	return doc
}

func serverImpact(l cause.Loss, reported string) ServerImpact {
	out := ServerImpact{Server: ServerRef{ID: words.Harmless(l.Server.ID), Name: words.Harmless(l.Server.Name), Host: words.Harmless(l.Server.Host)},
		Cluster: words.Harmless(l.Cluster), Reported: words.Harmless(reported), Outcome: string(l.Outcome()), Connections: l.Connections, CanFailOver: l.Can, Stranded: l.Stranded,
		Unknown: l.Connections - l.Can - l.Stranded, Fits: string(l.Fits), Survivors: []Survivor{}, OtherClusters: clusterCounts(l.Abroad), Accounts: []AccountImpact{}}
	var shares []checks.Share
	for _, s := range l.Survivors {
		shares = append(shares, checks.Share{Server: s.Server})
	}
	label := labels(shares)
	for _, s := range l.Survivors {
		out.Survivors = append(out.Survivors, Survivor{Server: serverRef(s.Server), Now: s.Now, After: s.After, Limit: s.Limit, label: label(s.Server)})
	}
	for _, a := range l.Accounts {
		row := AccountImpact{Account: Account{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name)}, Connections: a.Connections, OnServer: a.OnServer,
			SharePercent: percent(a.OnServer, a.Connections), Distribution: []Share{}, OtherClusters: clusterCounts(a.Elsewhere), Services: []ServiceImpact{}}
		on := labels(a.Distribution)
		for _, s := range a.Distribution {
			row.Distribution = append(row.Distribution, shareOf(s, a.Connections, on))
		}
		var counts func(checks.Service) []ServiceCount
		for _, s := range a.Services {
			service := ServiceImpact{User: words.Harmless(s.Service.User), Language: words.Harmless(s.Service.Language), Protocol: words.Harmless(s.Service.Protocol),
				OnServer: s.OnServer, CanFailOver: string(s.Can), need: s.Need}
			if s.Service.Stem != "" || s.Service.User != "" || s.Service.Language != "" || s.Service.Remainder {
				service.Name = words.Harmless(cause.ServiceName(s.Service))
			}
			if a.Profile != nil && service.Name != "" && !s.Service.Remainder {
				if counts == nil {
					counts = serviceCounts(a.Distribution, a.Profile)
				}
				service.Counts = counts(s.Service)
			}
			service.Why = nonEmpty(obstacleText(s.Why))
			row.Services = append(row.Services, service)
		}
		out.Accounts = append(out.Accounts, row)
	}
	return out
}
