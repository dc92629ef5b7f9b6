package wire

import "sync"

// Each calls f for 0 to n-1, so many at a time. A decoder is of one call at a
// time.
func Each(n, atOnce int, f func(i int, d *Decoder)) {
	queue := make(chan int)
	var wg sync.WaitGroup
	for range min(atOnce, n) {
		wg.Go(func() {
			d := NewDecoder()
			for i := range queue {
				f(i, d)
			}
		})
	}
	for i := range n {
		queue <- i
	}
	close(queue)
	wg.Wait()
}
