package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"latchkey/internal/pg/pgtest"
)

// TestFigures measures what the README says of the program as it is shipped:
// built with the image's command line. Machines are noisy, so only ceilings
// far above the figures fail.
func TestFigures(t *testing.T) {
	exe := shipped(t)
	info, err := os.Stat(exe)
	if err != nil {
		t.Fatal(err)
	}
	binary := float64(info.Size()) / 1e6

	cmd := exec.Command(exe, "serve")
	cmd.Env = production(t, pgtest.URL(t))
	began := time.Now()
	p := start(t, cmd)
	addr := servedAt(t, p)
	for {
		if r, err := http.Get(addr + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 30*time.Second*slack {
			t.Fatal("never ready")
		}
		time.Sleep(2 * time.Millisecond)
	}
	ready := time.Since(began)
	memory := residentMB(t, cmd.Process.Pid)
	t.Logf("start to ready %.2f s · memory %.0f MB · binary %.0f MB", ready.Seconds(), memory, binary)
	if ready > 10*time.Second || memory > 90 || binary > 50 {
		t.Error("far above what the README says")
	}
}

// shipped builds the program as the image has it.
func shipped(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "latchkey")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return exe
}

// residentMB is the memory of a process now, peakMB the most it ever had, as
// the operating system counts them.
func residentMB(t *testing.T, pid int) float64 { t.Helper(); return memoryMB(t, pid, "VmRSS") }
func peakMB(t *testing.T, pid int) float64     { t.Helper(); return memoryMB(t, pid, "VmHWM") }

func memoryMB(t *testing.T, pid int, line string) float64 {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Skip("this system has no /proc: memory is not measured")
	}
	m := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatal("no " + line)
	}
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1000
}
