// Command nats-balance finds accounts whose client connections sit mostly on
// one server of a NATS cluster.
package main

import (
	"os"

	"github.com/nats-balance/nats-balance/plugin"
)

func main() { os.Exit(plugin.Run(os.Args[1:], os.Stdout, os.Stderr)) }
