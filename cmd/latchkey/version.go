package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// build is what the compiler noted down about this binary.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified"` // built from a tree with changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// version is set by -ldflags at a release; a build from source says "devel".
var version = "devel"

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (v *versionCmd) Run(c *console) error {
	b := thisBuild()
	if v.JSON {
		return printJSON(c.out, b)
	}
	fmt.Fprintf(c.out, "latchkey %s", b.Version)
	if len(b.Revision) >= 12 {
		fmt.Fprintf(c.out, " (%s", b.Revision[:12])
		if b.Modified {
			fmt.Fprint(c.out, ", changed")
		}
		fmt.Fprint(c.out, ")")
	}
	_, err := fmt.Fprintf(c.out, " %s %s\n", b.Go, b.Platform)
	return err
}
