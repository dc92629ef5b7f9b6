//go:build !race

package cli

// thousands of connections: three pages of CONNZ.
const thousands = 3000

const raceDetector = false
