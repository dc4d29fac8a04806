package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process that this or another run of the lab began. Start makes
// it certain that a recycled PID is never taken for it.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot, field 22 of proc_pid_stat(5)
}

// procStat returns state and start time of a process.
func procStat(pid int) (state byte, start uint64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The second field is the name in brackets and may hold anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(f)+2)
	}
	start, err = strconv.ParseUint(string(f[19]), 10, 64)
	return f[0][0], start, err
}

func processOf(pid int) (Process, error) {
	_, start, err := procStat(pid)
	return Process{pid, start}, err
}

// Alive reports whether the process still runs; a zombie does not.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	state, start, err := procStat(p.PID)
	return err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// end sends the signal and waits until the process is gone. A process that is
// gone already is no error.
func (p Process) end(sig syscall.Signal, timeout time.Duration) error {
	if !p.Alive() {
		return nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	if !p.Alive() { // fd could be of a process that took the PID just now
		return nil
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end process %d: %w", p.PID, err)
	}
	deadline := time.Now().Add(timeout)
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // readable when it has ended
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("process %d did not end within %s of signal %d", p.PID, timeout, sig)
		}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %d: %w", p.PID, err)
		}
		if n > 0 {
			return nil
		}
	}
}

// stop asks the process to end and, when it does not within grace, kills it.
func (p Process) stop(grace time.Duration) error {
	if err := p.end(unix.SIGTERM, grace); err == nil {
		return nil
	}
	return p.end(unix.SIGKILL, 10*time.Second)
}

// detach starts the command in a session of its own, with its output appended
// to the log file, so that it outlives this process.
func detach(c *exec.Cmd, log string) (Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return Process{}, err
	}
	defer out.Close()
	c.Stdin, c.Stdout, c.Stderr = nil, out, out
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setsid = true
	if err := c.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", c.Path, err)
	}
	p, err := processOf(c.Process.Pid)
	if err != nil {
		_ = c.Process.Kill()
		_ = c.Wait()
		return Process{}, err
	}
	go func() { _ = c.Wait() }() // no zombie while this process lives
	return p, nil
}

// rss is the process's resident memory in bytes, 0 when unknown.
func (p Process) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID))
	f := bytes.Fields(b)
	if err != nil || len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}
