//go:build !race

package cli

// thousands of connections: three pages of CONNZ.
const thousands = 2100

const raceDetector = false
