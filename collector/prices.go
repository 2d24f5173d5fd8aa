// Package collector embeds the data that its components share.
package collector

import _ "embed"

// Prices is prices.json, which `make prices` makes.
//
//go:embed prices.json
var Prices []byte
