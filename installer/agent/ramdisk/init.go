package ramdisk

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var mounts = []struct{ source, target, kind, data string }{
	{"proc", "/proc", "proc", ""},
	{"sysfs", "/sys", "sysfs", ""},
	{"devtmpfs", "/dev", "devtmpfs", "mode=0755"},
	{"tmpfs", "/run", "tmpfs", "mode=0755"},
	{"tmpfs", "/tmp", "tmpfs", "mode=1777"},
}

// restartPause lies between two lives of the agent proper.
const restartPause = 5 * time.Second

// Init is PID 1. It mounts what every program needs and then does nothing but
// keep the agent proper running as a child and collect the dead: PID 1 must not
// end, whatever happens to the rest. It never returns.
func Init() {
	var failed []error
	for _, m := range mounts {
		_ = os.MkdirAll(m.target, 0o755)
		if err := unix.Mount(m.source, m.target, m.kind, 0, m.data); err != nil && err != unix.EBUSY {
			failed = append(failed, fmt.Errorf("mount %s: %w", m.target, err))
		}
	}
	console, log := openConsole()
	log.Info("Sandai deploy ramdisk starts")
	for _, err := range failed {
		log.Error("a file system is missing", "err", err)
	}
	// Warnings of the kernel and worse go on showing; the rest would drown ours.
	_, _ = unix.Klogctl(unix.SYSLOG_ACTION_CONSOLE_LEVEL, make([]byte, 5))
	for {
		p, err := os.StartProcess("/proc/self/exe", []string{"agent", "ramdisk"},
			&os.ProcAttr{Dir: "/", Env: []string{"PATH=/bin"}, Files: []*os.File{nil, console, console}})
		if err != nil {
			log.Error("the agent does not start", "err", err)
		} else {
			log.Error("the agent ended; it is started again", "how", reap(p.Pid), "pause", restartPause)
		}
		time.Sleep(restartPause) // not a condition: a brake on a loop that fails
	}
}

// reap collects dead processes until the agent is among them.
func reap(agent int) string {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err.Error()
		case pid == agent && ws.Signaled():
			return "killed by " + ws.Signal().String()
		case pid == agent && ws.Exited():
			return fmt.Sprintf("exit status %d", ws.ExitStatus())
		}
	}
}

func openConsole() (*os.File, *slog.Logger) {
	f, err := os.OpenFile("/dev/console", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		f = os.Stderr
	}
	return f, newLog(f)
}

// newLog writes lines that begin with the time since power-on, as the kernel's do:
// the clock on the wall is not to be trusted yet.
func newLog(f *os.File) *slog.Logger {
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key != slog.TimeKey {
			return a
		}
		var ts unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
		return slog.String("boot", fmt.Sprintf("%.3f", time.Duration(ts.Nano()).Seconds()))
	}}))
}
