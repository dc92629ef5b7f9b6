//go:build race

package sourcetest

// RaceDetector reports whether tests run with it.
const RaceDetector = true
