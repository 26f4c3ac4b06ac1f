//go:build tools

// Package influxd names the one program that is built here.
package influxd

import _ "github.com/influxdata/influxdb/v2/cmd/influxd"
