// Package tools is a module of its own, so that what checks the service stays
// out of the service's go.mod: the pinned linters that .ci/run builds, and
// the tests of Dockerfile and compose.yaml, which need no container engine,
// and of dashboard and alerts, by Prometheus' own parser and engine.
package tools
