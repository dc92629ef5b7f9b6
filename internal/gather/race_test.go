//go:build race

package gather

const raceDetector = true
