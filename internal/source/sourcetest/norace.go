//go:build !race

package sourcetest

// RaceDetector is whether tests run with it.
const RaceDetector = false
