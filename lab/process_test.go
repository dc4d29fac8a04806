package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	p, err := detach(exec.Command("sleep", "60"), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Alive() || p.rss() == 0 {
		t.Fatalf("process %+v just started and is not alive", p)
	}
	// The same PID with another start time is another process.
	other := Process{p.PID, p.Start + 1}
	if err := other.end(syscall.SIGKILL, time.Second); err != nil || other.Alive() {
		t.Errorf("a recycled PID: %v", err)
	}
	if !p.Alive() {
		t.Fatal("a process was ended in place of one that had its PID before")
	}
	if err := p.stop(5 * time.Second); err != nil || p.Alive() {
		t.Errorf("stop: %v", err)
	}
	if err := p.stop(time.Second); err != nil {
		t.Errorf("stop of a process that is gone: %v", err)
	}
	if err := (Process{}).stop(time.Second); err != nil {
		t.Errorf("stop of no process: %v", err)
	}
}

func TestStopKills(t *testing.T) {
	dir := t.TempDir()
	p, err := detach(exec.Command("sh", "-c", "trap '' TERM; : >"+dir+"/ready; while :; do sleep 1; done"), filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, 5*time.Second, "the trap", func() bool { _, err := os.Stat(dir + "/ready"); return err == nil })
	if err := p.stop(100 * time.Millisecond); err != nil || p.Alive() {
		t.Errorf("a process that ignores SIGTERM: %v", err)
	}
}

// waitFor polls until ok, and fails the test after the deadline.
func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come within %s", what, limit)
		}
	}
}

// TestTrialStart boots a real kernel the way the trial under KVM does, emulated
// so that it works everywhere.
func TestTrialStart(t *testing.T) {
	need(t, false, "qemu-system-x86_64")
	kernel := os.Getenv("SANDAI_TEST_KERNEL")
	if kernel == "" {
		kernel = hostKernel()
	}
	if kernel == "" {
		t.Skip("no kernel in /boot; name one in SANDAI_TEST_KERNEL")
	}
	if err := trialStart(t.Context(), testLog(t), kernel, acceleration(false), 2*time.Minute); err != nil {
		t.Error(err)
	}
	if err := trialStart(t.Context(), testLog(t), kernel, []string{"-accel", "nonsense"}, time.Minute); err == nil {
		t.Error("a trial start with a nonsense accelerator succeeded")
	}
}
