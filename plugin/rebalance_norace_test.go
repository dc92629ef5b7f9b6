//go:build !race

package plugin

// thousands of connections: three pages of CONNZ.
const thousands = 3000

const raceDetector = false
