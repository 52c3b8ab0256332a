// Command shots takes the pictures of the pages that README and docs show. It
// starts a service of its own, signs in as the demo accounts do, and writes
// docs/screenshots/*.png:
//
//	cd internal/tools && go run ./shots
//	cd internal/tools && go run ./shots -all -out /tmp/pages   # dark and narrow, too
//
// It needs a Chromium on the PATH, or in CHROME_BIN.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	repo := flag.String("repo", "../..", "folder of the repository")
	out := flag.String("out", "", "folder for the pictures (default docs/screenshots of the repository)")
	all := flag.Bool("all", false, "dark and at 360 px, too, of any size, to look at")
	flag.Parse()
	if *out == "" {
		*out = filepath.Join(*repo, "docs", "screenshots")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, *repo, *out, *all); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, repo, out string, all bool) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	base, stop, err := startService(ctx, repo)
	if err != nil {
		return err
	}
	defer stop()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("hide-scrollbars", true))
	if path := os.Getenv("CHROME_BIN"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, end = chromedp.NewContext(ctx)
	defer end()
	p := &photographer{ctx: ctx, base: base, out: out, looks: plain, limit: 120 << 10}
	if all {
		p.looks, p.limit = everything, 0
	}
	if err := chromedp.Do(ctx); err != nil {
		return fmt.Errorf("start browser: %w", err)
	}
	p.tour(all)
	return p.err
}

// startService builds and starts `latchkey dev` with nothing kept, and waits
// until it says where it is.
func startService(ctx context.Context, repo string) (base string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "shots-")
	if err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		}
	}()
	binary := filepath.Join(dir, "latchkey")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/latchkey")
	build.Dir, build.Stderr = repo, os.Stderr
	if err := build.Run(); err != nil {
		return "", nil, fmt.Errorf("build latchkey: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, "dev", "--ephemeral", "--json", "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it has children to end
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may be gone
		cmd.Wait()                       //nolint:errcheck // the pictures are taken
		os.RemoveAll(dir)                //nolint:errcheck // a temporary folder
	}
	var ready struct {
		URL string `json:"url"`
	}
	lines := bufio.NewScanner(said)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &ready) != nil || ready.URL == "" {
		stop()
		return "", nil, errors.New("latchkey dev did not start")
	}
	return ready.URL, stop, nil
}
