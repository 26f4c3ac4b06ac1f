//go:build tools

// Package promtool names the one program that is built here.
package promtool

import _ "github.com/prometheus/prometheus/cmd/promtool"
