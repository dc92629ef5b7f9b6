// Package config reads the configuration file of --config: thresholds, client
// URLs, resolvers, overrides and what was accepted. It says on which line what is
// wrong. It opens no file, and does not decide what wins over what.
package config
