package history

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// minutes are spreads of 60 minutes, one in each.
func minutes() (all []record.Change) {
	start := time.Now().Add(-time.Hour).UTC()
	for i := range 60 {
		at := start.Add(time.Duration(i) * time.Minute)
		all = append(all, record.Change{Kind: record.Shifted, Time: at, Cluster: "C1", Spread: spread(at, 8, 7, i)})
	}
	return all
}

// A file of the history is damaged, or cut off. What is missing is counted, and the time is
// unknown: also after somebody read it, which cuts the damage off, and once another watch
// records.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"nothing": slices.Clone[[]byte],
		"changed": func(b []byte) []byte {
			b = slices.Clone(b)
			for i := range 40 {
				b[len(b)/2+i] ^= 0xff
			}
			return b
		},
		"cut off": func(b []byte) []byte { return b[:len(b)*2/3] },
		"emptied": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, dir, all := sourcetest.Within(t), t.TempDir(), minutes()
			s, err := OpenLocal(ctx, dir, limits())
			if err != nil {
				t.Fatal(err)
			}
			written(t, s, all)
			s.Close()
			blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", server.JetStreamStoreDir, "*", "streams", StreamName, "msgs", "1.blk"))
			if err != nil || len(blocks) != 1 {
				t.Fatal(blocks, err)
			}
			data, err := os.ReadFile(blocks[0])
			if err == nil {
				err = os.WriteFile(blocks[0], damage(data), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			reads := func() (Reading, History) {
				s, err := ReadLocal(ctx, dir, plainly())
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				r, err := s.Reading(ctx, Query{}, now)
				if err != nil {
					t.Fatal(err)
				}
				var damaged *DamagedError
				if err := s.whole(ctx, time.Time{}, now); (r.Damage.Missing > 0) != errors.As(err, &damaged) {
					t.Errorf("%+v: %v", r.Damage, err)
				}
				return r, r.Tell(now)
			}
			for range 2 {
				r, h := reads()
				switch name {
				case "nothing":
					if r.Damage.Missing != 0 || r.Damage.All || len(r.Damage.Gaps) != 0 || len(r.Docs) != len(all) {
						t.Fatalf("%+v", r.Damage)
					}
					continue
				case "emptied":
					if !r.Damage.All {
						t.Fatalf("%+v", r.Damage)
					}
					continue
				}
				if r.Damage.Missing == 0 || r.Damage.Missing+len(r.Docs) != len(all) || len(r.Damage.Gaps) != 1 {
					t.Fatalf("%d documents are left: %+v", len(r.Docs), r.Damage)
				}
				last := all[len(r.Docs)-1].Time
				if !r.Until.Equal(last) || len(h.Gaps) != 1 || h.Gaps[0] != (Gap{last, now}) {
					t.Fatalf("until %s, gaps %+v, the last one that is left is of %s", r.Until, h.Gaps, last)
				}
			}
			if name == "nothing" || name == "emptied" {
				return
			}
			if s, err = OpenLocal(ctx, dir, limits()); err != nil {
				t.Fatal(err)
			}
			begins := now.Truncate(time.Millisecond)
			written(t, s, []record.Change{{Kind: record.Watching, Time: begins, Since: s.LastAlive(ctx), Of: &record.Totals{}}})
			s.Close()
			r, h := reads()
			if last := all[len(r.Docs)-2].Time; !slices.ContainsFunc(h.Gaps, func(g Gap) bool { return g.From.Equal(last) && g.To.Equal(begins) }) {
				t.Errorf("%+v, want a gap from %s", h.Gaps, last)
			}
		})
	}
}

// Documents that somebody deleted in the middle are missing, unless the stream is configured to
// remove some in the middle.
func TestDeletedDocuments(t *testing.T) {
	t.Parallel()
	ctx, srv, all := sourcetest.Within(t), keeper(t), minutes()
	s, err := Use(ctx, sourcetest.Connect(t, srv.ClientURL()), limits())
	if err != nil {
		t.Fatal(err)
	}
	written(t, s, all)
	stream, err := s.js.Stream(ctx, StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{10, 11, 30} {
		if err := stream.DeleteMsg(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Reading(ctx, Query{}, time.Now())
	want := []Gap{{all[8].Time, all[11].Time}, {all[28].Time, all[30].Time}}
	if err != nil || r.Damage.Missing != 3 || !slices.Equal(r.Damage.Gaps, want) || !slices.Equal(r.Tell(time.Now()).Gaps[:2], want) {
		t.Errorf("%v: %+v", err, r.Damage)
	}
	// What is left of before is not all that happened, and no evidence.
	here := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}}
	if _, err := s.Recorded(ctx, here, []Suspect{{"ORDERS", "C1"}}, time.Now()); err != nil {
		t.Errorf("after it is enough left: %v", err)
	}
	if err := stream.DeleteMsg(ctx, 59); err != nil {
		t.Fatal(err)
	}
	got, err := s.Recorded(ctx, here, []Suspect{{"ORDERS", "C1"}}, time.Now())
	if err != nil || len(got[0].Spreads) != 1 {
		t.Errorf("%v: %+v", err, got)
	}
	var damaged *DamagedError
	if _, err := s.Past(ctx, time.Now()); !errors.As(err, &damaged) {
		t.Errorf("which servers went: %v", err)
	}
	config := s.streamConfig()
	config.MaxMsgsPerSubject = 1000
	if _, err := s.js.UpdateStream(ctx, config); err != nil {
		t.Fatal(err)
	}
	if r, err = s.Reading(ctx, Query{}, time.Now()); err != nil || r.Damage.Missing != 0 || len(r.Damage.Gaps) != 0 {
		t.Errorf("%v: %+v", err, r.Damage)
	}
}

// What is not a document of this version is counted.
func TestUnreadableDocuments(t *testing.T) {
	t.Parallel()
	ctx, srv := sourcetest.Within(t), keeper(t)
	s, err := Use(ctx, sourcetest.Connect(t, srv.ClientURL()), limits())
	if err != nil {
		t.Fatal(err)
	}
	written(t, s, minutes()[:1])
	for _, data := range []string{"", "no", "{}", "null", `{"type":"nats-balance.v2.change"}`} {
		if _, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: ofAccounts + "C1.ORDERS", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.Reading(ctx, Query{}, time.Now()); err != nil || r.Damage.Unreadable != 5 || len(r.Docs) != 1 {
		t.Errorf("%v: %+v, %d documents", err, r.Damage, len(r.Docs))
	}
}

// A folder whose stream can't be read is not one without a history.
func TestStreamWithoutDescription(t *testing.T) {
	t.Parallel()
	ctx, dir := sourcetest.Within(t), t.TempDir()
	s, err := OpenLocal(ctx, dir, limits())
	if err != nil {
		t.Fatal(err)
	}
	written(t, s, minutes()[:1])
	s.Close()
	found, err := filepath.Glob(filepath.Join(dir, "jetstream", server.JetStreamStoreDir, "*", "streams", StreamName, "meta.inf"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	var broken *BrokenStreamError
	if _, err := ReadLocal(ctx, dir, plainly()); !errors.As(err, &broken) {
		t.Errorf("%v", err)
	}
}
