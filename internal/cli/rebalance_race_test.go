//go:build race

package cli

// thousands of connections are fewer where the race detector counts goroutines.
const thousands = 1200

const raceDetector = true
