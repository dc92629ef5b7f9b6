//go:build !unix

package cli

// noCoreDump has nothing to do where a crash writes no memory to a file.
func noCoreDump() {}
