package checks

import (
	"slices"
	"testing"
)

// TestConcentrated: the services that make a finding are the largest on its
// server, as many as it takes, and none that is spread.
func TestConcentrated(t *testing.T) {
	t.Parallel()
	service := func(counts ...int) Service { return Service{Counts: counts} }
	for _, r := range []struct {
		name     string
		services []Service
		want     []int
	}{
		{"one of two", []Service{service(1, 3, 4), service(24, 0, 0)}, []int{1}},
		{"both", []Service{service(10, 0, 0), service(24, 0, 0)}, []int{1, 0}},
		{"the only one", []Service{service(20, 2, 2)}, []int{0}},
		{"a large one that is spread is none of them", []Service{service(30, 29, 31), service(200, 0, 0)}, []int{1}},
		{"as many as it takes, of those that are alike too", []Service{service(8, 0, 0), service(8, 0, 0), service(8, 0, 0), service(1, 4, 4)}, []int{0}},
		{"two that are left are not concentrated", []Service{service(24, 0, 0), service(2, 0, 0)}, []int{0}},

		{"none", nil, nil},
		{"not concentrated", []Service{service(7, 2, 1)}, nil},
		{"spread", []Service{service(5, 5, 5), service(9, 9, 9)}, nil},
		{"nobody is left", []Service{service(0, 0, 0)}, nil},
		{"without counts", []Service{{}, {}}, nil},
		{"on another server", []Service{service(0, 24, 0)}, nil},
	} {
		if got := Concentrated(r.services, Defaults().Exceeds); !slices.Equal(got, r.want) {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
	}
}
