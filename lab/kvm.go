package lab

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/cavaliergopher/cpio"
	"golang.org/x/sys/unix"
)

// ioctl requests of the KVM API, linux/kvm.h.
const (
	kvmCreateVM   = 0xae01
	kvmCreateVCPU = 0xae41
)

// kvmWorks reports whether machines may use KVM, and why or why not. A
// /dev/kvm that is there proves nothing: only a real kernel that got to its
// first program under KVM does.
func kvmWorks(ctx context.Context, log *slog.Logger, kernel string) (bool, string) {
	if err := kvmOpens(); err != nil {
		return false, err.Error()
	}
	if kernel == "" {
		kernel = hostKernel()
	}
	if kernel == "" {
		return false, "there is no kernel in /boot for the trial start under KVM; name one with --kernel"
	}
	if err := trialStart(ctx, log, kernel, []string{"-accel", "kvm", "-cpu", "host"}, 10*time.Second); err != nil {
		return false, "the trial start under KVM failed: " + err.Error()
	}
	return true, "a trial start of " + kernel + " under KVM got to its first program"
}

// kvmOpens makes an empty virtual machine with one processor.
func kvmOpens() error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no KVM: %w", err)
	}
	defer f.Close()
	vm, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), kvmCreateVM, 0)
	if e != 0 {
		return fmt.Errorf("/dev/kvm makes no virtual machine: %w", e)
	}
	defer unix.Close(int(vm))
	cpu, _, e := unix.Syscall(unix.SYS_IOCTL, vm, kvmCreateVCPU, 0)
	if e != 0 {
		return fmt.Errorf("/dev/kvm makes no virtual processor: %w", e)
	}
	return unix.Close(int(cpu))
}

// hostKernel is the newest readable kernel of this host, "" for none.
func hostKernel() string {
	found, _ := filepath.Glob("/boot/vmlinuz-*")
	slices.Sort(found)
	for _, k := range slices.Backward(found) {
		if f, err := os.Open(k); err == nil {
			f.Close()
			return k
		}
	}
	return ""
}

// trialMarker is what the trial's first program writes.
const trialMarker = "SANDAI-TRIAL-OK"

// trialStart boots the kernel with a first program of a few instructions and
// waits for its word on the serial port.
func trialStart(ctx context.Context, log *slog.Logger, kernel string, accel []string, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "sandai-trial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initrd")
	if err := writeTrialInitrd(initrd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := append([]string{"-nodefaults", "-no-user-config", "-machine", "q35,graphics=off", "-vga", "none", "-display", "none", "-m", "512M",
		"-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 panic=-1"}, accel...)
	c := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	seen := &markerWriter{found: cancel}
	c.Stdout = seen
	var stderr bytes.Buffer
	c.Stderr = &stderr
	begun := time.Now()
	err = c.Run()
	log.Debug("trial start", "kernel", kernel, "accel", accel, "marker", seen.ok, "error", err, "took", time.Since(begun), "stderr", stderr.String())
	switch {
	case seen.ok:
		return nil
	case time.Since(begun) >= limit:
		return fmt.Errorf("no word from the kernel within %s", limit)
	}
	return fmt.Errorf("QEMU ended (%v): %.300s", err, bytes.TrimSpace(stderr.Bytes()))
}

// markerWriter calls found once the marker has passed.
type markerWriter struct {
	tail  []byte
	ok    bool
	found func()
}

func (w *markerWriter) Write(p []byte) (int, error) {
	w.tail = append(w.tail, p...)
	if !w.ok && bytes.Contains(w.tail, []byte(trialMarker)) {
		w.ok = true
		w.found()
	}
	w.tail = w.tail[max(0, len(w.tail)-len(trialMarker)):]
	return len(p), nil
}

// writeTrialInitrd writes an archive whose /init is a program that writes the
// marker and turns the machine off: one ELF segment at 0x400000. /dev/console
// comes from the archive that every kernel has built in.
func writeTrialInitrd(path string) error {
	code := []byte{
		0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, // write(1,
		0x48, 0x8d, 0x35, 42, 0, 0, 0, //           message: 42 bytes after this instruction,
		0xba, byte(len(trialMarker) + 1), 0, 0, 0, 0x0f, 0x05, // its length)
		0xb8, 169, 0, 0, 0, 0xbf, 0xad, 0xde, 0xe1, 0xfe, // reboot(LINUX_REBOOT_MAGIC1,
		0xbe, 0x69, 0x19, 0x12, 0x28, //            LINUX_REBOOT_MAGIC2,
		0xba, 0xdc, 0xfe, 0x21, 0x43, 0x0f, 0x05, // LINUX_REBOOT_CMD_POWER_OFF)
		0xeb, 0xfe, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, // for {}
	}
	code = append(code, trialMarker+"\n"...)
	const base, head = 0x400000, 120
	le := func(n int, v uint64) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(v >> (8 * i))
		}
		return b
	}
	var e bytes.Buffer
	e.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, f := range []struct {
		n int
		v uint64
	}{
		{2, 2}, {2, 62}, {4, 1}, {8, base + head}, {8, 64}, {8, 0}, {4, 0}, {2, 64}, {2, 56}, {2, 1}, {2, 64}, {2, 0}, {2, 0}, // ELF header
		{4, 1}, {4, 5}, {8, 0}, {8, base}, {8, base}, {8, uint64(head + len(code))}, {8, uint64(head + len(code))}, {8, 0x1000}, // one PT_LOAD, r-x
	} {
		e.Write(le(f.n, f.v))
	}
	e.Write(code)
	var a bytes.Buffer
	w := cpio.NewWriter(&a)
	if err := w.WriteHeader(&cpio.Header{Name: "init", Mode: cpio.TypeReg | 0o755, Size: int64(e.Len())}); err != nil {
		return err
	}
	if _, err := w.Write(e.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, a.Bytes(), 0o600)
}
