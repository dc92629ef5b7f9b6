package cause

import "slices"

// InOrder returns the ids of the cluster's servers in the order in which the clients of
// one of the Services take them, the first one again after the last. It is nil where
// that is not likely to be why they are where they are, or where their list does not
// have every server of the cluster at a URL of its own.
func (d Diagnosis) InOrder(service int) []string {
	x := d.Services[service]
	if !slices.Contains(x.Strong, OrderedConnect) {
		return nil
	}
	s := d.project([]int{x.at})
	var out []string
	for _, f := range listsOf(s.Own, wide) {
		if s.inOrder(f).verdict.Strong() {
			order := s.orderOf(f.Reach)
			if order == nil || out != nil && !slices.Equal(order, out) {
				return nil
			}
			out = order
		}
	}
	return out
}

// orderOf are the ids of the servers of a list by its URLs, nil where one URL leads to
// several of them or a server has none.
func (s *Situation) orderOf(r Reach) []string {
	var out, urls []string
	for _, a := range r.Arrivals {
		id := s.Deployment.Servers[a.Server].ID
		if slices.Contains(urls, a.URL) && out[len(out)-1] != id {
			return nil
		}
		if !slices.Contains(out, id) {
			out, urls = append(out, id), append(urls, a.URL)
		}
	}
	if len(out) != 1+len(s.Others) || len(r.Open)+s.Missing > 0 {
		return nil
	}
	return out
}
