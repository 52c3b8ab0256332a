package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/seal"
)

// doctorCmd looks at everything that the service stands on and says what to
// do. It changes nothing.
type doctorCmd struct {
	config.SiteInput
	config.WebInput
	config.PolicyInput
	config.DatabaseInput
	config.KeysInput
	config.RedisInput
	config.MailInput
	config.TraceInput
	config.LogInput

	Reach bool `name:"reach" help:"Also ask BASE_URL where it is not this machine."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// What a check came to.
const (
	checkOK      = "ok"
	checkTodo    = "todo"
	checkSkipped = "skipped"
)

// finding is the answer of one check.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Says  string `json:"says"`
	Todo  string `json:"todo,omitempty"`
}

// checkTime bounds each check, so that one that hangs is one finding.
const checkTime = 5 * time.Second

// doctor gathers findings.
type doctor struct {
	ctx      context.Context
	cfg      *config.Config
	in       *doctorCmd
	set      *seal.Set
	findings []finding
}

func (d *doctorCmd) Run(ctx context.Context, c *console) error {
	found := d.examine(ctx)
	todo := 0
	for _, f := range found {
		if f.State == checkTodo {
			todo++
		}
	}
	if d.JSON {
		if err := printJSON(c.out, found); err != nil {
			return err
		}
	} else {
		tell(c, found)
	}
	if todo > 0 {
		return fmt.Errorf("%s to be done", count(todo, "thing has", "things have"))
	}
	return nil
}

func tell(c *console, found []finding) {
	signs := map[string]string{checkOK: "ok   ", checkTodo: "TODO ", checkSkipped: "-    "}
	for _, f := range found {
		fmt.Fprintf(c.out, "%s %-10s %s\n", signs[f.State], f.Check, f.Says)
		if f.Todo != "" {
			fmt.Fprintf(c.out, "                 → %s\n", f.Todo)
		}
	}
}

func (d *doctorCmd) examine(ctx context.Context) []finding {
	x := &doctor{ctx: ctx, in: d}
	x.settings()
	x.keys()
	x.database()
	x.redis()
	x.mail()
	x.providers()
	x.site()
	return x.findings
}

func (x *doctor) ok(check, format string, args ...any) {
	x.findings = append(x.findings, finding{Check: check, State: checkOK, Says: fmt.Sprintf(format, args...)})
}

func (x *doctor) skip(check, format string, args ...any) {
	x.findings = append(x.findings, finding{Check: check, State: checkSkipped, Says: fmt.Sprintf(format, args...)})
}

func (x *doctor) todo(check, says, todo string) {
	x.findings = append(x.findings, finding{check, checkTodo, says, todo})
}

// settings judges all of them; those of the worker may be missing where only a
// server runs.
func (x *doctor) settings() {
	d := x.in
	cfg, err := config.Load(config.Input{
		SiteInput: d.SiteInput, WebInput: d.WebInput, PolicyInput: d.PolicyInput, DatabaseInput: d.DatabaseInput,
		KeysInput: d.KeysInput, RedisInput: d.RedisInput, MailInput: d.MailInput, TraceInput: d.TraceInput, LogInput: d.LogInput,
	}, config.Serve)
	x.cfg = cfg
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		x.todo("settings", err.Error(), "mend it and run doctor again")
		return
	}
	for _, f := range faults {
		says, todo, _ := strings.Cut(f.Error(), ": ")
		x.todo("settings", says, todo)
	}
	if len(faults) == 0 {
		x.ok("settings", "all that are set can be used")
	}
}

func (x *doctor) keys() {
	if !x.cfg.Keyset.IsSet() {
		x.skip("keys", "no KEYSET to look at")
		return
	}
	set, err := seal.ReadSet([]byte(x.cfg.Keyset.Reveal()))
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			x.todo("keys", strings.TrimSpace(line), "restore the keyset from your backup: what it sealed opens with nothing else")
		}
		return
	}
	x.set = set
	var has []string
	for _, p := range seal.Purposes() {
		has = append(has, fmt.Sprintf("%s %d", p, len(set.Of(p))))
	}
	x.ok("keys", "every purpose has its keys (%s)", strings.Join(has, ", "))
	for _, p := range seal.Purposes() {
		if id, ok := waiting(set.Of(p)); ok {
			x.todo("keys", fmt.Sprintf("%s: key %d was added and not promoted", p, id), "restart every process, then: latchkey keys rotate promote --purpose "+p)
		}
	}
}
